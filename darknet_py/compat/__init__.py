"""The Python surfaces of other programs that run Darknet's files, answered by this engine."""
