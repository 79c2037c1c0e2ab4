"""Is it the same? Compares this engine with reference detections, or live with a user's own Darknet build."""
