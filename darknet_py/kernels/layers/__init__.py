"""One kernel or a few for each other kind of layer, and for the boxes behind the heads."""
