from __future__ import annotations

import layers_by_hand as plain
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from published_arcs import MICRO

from nas_lib.config import CellsConfig, EnasMicroSpaceConfig
from nas_lib.networks import Regularisation, build_network, count, without_auxiliary
from nas_lib.networks.cell_parts import corner_means, drop_path
from nas_lib.networks.enas_micro import CellEdge, MicroNetwork
from nas_lib.networks.image_network import NOTHING
from nas_lib.networks.layers import Output
from nas_lib.spaces import EnasMicroSpace
from nas_lib.spaces.enas_micro import MicroOperation

# what the numbers of a published architecture mean
WINDOW = {0: 3, 1: 5}
POOL = {2: "avg3", 3: "max3"}
IDENTITY = 4

SMALL = """
0 0 0 3  2 4 2 1  0 2 3 0
1 1 1 4  1 2 2 3  2 0 3 4
"""  # every operation, on inputs and on nodes; one input of each cell is a loose end

Node = tuple[tuple[int, int], tuple[int, int]]


def built(
    text: str,
    *,
    cells: int,
    filters: int,
    image_shape: tuple[int, int, int] = (3, 8, 8),
    regularisation: Regularisation = NOTHING,
) -> MicroNetwork:
    nodes = len(text.split()) // 8
    config = EnasMicroSpaceConfig(nodes=nodes, child=CellsConfig(cells=cells, filters=filters))
    space = EnasMicroSpace(config)
    network = build_network(
        space.plan(space.from_published(text).tokens),
        image_shape=image_shape,
        num_classes=10,
        regularisation=regularisation,
    )
    assert isinstance(network, MicroNetwork)
    return network


