"""Torch with all that it loads only when it first trains, for a process that forks workers.

Its compiler, and with that a computer algebra system, is loaded by the first optimiser, whether or
not anything is to be compiled. Each worker would load it anew: most of a second, longer than a
small child is trained. What is done here asks for no GPU: each worker finds its own.
"""

from __future__ import annotations

import torch

torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
torch.use_deterministic_algorithms(False)
