"""The version of darknet-py, in one place."""

__version__ = "0.1.0"
