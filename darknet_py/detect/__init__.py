"""From the heads' outputs to boxes: decoding, non-maximum suppression, and the `Detections` type."""
