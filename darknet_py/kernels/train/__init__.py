"""Training: backward passes, losses, updates, the random stream, pictures as the loader makes them."""
