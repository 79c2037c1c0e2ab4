"""Convolutions: packing, the micro-kernels, what follows the sums, and Winograd's filtering."""
