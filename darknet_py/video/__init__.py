"""Detection in video (Darknet's ``demo``): sources, averaging, three stages that overlap, outputs."""
