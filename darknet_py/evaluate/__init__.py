"""Detectors and classifiers run over a validation set: Darknet's result files, recall, mean average precision."""
