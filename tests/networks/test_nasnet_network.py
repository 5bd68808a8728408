from __future__ import annotations

from dataclasses import replace
from typing import get_args

import nasnet_by_hand as by_hand
import pytest
import torch
import torch.nn.functional as F

from nas_lib.config import NasNetSpaceConfig, StackConfig
from nas_lib.networks import Regularisation, build_network, count, without_auxiliary
from nas_lib.networks.image_network import NOTHING
from nas_lib.networks.layers import Output
from nas_lib.networks.nasnet import EdgeNetwork, NasNet
from nas_lib.networks.nasnet_operations import OPERATIONS
from nas_lib.spaces import NasNetPlan, find_published
from nas_lib.spaces.cells import Edge
from nas_lib.spaces.nasnet_plan import NasNetOperation

OPERATION_NAMES = get_args(NasNetOperation)


def built(
    text: str,
    *,
    image_shape: tuple[int, int, int] = (3, 8, 8),
    num_classes: int = 10,
    regularisation: Regularisation = NOTHING,
) -> NasNet:
    network = build_network(
        NasNetPlan.parse(text),
        image_shape=image_shape,
        num_classes=num_classes,
        regularisation=regularisation,
    )
    assert isinstance(network, NasNet)
    return network


def nasnet_a(**size: int) -> NasNetPlan:
    published = find_published("nasnet-a")
    assert published is not None
    return replace(NasNetPlan.parse(published.architecture), **size)


