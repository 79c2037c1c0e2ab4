"""Training, as Darknet's CPU and GPU code compute it: loader, passes, losses, updates, learning rates."""
