"""What a network needs to be computed in 8-bit integers, found out with pictures: `run.calibrate`.

The network runs in float32 over the pictures twice: `observe` notes how far each channel goes and its mean, then
histograms of the channels as `balancing` has brought them to like ranges. `scales` chooses each layer's range from its
histogram, and moves biases by what rounding the weights does to the means. `noise` measures what each layer's rounding
does to the heads, `agreement` what all of it does to the detections; layers that hurt stay in float32 until they agree.
"""
