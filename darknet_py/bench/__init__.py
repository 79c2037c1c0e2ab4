"""``darknet-py bench``: how fast networks run here, layer by layer, against the processor's limit and other engines."""
