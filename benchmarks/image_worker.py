"""Training steps of a super-network for images, ours or a peer's, on request.

`python image_worker.py KIND [CHECKOUT]`: for each line of JSON on standard input, an architecture
as tokens of our spaces, makes one step (forward, backward, SGD with Nesterov's momentum) on one
thread, and writes the processor's seconds for it. A peer runs in a Python that has it; this file
needs nothing but torch.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH, SIZE, CLASSES = 128, 32, 10
MACRO_LAYERS, MACRO_FILTERS = 12, 36
MICRO_CELLS, MICRO_FILTERS, MICRO_NODES = 6, 20, 5

Forward = Callable[[Tensor, Sequence[int]], Tensor]


def main() -> None:
    """Answer until standard input ends."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network, forward = BUILDERS[sys.argv[1]](*map(Path, sys.argv[2:]))
    step = Step(network, forward)
    for line in sys.stdin:
        print(json.dumps(step.seconds(json.loads(line))), flush=True)


class Step:
    """One training step at a time, always on the same random images."""

    def __init__(self, network: nn.Module, forward: Forward) -> None:
        self._forward = forward
        self._optimizer = torch.optim.SGD(
            network.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=1e-4
        )
        self._images = torch.randn(BATCH, 3, SIZE, SIZE)
        self._labels = torch.randint(CLASSES, (BATCH,))

    def make(self, tokens: Sequence[int]) -> None:
        """Train one architecture."""
        self._optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(self._forward(self._images, tokens), self._labels).backward()
        self._optimizer.step()

    def seconds(self, tokens: Sequence[int]) -> float:
        """Train one architecture; return the processor's time for it."""
        started_s = time.process_time()
        self.make(tokens)
        return time.process_time() - started_s


def ours_macro() -> tuple[nn.Module, Forward]:
    """Return our super-network of the macro space, with its defaults."""
    from nas_lib.config import EnasMacroSpaceConfig

    return _ours(EnasMacroSpaceConfig())


def ours_micro() -> tuple[nn.Module, Forward]:
    """Return our super-network of the micro space, with its defaults."""
    from nas_lib.config import EnasMicroSpaceConfig

    return _ours(EnasMicroSpaceConfig())


def _ours(space: Any) -> tuple[nn.Module, Forward]:
    from nas_lib.tasks.images.workload import build_super_network

    network = build_super_network(
        space, image_shape=(3, SIZE, SIZE), num_classes=CLASSES, dropout=0.1
    )
    return network, network


def tdevries(checkout: Path) -> tuple[nn.Module, Forward]:
    """Return TDeVries/enas_pytorch's, with the one change that today's torch asks for.

    It adds skip connections in place to an output that ReLU needs in its backward pass.
    """
    module = _load(checkout / "models/shared_cnn.py", "out += prev", "out = out + prev")
    network = module.SharedCNN(MACRO_LAYERS, 6, MACRO_FILTERS, keep_prob=0.9)

    def forward(images: Tensor, tokens: Sequence[int]) -> Tensor:
        layers, rest = {}, list(tokens)
        for number in range(MACRO_LAYERS):
            layers[str(number)] = [rest[0], torch.tensor(rest[1 : number + 1])]
            rest = rest[number + 1 :]
        logits: Tensor = network(images, layers)
        return logits

    return network, forward


def mengtianjian(checkout: Path) -> tuple[nn.Module, Forward]:
    """Return MengTianjian/enas-pytorch's, unchanged and without its auxiliary head."""
    module = _load(checkout / "micro_child.py")
    network = module.CNN(
        SimpleNamespace(
            child_num_layers=MICRO_CELLS,
            child_out_filters=MICRO_FILTERS,
            child_num_branches=5,
            child_num_cells=MICRO_NODES,
            child_use_aux_heads=False,
        )
    )

    def forward(images: Tensor, tokens: Sequence[int]) -> Tensor:
        cells: list[list[int]] = [[], []]
        for number, (first, second, op_1, op_2) in enumerate(_nodes(tokens)):
            cells[number // MICRO_NODES] += [first, op_1, second, op_2]
        logits: Tensor = network(images, cells)[0]
        return logits

    return network, forward


def nni(_: Path | None = None) -> tuple[nn.Module, Forward]:
    """Return the one-shot ENAS network of nni 3.0, its paths set instead of sampled.

    It differs: reduction cells have strided operations, and cells put out all their nodes.
    """
    from nni.nas.hub.pytorch import ENAS
    from nni.nas.oneshot.pytorch.supermodule.base import BaseSuperNetModule
    from nni.nas.strategy import RandomOneShot

    space = ENAS(width=MICRO_FILTERS, num_cells=MICRO_CELLS + 2, dataset="cifar")
    network = RandomOneShot().mutate_model(space)
    samplers = [module for module in network.modules() if isinstance(module, BaseSuperNetModule)]
    kinds = ["sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "skip_connect"]

    def forward(images: Tensor, tokens: Sequence[int]) -> Tensor:
        paths: dict[str, Any] = {}
        for number, (*inputs, op_1, op_2) in enumerate(_nodes(tokens)):
            cell = "reduce" if number >= MICRO_NODES else "normal"
            for side, index, operation in zip((0, 1), inputs, (op_1, op_2), strict=True):
                place = f"{number % MICRO_NODES + 2}_{side}"
                paths[f"{cell}/op_{place}"] = kinds[operation]
                paths[f"{cell}/input_{place}"] = [index]
        for sampler in samplers:
            sampler.resample(memo=paths)
        logits: Tensor = network(images)
        return logits

    return network, forward


BUILDERS: dict[str, Callable[..., tuple[nn.Module, Forward]]] = {
    "ours-macro": ours_macro,
    "ours-micro": ours_micro,
    "tdevries": tdevries,
    "mengtianjian": mengtianjian,
    "nni": nni,
}


def _nodes(tokens: Sequence[int]) -> list[tuple[int, ...]]:
    return [tuple(tokens[i : i + 4]) for i in range(0, len(tokens), 4)]


def _load(path: Path, old: str = "", new: str = "") -> ModuleType:
    """Return the module in a file, after a replacement in its text."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    text = path.read_text(encoding="utf-8")
    exec(compile(text.replace(old, new) if old else text, path, "exec"), module.__dict__)
    return module


if __name__ == "__main__":
    main()
