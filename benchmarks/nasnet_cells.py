"""How fast networks of NASNet's cells train, and how much faster than nni's.

`PYTHON -m benchmarks.nasnet_cells --json FILE`, with a Python that has nni 3.0 and what this
library needs. Both train the same cells in one process and in turn, on one thread: a step is
forward, backward, and SGD with momentum. nni's network is as it comes, and also with channels next
to each other in memory, as ours is trained. Cells are NASNet-A's and some drawn at random, of
operations that nni has as the paper has them; both join the blocks that no other takes. What
differs: nni pads strided operations on both sides, halves an identity by a factorised reduction,
and brings both inputs to a cell's filters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.figure import Figure, tell_figures
from nas_lib.networks import build_network
from nas_lib.spaces import find_published
from nas_lib.spaces.cells import Edge, in_order, unused
from nas_lib.spaces.nasnet_plan import Block, Cell, NasNetOperation, NasNetPlan

BATCH, SIZE, CELLS, FILTERS = 64, 32, 2, 16
NUM_RANDOM, NUM_STEPS = 5, 9
AT_LEAST = 1.3
NNI: dict[NasNetOperation, str] = {
    "identity": "skip_connect",
    "avg3": "avg_pool_3x3",
    "max3": "max_pool_3x3",
    "max5": "max_pool_5x5",
    "max7": "max_pool_7x7",
    "conv1": "conv_1x1",
    "conv3": "conv_3x3",
    "sep3": "sep_conv_3x3",
    "sep5": "sep_conv_5x5",
    "sep7": "sep_conv_7x7",
}
"""Others differ: nni's 1x3 and 3x1 have no ReLU between, its dilated convolution is separable."""


def plans() -> Iterator[tuple[str, NasNetPlan]]:
    """Yield NASNet-A and random networks, by name."""
    published = find_published("nasnet-a")
    assert published is not None
    nasnet_a = NasNetPlan.parse(published.architecture)
    cells = {"normal": nasnet_a.normal, "reduction": nasnet_a.reduction}
    yield "NASNet-A", _small(**{name: cell.blocks for name, cell in cells.items()})
    rng = np.random.default_rng(0)
    for number in range(NUM_RANDOM):
        yield f"random {number + 1}", _small(normal=_blocks(rng), reduction=_blocks(rng))


def _small(normal: tuple[Block, ...], reduction: tuple[Block, ...]) -> NasNetPlan:
    return NasNetPlan(CELLS, FILTERS, normal=_cell(normal), reduction=_cell(reduction))


def _cell(blocks: tuple[Block, ...]) -> Cell:
    edges = [edge for block in blocks for edge in (block.one, block.other)]
    # nni joins blocks only, never an input that no block takes
    ends = tuple(number for number in unused(2 + len(blocks), edges) if number >= 2)
    return Cell(blocks, ends)


def _blocks(rng: np.random.Generator, num_blocks: int = 5) -> tuple[Block, ...]:
    operations = [*NNI]
    blocks = []
    for number in range(2, 2 + num_blocks):
        one, other = (
            Edge(int(rng.integers(number)), operations[rng.integers(len(operations))])
            for _ in range(2)
        )
        blocks.append(Block(*in_order(one, other), "add"))
    return tuple(blocks)


def nnis(plan: NasNetPlan) -> nn.Module:
    """Return nni's network of a plan."""
    from nni.nas.hub.pytorch import NASNet  # only where it is installed

    sample: dict[str, Any] = {}
    for name, cell in (("normal", plan.normal), ("reduce", plan.reduction)):
        for number, block in enumerate(cell.blocks, 2):
            for at, edge in enumerate((block.one, block.other)):
                sample[f"{name}/op_{number}_{at}"] = NNI[edge.operation]
                sample[f"{name}/input_{number}_{at}"] = [edge.input]
    num_cells = 3 * plan.cells + 2  # nni counts reduction cells, and gives the first stage fewest
    network: nn.Module = NASNet(width=plan.filters, num_cells=num_cells).freeze(sample)
    return network


def ours(plan: NasNetPlan) -> nn.Module:
    """Return our network of a plan."""
    return build_network(plan, image_shape=(3, SIZE, SIZE), num_classes=10)


def _last(network: nn.Module) -> nn.Module:
    """Return a network whose channels lie next to each other in memory."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def step_of(network: nn.Module, images_BCHW: Tensor, labels_B: Tensor) -> Callable[[], None]:
    """Return what trains a network for one step."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        optimiser.zero_grad()
        F.cross_entropy(network(images_BCHW), labels_B).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def seconds_in_turn(
    steps: dict[str, Callable[[], None]], num_steps: int = NUM_STEPS
) -> dict[str, list[float]]:
    """Return the processor's seconds of each step; the first ones only warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(1 + num_steps):
        for name, step in steps.items():
            start = time.process_time()
            step()
            if number:
                seconds[name].append(time.process_time() - start)
    return seconds


def measure() -> Iterator[Figure]:
    """Yield milliseconds of a step, and how many times nni's it is."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images_BCHW, labels_B = torch.randn(BATCH, 3, SIZE, SIZE), torch.randint(10, (BATCH,))
    last_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
    ratios: dict[str, list[float]] = {"nni": [], "nni, channels-last": []}
    for name, plan in plans():
        seconds = seconds_in_turn(
            {
                "nni": step_of(nnis(plan), images_BCHW, labels_B),
                "nni, channels-last": step_of(_last(nnis(plan)), last_BCHW, labels_B),
                "ours": step_of(_last(ours(plan)), last_BCHW, labels_B),
            }
        )
        yield Figure(f"{name}: ms per step", 1000 * median(seconds["ours"]))
        for peer, found in ratios.items():
            pairs = zip(seconds[peer], seconds["ours"], strict=True)
            found.append(median(theirs / own for theirs, own in pairs))
            yield Figure(f"{name}: times as fast as {peer}", found[-1], _target(peer))
    for peer, found in ratios.items():
        yield Figure(f"median: times as fast as {peer}", median(found), _target(peer))


def _target(peer: str) -> float | None:
    return AT_LEAST if peer == "nni" else None


@click.command()
@click.option("--json", "output", type=click.Path(path_type=Path), help="Also write JSON.")
def main(output: Path | None) -> None:
    """Compare with nni."""
    tell_figures(measure(), output)


if __name__ == "__main__":
    main()
