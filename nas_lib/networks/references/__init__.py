"""Networks that people would have taken instead: a module each, named by plans of references.

They are made for images of 32x32 pixels. At other sizes they have the same layers and strides, and
take the mean or the maximum of what is left; where there is less than two pixels left to halve,
nothing is halved. So they run on images of any size.
"""
