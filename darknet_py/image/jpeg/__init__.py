"""JPEG, decoded to the very pixels that Darknet sees (it decodes with ``stb_image`` 2.19).

The standard (ITU-T T.81) leaves the inverse cosine transform's rounding, the upsampling of the chroma planes and the
rounding of the colour conversion to the decoder; stb_image's choices are followed here to the last bit, and so is
what it does with files that are damaged but readable.
"""
