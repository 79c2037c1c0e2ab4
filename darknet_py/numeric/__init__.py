"""Whose arithmetic is computed: what differs between Darknet's source and the programs that compilers make of it."""
