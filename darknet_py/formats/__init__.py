"""Darknet's files, read into plain objects and written whole."""