@pytest.mark.parametrize("size", [(6, 6), (7, 7), (6, 9), (1, 2)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("name", OPERATION_NAMES)
def test_an_operation_is_the_one_spelt_out(
    name: str, channels: int, stride: int, size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    module = OPERATIONS[name](channels, 4, stride)
    state = by_hand.randomised(module)
    x = torch.randn(2, channels, *size, dtype=torch.float64)

    found = module(Output(x))

    state = {f".{key}": value for key, value in state.items()}
    torch.testing.assert_close(found, by_hand.operation(name, x, 4, stride, state, ""))
    assert found.shape[2:] == tuple(-(-pixels // stride) for pixels in size)


SUMS = "sep3(0)+max3(1) avg3(0)+sep5(2) identity(1)+conv1x3(3)"
SMALL = f"2 cells per stage, 4 filters | normal: {SUMS} | reduction: {SUMS}"
JOINED = "identity(0)&sep3(0) max5(1)+dilated3(2) avg3(2)&identity(3) conv1(2)+conv3(4)"
LARGE_STEM = SMALL.replace("4 filters", "5 filters, large stem 3")
NETWORKS = {
    "sums": SMALL,
    "one cell per stage": SMALL.replace("2 cells", "1 cells"),
    "large stem": LARGE_STEM,
    "large stem, one cell per stage": LARGE_STEM.replace("2 cells", "1 cells"),
    "joined in depth": SMALL.replace(SUMS, JOINED),
    "joined in depth, large stem": LARGE_STEM.replace(SUMS, JOINED),
    "norms": SMALL.replace("max3(1)", "max3(1):layer").replace("sep5(2)", "sep5(2):instance"),
    "inputs are put out": f"2 cells per stage, 4 filters | normal: {SUMS} -> 0,1,3,4 "
    f"| reduction: {SUMS} -> 0,1,4",
    "an unused input is put out": "1 cells per stage, 3 filters | normal: avg3(0)+sep3(0) "
    "| reduction: identity(1)+max3(1)",
    "every other cell is taken": "3 cells per stage, 3 filters | normal: avg3(0)+sep3(0) -> 2 "
    "| reduction: identity(1)+max3(1) -> 2",
    "NASNet-A": str(nasnet_a(cells=1, filters=4)),
    "NASNet-A, large stem": str(nasnet_a(cells=1, filters=8, large_stem=5)),
}


@pytest.mark.parametrize("size", [(32, 32), (31, 22)])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_forward_pass_is_the_one_spelt_out(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = built(NETWORKS[name])
    state = by_hand.randomised(network)
    images = torch.randn(1, 3, *size, dtype=torch.float64)

    found = network(images)[0]

    torch.testing.assert_close(found, by_hand.logits(NETWORKS[name], images, state))


def test_where_blocks_are_the_next_inputs_a_forward_pass_is_the_one_spelt_out() -> None:
    """Cells N R N R N of 2, 4, 4, 8, 8 filters; the stem stands for both of the first one."""
    normal, reduced = "avg3(0)+sep3(0) identity(1)+conv3(2)", "max3(0)+conv1(1) sep5(0)+sep3(1)"
    size = "1 cells per stage, 2 filters, states"
    network = built(f"{size} | normal: {normal} | reduction: {reduced}")
    state = by_hand.randomised(network)
    images = torch.randn(1, 3, 9, 10, dtype=torch.float64)

    stem = F.conv2d(images, state["stem.conv.weight"], padding=1)
    states = [by_hand.norm(stem, state, "stem.norm")] * 2
    for number, (what, filters) in enumerate(
        [(normal, 2), (reduced, 4), (normal, 4), (reduced, 8), (normal, 8)]
    ):
        name, stride = f"cells.{number}", 1 + number % 2
        inputs = [
            by_hand.conv_norm(x, state, f"{name}.inputs.{at}") if x.shape[1] != filters else x
            for at, x in enumerate(states)
        ]
        states = by_hand.cell(what, inputs, filters, stride, state, name, [2, 3])
    features = torch.cat(states, dim=1).relu().mean(dim=(2, 3))[0]

    expected = state["head.linear.weight"] @ features + state["head.linear.bias"]
    torch.testing.assert_close(network(images)[0], expected)


def parameters_in(network: NasNet) -> set[str]:
    """Cells, and their inputs and blocks, that have parameters."""
    return {".".join(name.split(".")[1:4]) for name, _ in network.cells.named_parameters("cells")}


def test_a_cell_that_none_takes_is_not_built() -> None:
    """Normal cells take the older input: the last of N R N R N goes by the third and the first."""
    network = built(
        "1 cells per stage, 2 filters | normal: conv1(0)+sep3(0) -> 2 "
        "| reduction: conv1(1)+max3(1) -> 2"
    )

    # the older inputs of cells 2 and 4 are those before a reduction: twice as large
    assert parameters_in(network) == {
        *("0.blocks.2", "2.inputs.0", "2.blocks.2", "4.inputs.0", "4.blocks.2")
    }


def test_a_block_that_no_next_cell_takes_is_not_built() -> None:
    """Both blocks are inputs of the next cell, where the first one takes 0, and the second 2."""
    network = built(
        "1 cells per stage, 2 filters, states | normal: conv1(0)+sep3(0) avg3(0)+conv3(2) "
        "| reduction: conv1(0)+sep3(0) max3(0)+conv3(2)"
    )

    last = {"4.blocks.2", "4.blocks.3"}  # the classifier sees both
    needed = {f"{cell}.blocks.2" for cell in range(4)}
    # 6 filters of the stem to 2, and in reduction cells 2 to 4 and 4 to 8
    resized = {f"{cell}.inputs.0" for cell in (0, 1, 3)}
    assert parameters_in(network) == last | needed | resized


@pytest.mark.parametrize(
    ("size", "image_size", "num_classes", "parameters", "multiply_adds"),
    [
        # Table 1 of the paper, and Tables 2 and 3
        ({"cells": 6, "filters": 32}, 32, 10, 3.3e6, None),
        ({"cells": 4, "filters": 44, "large_stem": 32}, 224, 1000, 5.3e6, 564e6),
        ({"cells": 6, "filters": 168, "large_stem": 96}, 331, 1000, 88.9e6, 23.8e9),
    ],
    ids=["6@768", "4@1056", "6@4032"],
)
def test_nasnet_a_is_as_large_as_published(
    size: dict[str, int],
    image_size: int,
    num_classes: int,
    parameters: float,
    multiply_adds: float | None,
) -> None:
    image_shape = (3, image_size, image_size)
    network = built(str(nasnet_a(**size)), image_shape=image_shape, num_classes=num_classes)

    cost = count(network, image_shape)

    assert cost.num_parameters == pytest.approx(parameters, rel=0.02)
    if multiply_adds is not None:
        assert cost.num_multiply_adds == pytest.approx(multiply_adds, rel=0.002)


def test_nasnet_a_7_at_2304_is_larger_than_published() -> None:
    """The paper says 27.6 M of it. In the published code's layout, 6 @ 2304 has 28.2 M."""
    assert num_parameters("7@96") == 32_590_954
    assert num_parameters("6@96") == 28_213_546


def num_parameters(text: str) -> int:
    """Count those of NASNet-A by hand; convolutions without bias, and BatchNorm of 2 a channel."""
    cells, filters = map(int, text.split("@"))
    total, widths = 27 * 3 * filters + 2 * 3 * filters, [3 * filters, 3 * filters]

    def separables(windows: str, first: int) -> int:
        """Twice: filters of each channel, and all with all; BatchNorm."""
        return sum(
            int(w) ** 2 * (c + filters) + filters * (c + filters) + 4 * filters
            for w in windows
            for c in [first]
        )

    for stage in range(3):
        for number in range(cells + (stage > 0)):
            reduces = stage > 0 and number == 0
            filters *= 2 if reduces else 1
            older, newest = widths[-2:]
            is_first = len(widths) == 2
            total += newest * filters + 2 * filters
            if not is_first and older != filters:
                total += older * filters + 2 * filters
            if reduces:
                # 7, 7, 5 of the older input; 5 of the newest and 3 of a block
                total += separables("775", filters) + separables("53", filters)
                widths.append(4 * filters)
            else:
                first = older if is_first else filters
                # 3, 5, 3 of the older input, which is put out as well; 5 and 3 of the newest
                total += separables("353", first) + separables("53", filters)
                if is_first:  # identity, twice avg3, and what is put out
                    total += 4 * (first * filters + 2 * filters)
                widths.append(6 * filters)
    return total + 10 * widths[-1] + 10


@pytest.mark.parametrize(("cells", "filters"), [(1, 4), (2, 6)])
def test_parameters_are_those_counted_by_hand(cells: int, filters: int) -> None:
    network = built(str(nasnet_a(cells=cells, filters=filters)))

    assert sum(x.numel() for x in network.parameters()) == num_parameters(f"{cells}@{filters}")


def test_an_auxiliary_classifier_changes_nothing_but_its_own_logits() -> None:
    images = torch.randn(4, 3, 9, 9)
    networks = []
    for auxiliary in (False, True):
        torch.manual_seed(0)
        networks.append(built(SMALL, regularisation=Regularisation(auxiliary=auxiliary)))
    without, with_it = networks

    logits, none = without.both_logits(images)
    same_logits, auxiliary_BK = with_it.both_logits(images)

    assert none is None
    assert auxiliary_BK is not None
    assert auxiliary_BK.shape == (4, 10)
    assert torch.equal(logits, same_logits)
    assert without_auxiliary(with_it.state_dict()).keys() == without.state_dict().keys()
    assert count(with_it, (3, 9, 9)) == count(without, (3, 9, 9))


@pytest.mark.parametrize(
    ("text", "last"), [(SMALL, 4), (LARGE_STEM, 6), (NETWORKS["every other cell is taken"], 6)]
)
def test_the_auxiliary_classifier_sits_on_the_last_cell_before_the_last_reduction(
    text: str, last: int
) -> None:
    """Cells N N R N N R N N; R R N N R N N R N N; N N N R N N N R N N N, of which every other."""
    network = built(text, regularisation=Regularisation(auxiliary=True))

    _, auxiliary_BK = network.both_logits(torch.randn(4, 3, 32, 32))
    assert auxiliary_BK is not None
    auxiliary_BK.square().sum().backward()

    assert network.auxiliary is not None
    assert all(x.grad is not None for x in network.auxiliary.parameters())
    for number, cell in network.cells.items():
        learns = any(x.grad is not None for x in cell.parameters())
        assert learns == (int(number) <= last)


@pytest.mark.parametrize(("stem", "num_stem"), [("", 0), (", large stem 3", 2)])
def test_more_is_dropped_in_later_cells_and_later_in_training(stem: str, num_stem: int) -> None:
    text = SMALL.replace("2 cells per stage, 4 filters", f"1 cells per stage, 4 filters{stem}")
    network = built(text, regularisation=Regularisation(drop_path=0.4))
    fractions: list[float] = []
    for cell in network.cells.values():
        cell.register_forward_pre_hook(lambda _, args: fractions.append(args[1]))

    network.progress = 0.5
    network(torch.randn(2, 3, 32, 32))

    # 0.4 x progress x (1, 2, ...) / number of cells, those of the stem among them
    num = num_stem + 5
    assert fractions == pytest.approx([0.4 * 0.5 * number / num for number in range(1, num + 1)])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPERATION_NAMES)
def test_paths_are_dropped_in_training_only_and_identities_never(
    name: NasNetOperation, stride: int
) -> None:
    edge = EdgeNetwork(Edge(0, name), OPERATIONS, 3, 2, stride)
    equal_BCHW = torch.rand(1, 3, 5, 5).expand(64, -1, -1, -1)

    def varies() -> bool:
        return bool((edge(Output(equal_BCHW), 0.5).std(dim=0) > 1e-3).any())

    assert varies() == (name != "identity")
    edge.eval()
    assert not varies()


def test_of_the_smallest_image_the_last_reduction_has_two_pixels_to_make_one_of() -> None:
    smallest = NasNetSpaceConfig(
        blocks=2, child=StackConfig(cells=1, filters=4, large_stem=3)
    ).smallest_image
    sizes: list[torch.Size] = []
    network = built(str(nasnet_a(cells=1, filters=4, large_stem=3)))
    for cell in network.cells.values():
        cell.register_forward_hook(lambda _, args, out: sizes.append(out[0].raw.shape[2:]))

    network.eval()(torch.randn(1, 3, smallest, smallest))

    # 19: a 3x3 window with stride 2 gives 9, and reductions 5, 3, 2, 1
    assert smallest == 19
    assert [size[0] for size in sizes] == [5, 3, 3, 2, 2, 1, 1]
