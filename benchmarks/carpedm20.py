"""The recurrent super-network of carpedm20/ENAS-pytorch, from a checkout of it.

Nothing of the checkout is changed. Its module is loaded alone, with stand-ins for the few things
that it takes from its neighbours: those import what draws pictures, and scipy.misc of 2017.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections import defaultdict
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.spaces.enas_rnn import RnnPlan


class Node(NamedTuple):
    """A node as the checkout's graphs have it."""

    id: int
    name: str


class Carpedm20:
    """The super-network of one size; without dropout and BatchNorm, embedding and softmax tied."""

    def __init__(self, checkout: Path, *, num_nodes: int, hidden: int, num_words: int) -> None:
        settings = SimpleNamespace(
            mode="derive",  # "train" would add BatchNorm
            num_blocks=num_nodes,
            shared_embed=hidden,
            shared_hid=hidden,
            shared_dropout=0.0,
            shared_dropoute=0.0,
            shared_dropouti=0.0,
            shared_wdrop=0.0,
            tie_weights=True,
            cuda=False,
        )
        self._num_nodes, self._hidden = num_nodes, hidden
        module: Any = _module(checkout)
        self.network: nn.Module = module.RNN(settings, SimpleNamespace(num_tokens=num_words))

    def loss(self, plan: RnnPlan, inputs_TB: Tensor, targets_TB: Tensor) -> Tensor:
        """Return the mean cross-entropy of a cell, read from a state of zeros."""
        state_BH = inputs_TB.new_zeros(inputs_TB.shape[1], self._hidden).float()
        logits_TBV, _, _ = self.network(inputs_TB, self._graph(plan), hidden=state_BH)
        return F.cross_entropy(logits_TBV.flatten(0, 1), targets_TB.flatten())

    def _graph(self, plan: RnnPlan) -> dict[int, list[Node]]:
        """Return who takes each node; -1 is word and state, the number of nodes is the output."""
        graph: dict[int, list[Node]] = defaultdict(list)
        for number, node in enumerate(plan.nodes):
            graph[-1 if node.previous is None else node.previous].append(
                Node(number, node.function)
            )
        for number in plan.outputs:
            graph[number].append(Node(self._num_nodes, "avg"))
        return graph


def _module(checkout: Path) -> ModuleType:
    stand_in = ModuleType("utils")
    stand_in.get_logger = logging.getLogger  # type: ignore[attr-defined]
    stand_in.keydefaultdict = lambda make: defaultdict(lambda: None)  # type: ignore[attr-defined]
    sys.modules["utils"], sys.modules["models"] = stand_in, ModuleType("models")
    try:
        _load(checkout, "shared_base")
        return _load(checkout, "shared_rnn")
    finally:  # nobody else is to find them under such names
        for name in ("utils", "models", "models.shared_base", "models.shared_rnn"):
            sys.modules.pop(name, None)


def _load(checkout: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"models.{name}", checkout / "models" / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"models.{name}"] = module
    setattr(sys.modules["models"], name, module)
    spec.loader.exec_module(module)
    return module