def read(text: str) -> tuple[list[Node], list[Node]]:
    """Return the normal and the reduction cell: a node's edges, (input, operation), sorted."""
    numbers = list(map(int, text.split()))
    edges = list(zip(numbers[::2], numbers[1::2], strict=True))
    nodes = [_sorted(*pair) for pair in zip(edges[::2], edges[1::2], strict=True)]
    return nodes[: len(nodes) // 2], nodes[len(nodes) // 2 :]


def _sorted(one: tuple[int, int], other: tuple[int, int]) -> Node:
    names = ["sep3", "sep5", "avg3", "max3", "identity"]
    first, second = sorted([one, other], key=lambda edge: (edge[0], names[edge[1]]))
    return first, second


def reference(text: str, cells: int, x_CHW: plain.Array, state: plain.State) -> plain.Array:
    """The network of a published text, step by step, on one image."""
    normal, reduced = read(text)
    x_CHW = plain.conv_norm(x_CHW, state, "stem")
    before, last = x_CHW, x_CHW
    for number in range(cells + 2):
        reduces = number in (cells // 3, 2 * (cells // 3) + 1)
        nodes = reduced if reduces else normal
        out = reference_cell(nodes, before, last, state, f"cells.{number}", 2 if reduces else 1)
        before, last = last, out
    return plain.head(plain.relu(last), state)


def reference_cell(
    nodes: list[Node],
    before: plain.Array,
    last: plain.Array,
    state: plain.State,
    name: str,
    stride: int,
) -> plain.Array:
    if before.shape[1:] != last.shape[1:]:
        before = plain.reduction(plain.relu(before), state, f"{name}.first")
    elif f"{name}.first.conv.weight" in state:
        before = plain.conv_norm(plain.relu(before), state, f"{name}.first")
    if f"{name}.second.conv.weight" in state:
        last = plain.conv_norm(plain.relu(last), state, f"{name}.second")
    last = plain.conv_norm(plain.relu(last), state, f"{name}.base")
    outputs, edge = [before, last], 0
    for node in nodes:
        total = 0
        for at, operation in node:
            steps = stride if at < 2 else 1
            operation_name = f"{name}.edges.{edge}.operation"
            total = total + reference_edge(operation, outputs[at], state, operation_name, steps)
            edge += 1
        outputs.append(total)
    taken = {at for node in nodes for at, _ in node}
    loose = [at for at in range(len(outputs)) if at not in taken]
    return np.concatenate(
        [
            plain.reduction(outputs[at], state, f"{name}.loose_inputs.{at}")
            if at < 2 and stride == 2
            else outputs[at]
            for at in loose
        ]
    )


def reference_edge(
    operation: int, x_CHW: plain.Array, state: plain.State, name: str, stride: int
) -> plain.Array:
    if operation == IDENTITY:
        return x_CHW if stride == 1 else plain.reduction(x_CHW, state, name)
    if operation in POOL:
        return plain.pool(x_CHW, POOL[operation], stride)
    first = plain.separable_norm(plain.relu(x_CHW), state, f"{name}.0", stride)
    return plain.separable_norm(plain.relu(first), state, f"{name}.2")


@pytest.mark.parametrize(
    ("text", "cells", "filters", "size"),
    [(SMALL, 3, 3, (7, 6)), (SMALL, 6, 2, (8, 8)), (MICRO, 3, 4, (8, 8)), (MICRO, 15, 2, (5, 5))],
    ids=["small-odd", "small", "published-cells", "published"],
)
def test_a_forward_pass_has_the_values_of_a_plain_reference(
    text: str, cells: int, filters: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    network = built(text, cells=cells, filters=filters, image_shape=(3, *size))
    state = plain.randomised(network)
    images = torch.randn(1, 3, *size, dtype=torch.float64)

    logits = network(images)[0].detach().numpy()

    np.testing.assert_allclose(logits, reference(text, cells, images[0].numpy(), state), rtol=1e-8)


def num_parameters(text: str, cells: int, filters: int) -> int:
    """Count by hand; every convolution without bias, and BatchNorm of 2 per channel."""
    normal, reduced = read(text)
    widths = [3 * filters, 3 * filters]
    total = 3 * 9 * widths[0] + 2 * widths[0]  # stem
    for number in range(cells + 2):
        reduces = number in (cells // 3, 2 * (cells // 3) + 1)
        nodes = reduced if reduces else normal
        filters *= 2 if reduces else 1
        follows = number - 1 in (cells // 3, 2 * (cells // 3) + 1)
        square = filters * filters + 2 * filters  # a 1x1 convolution, with BatchNorm
        resized = [widths[-1] != filters, widths[-2] != filters or follows]
        total += sum(
            width * filters + 2 * filters
            for width, needed in zip(reversed(widths[-2:]), resized, strict=True)
            if needed
        )
        total += square  # the second input once more
        for at, operation in (edge for node in nodes for edge in node):
            if operation in WINDOW:
                total += 2 * (WINDOW[operation] ** 2 * filters + square)
            elif operation == IDENTITY and reduces and at < 2:
                total += square  # factorised reduction
        taken = {at for node in nodes for at, _ in node}
        loose = [at for at in range(2 + len(nodes)) if at not in taken]
        total += sum(square for at in loose if at < 2 and reduces)
        widths.append(len(loose) * filters)
    return total + 10 * widths[-1]


def test_the_published_architecture_has_as_many_parameters_as_counted_by_hand() -> None:
    """The paper says 4.6 million, of which we do not know whether they include the second head.

    The published code counts the same 3,894,372 of this architecture, and 494,848 in that head.
    """
    network = built(MICRO, cells=15, filters=36, regularisation=Regularisation(auxiliary=True))
    assert network.auxiliary is not None

    assert count(network, (3, 8, 8)).num_parameters == 3_894_372
    assert num_parameters(MICRO, 15, 36) == 3_894_372
    # 720 x 128 + 2 x 128, 4 x 128 x 768 + 2 x 768, 768 x 10: its cell has 5 ends of 4 x 36 filters
    assert sum(x.numel() for x in network.auxiliary.parameters()) == 494_848


def test_multiply_adds_are_those_computed_by_hand() -> None:
    """Cells N R N R N of 2, 4, 4, 8, 8 filters, of one node and so as many channels."""
    network = built("0 0 1 4  0 3 1 4", cells=3, filters=2)  # sep3 + identity, max3 + identity

    stem = 64 * 3 * 9 * 6
    # inputs to a cell's filters, the second once more; then separable convolutions, twice
    cells = [
        64 * (6 * 2 + 6 * 2 + 2 * 2 + 2 * (9 * 2 + 2 * 2)),
        64 * (6 * 4 + 2 * 4 + 4 * 4) + 16 * 4 * 4,  # identity is a factorised reduction here
        16 * (2 * 4 + 4 * 4 + 2 * (9 * 4 + 4 * 4)),  # the first input is reduced
        16 * (4 * 8 + 4 * 8 + 8 * 8) + 4 * 8 * 8,
        4 * (4 * 8 + 8 * 8 + 2 * (9 * 8 + 8 * 8)),
    ]
    assert count(network, (3, 8, 8)).num_multiply_adds == stem + sum(cells) + 8 * 10


def test_an_auxiliary_classifier_changes_nothing_but_its_own_logits() -> None:
    images = torch.randn(4, 3, 9, 9)
    networks = []
    for auxiliary in (False, True):
        torch.manual_seed(0)
        regularisation = Regularisation(auxiliary=auxiliary)
        networks.append(built(SMALL, cells=3, filters=4, regularisation=regularisation))
    without, with_it = networks

    logits, none = without.both_logits(images)
    same_logits, auxiliary = with_it.both_logits(images)

    assert none is None
    assert auxiliary is not None
    assert auxiliary.shape == (4, 10)
    assert torch.equal(logits, same_logits)
    assert torch.equal(without.eval()(images), with_it.eval()(images))
    assert without_auxiliary(with_it.state_dict()).keys() == without.state_dict().keys()
    assert count(with_it, (3, 9, 9)) == count(without, (3, 9, 9))


def test_the_auxiliary_classifier_sits_behind_the_last_reduction_and_its_weights_learn() -> None:
    network = built(SMALL, cells=6, filters=4, regularisation=Regularisation(auxiliary=True))

    _, auxiliary = network.both_logits(torch.randn(4, 3, 8, 8))
    assert auxiliary is not None
    auxiliary.square().sum().backward()

    # cells N N R N N R N N: 0 to 6 lie before it, 7 behind
    has_gradient = [any(x.grad is not None for x in cell.parameters()) for cell in network.cells]
    assert has_gradient == [True] * 7 + [False]
    assert network.auxiliary is not None
    assert all(x.grad is not None for x in network.auxiliary.parameters())


def test_windows_at_the_corners_are_the_published_ones_where_those_fit() -> None:
    x_BCHW = torch.randn(2, 3, 8, 8)

    torch.testing.assert_close(corner_means(x_BCHW), F.avg_pool2d(x_BCHW, 5, stride=3))
    # 5/8 of 3 pixels are 2 of them, of 1 pixel 1
    tall = torch.arange(3.0).reshape(1, 1, 3, 1)
    assert corner_means(tall).flatten().tolist() == [0.5, 0.5, 1.5, 1.5]


def test_paths_are_dropped_for_whole_examples_and_the_others_make_up_for_it() -> None:
    torch.manual_seed(0)
    x_BCHW = torch.rand(4000, 2, 3, 3) + 1

    dropped_BCHW = drop_path(x_BCHW, 0.2)

    scale_BCHW = dropped_BCHW / x_BCHW
    kept_B = scale_BCHW[:, 0, 0, 0] > 0
    torch.testing.assert_close(scale_BCHW[kept_B], torch.full_like(scale_BCHW[kept_B], 1.25))
    assert (scale_BCHW[~kept_B] == 0).all()
    # 4000 draws: mean 800, deviation sqrt(4000 x 0.2 x 0.8) = 25.3; five of those on each side
    assert 673 < (~kept_B).sum() < 927


def test_more_is_dropped_in_later_cells_and_later_in_training() -> None:
    network = built(SMALL, cells=3, filters=2, regularisation=Regularisation(drop_path=0.4))
    fractions: list[float] = []
    for cell in network.cells:
        cell.register_forward_pre_hook(lambda _, args: fractions.append(args[2]))

    for progress in (0.0, 0.5, 1.0):
        network.progress = progress
        network(torch.randn(2, 3, 8, 8))

    # 0.4 x progress x (1, 2, 3, 4, 5) / 5
    assert fractions[:5] == [0] * 5
    assert fractions[5:10] == pytest.approx([0.04, 0.08, 0.12, 0.16, 0.2])
    assert fractions[10:] == pytest.approx([0.08, 0.16, 0.24, 0.32, 0.4])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("operation", ["sep3", "sep5", "avg3", "max3", "identity"])
def test_paths_are_dropped_in_training_only_and_identities_never(
    operation: MicroOperation, stride: int
) -> None:
    edge = CellEdge(operation, 2, stride=stride)
    equal_BCHW = torch.rand(1, 2, 5, 5).expand(64, -1, -1, -1)

    def varies() -> bool:
        return bool((edge(Output(equal_BCHW), 0.5).std(dim=0) > 1e-3).any())

    assert varies() == (operation != "identity")
    edge.eval()
    assert not varies()
