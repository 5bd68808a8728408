from __future__ import annotations

import runpy

import torch

from nas_lib.networks import activations


def test_they_may_first_be_loaded_where_tensors_are_made_without_memory() -> None:
    with torch.device("meta"):  # as where networks are counted
        tanh = runpy.run_path(activations.__file__)["tanh"]
    x = torch.linspace(-3, 3, 4096)

    tanh(x, out=(found := torch.empty_like(x)))

    torch.testing.assert_close(found, torch.tanh(x))
