"""Readers of the formats besides JPEG that stb_image knows, one file each."""
