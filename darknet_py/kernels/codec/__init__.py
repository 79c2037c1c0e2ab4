"""Pixels: resizing, and what image files are packed with. (JPEG has its own in `image.jpeg`.)"""
