from __future__ import annotations

import runpy

import torch

from nas_lib.networks import activations, tree_nodes


def test_they_may_first_be_loaded_where_tensors_are_made_without_memory() -> None:
    with torch.device("meta"):  # as where networks are counted
        tanh = runpy.run_path(activations.__file__)["tanh"]
    x = torch.linspace(-3, 3, 4096)

    tanh(x, out=(found := torch.empty_like(x)))

    torch.testing.assert_close(found, torch.tanh(x))


def test_so_may_what_combines_values() -> None:
    with torch.device("meta"):
        combine_backward = runpy.run_path(tree_nodes.__file__)["combine_backward"]
    grad, equal = torch.ones(3), torch.ones(3)

    combine_backward("max", grad, (equal, equal), out=(found := torch.empty(3), torch.empty(3)))

    assert found.tolist() == [0.5] * 3
