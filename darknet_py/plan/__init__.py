"""Where the program becomes fast without the layers knowing: which kernel, which memory, in which order."""
