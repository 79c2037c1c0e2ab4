"""Detections as Darknet's text and as JSON."""
