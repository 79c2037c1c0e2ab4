"""What works on words of any narrow number format (`kernels.vector.words`)."""
