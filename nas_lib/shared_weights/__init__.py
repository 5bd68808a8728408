"""Networks that own the weights of every architecture of a space, and how they are trained.

ENAS (Pham et al. 2018). Whichever architecture is asked for, it is computed with the same
parameters, and only its branches are computed.
"""
