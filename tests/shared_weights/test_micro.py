from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_layers import PlainLayers, randomise
from space_strategies import tokens_of
from torch import Tensor, nn

from nas_lib.config import CellsConfig, EnasMicroSpaceConfig
from nas_lib.shared_weights.micro import NodeChoice, cell_choices
from nas_lib.shared_weights.norm import OfBatch
from nas_lib.tasks.images.workload import build_super_network

SPACE = EnasMicroSpaceConfig(nodes=3, shared=CellsConfig(cells=3, filters=4))
OPERATIONS = SPACE.operations
# per node two inputs and two operations; the normal cell leaves node 2 (state 4) loose, and the
# reduction cell nodes 0 and 2 and its own first input
NORMAL = (*(0, 1, 0, 1), *(2, 1, 2, 3), *(3, 2, 4, 0))
REDUCTION = (*(1, 1, 1, 0), *(1, 1, 4, 2), *(3, 1, 3, 1))
TOKENS = (*NORMAL, *REDUCTION)
ANY_TOKENS = tokens_of(SPACE.build().decisions(1))


def build(*, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    network = build_super_network(SPACE, image_shape=(3, 9, 9), num_classes=5, dropout=dropout)
    randomise(network)
    return network.double()


@cache
def shared_network() -> nn.Module:
    return build()


def plain_logits(
    state: dict[str, Tensor], images: Tensor, tokens: tuple[int, ...], *, by_batch: bool
) -> Tensor:
    """Cells 0 to 4 in a loop; 1 and 3 are reduction cells."""
    layers = PlainLayers(state, by_batch=by_batch)
    x = y = layers.conv_norm(images, "stem")
    for number in range(5):
        cell = f"cells.{number}"
        if number in (1, 3):
            x, y = y, layers.reduction(y, f"reductions.{number // 2}")
        inputs = plain_calibration(layers, cell, x, y)
        half = tokens[12:] if number in (1, 3) else tokens[:12]
        x, y = y, plain_cell(layers, cell, inputs, half)
    return layers.head(y.relu())


def plain_calibration(layers: PlainLayers, cell: str, x: Tensor, y: Tensor) -> list[Tensor]:
    older, newer = f"{cell}.calibration.older", f"{cell}.calibration.newer"
    if x.shape[2:] != y.shape[2:]:
        x = layers.reduction(x.relu(), older)
    elif f"{older}.conv.weight" in layers.state:
        x = layers.conv_norm(x.relu(), older)
    if f"{newer}.conv.weight" in layers.state:
        y = layers.conv_norm(y.relu(), newer)
    return [x, y]


def plain_cell(
    layers: PlainLayers, cell: str, states: list[Tensor], tokens: tuple[int, ...]
) -> Tensor:
    """Three nodes, and the sum of a 1x1 convolution of each loose end."""
    read = set()
    for node in range(3):
        *inputs, first, second = tokens[4 * node : 4 * node + 4]
        ends = []
        for side, index, operation in zip("xy", inputs, (first, second), strict=True):
            kind, end = OPERATIONS[operation], states[index]
            name = f"{cell}.separables.node{node}_{side}_from{index}_{kind}"
            if kind in ("sep3", "sep5"):
                end = layers.separable(end.relu(), f"{name}.first")
                end = layers.separable(end.relu(), f"{name}.second")
            elif kind != "identity":
                end = layers.pool(end, kind)
            ends.append(end)
        states.append(ends[0] + ends[1])
        read.update(inputs)
    parts = [
        torch.einsum("bihw,oi->bohw", state.relu(), layers.state[f"{cell}.ends.{i}"][:, :, 0, 0])
        for i, state in enumerate(states)
        if i not in read
    ]
    return layers.norm(sum(parts, torch.zeros(())), f"{cell}.norm")


def test_an_auxiliary_classifier_sits_behind_the_last_reduction_and_changes_nothing_else() -> None:
    space = EnasMicroSpaceConfig(nodes=3, shared=CellsConfig(cells=6, filters=4))
    networks = []
    for auxiliary in (False, True):
        torch.manual_seed(0)
        networks.append(
            build_super_network(space, image_shape=(3, 8, 8), num_classes=5, auxiliary=auxiliary)
        )
    without, with_it = networks
    images = torch.randn(4, 3, 8, 8)

    logits, none = without.both_logits(images, TOKENS)
    same_logits, auxiliary_BK = with_it.both_logits(images, TOKENS)

    assert none is None
    assert torch.equal(logits, same_logits)
    assert auxiliary_BK is not None
    auxiliary_BK.square().sum().backward()
    # cells N N R N N R N N: 0 to 6 lie before it, 7 behind
    cells = with_it.get_submodule("cells").children()
    has_gradient = [any(x.grad is not None for x in cell.parameters()) for cell in cells]
    assert has_gradient == [True] * 7 + [False]
    own = with_it.get_submodule("auxiliary").parameters()
    assert all(x.grad is not None for x in own)


@given(ANY_TOKENS, st.sampled_from([(9, 9), (8, 8), (5, 6), (4, 1)]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_an_architecture_is_what_a_plain_loop_over_its_cells_computes(
    tokens: tuple[int, ...], size: tuple[int, int], by_batch: bool
) -> None:
    network = shared_network().train(by_batch)
    images = torch.randn(3, 3, *size, dtype=torch.float64)
    expected = plain_logits(network.state_dict(), images, tokens, by_batch=by_batch)

    torch.testing.assert_close(network(images, tokens), expected)


def test_gradients_are_those_of_the_plain_loop() -> None:
    network, images = build(), torch.randn(4, 3, 7, 6, dtype=torch.float64)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights = {name: state[name].requires_grad_() for name, _ in network.named_parameters()}

    network(images, TOKENS).square().sum().backward()
    plain_logits(state, images, TOKENS, by_batch=True).square().sum().backward()

    for name, weight in network.named_parameters():
        assert (weight.grad is None) == (weights[name].grad is None), name
        if weight.grad is not None:
            torch.testing.assert_close(weight.grad, weights[name].grad)


def test_training_an_architecture_moves_exactly_the_weights_in_use() -> None:
    network = build()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)

    network(torch.randn(4, 3, 8, 8, dtype=torch.float64), TOKENS).square().sum().backward()
    optimizer.step()

    after = network.state_dict()
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    normal = [
        *("separables.node0_x_from0_sep3.", "separables.node0_y_from1_sep5."),
        *("separables.node2_y_from2_sep3.", "ends.4"),
    ]
    reduction = [
        *("separables.node0_x_from1_sep5.", "separables.node0_y_from1_sep3."),
        *("separables.node2_y_from1_sep5.", "ends.0", "ends.2", "ends.4"),
    ]
    in_use = ["stem.", "head.", "reductions."]
    for number in range(5):
        parts = [*(reduction if number in (1, 3) else normal), "calibration.", "norm."]
        in_use += [f"cells.{number}.{part}" for part in parts]
    assert moved == {name for name in before if name.startswith(tuple(in_use))}


def test_loose_ends_keep_their_weights_whichever_others_there_are() -> None:
    cell = build().get_submodule("cells.0").eval()
    cell.calibration = _AsTheyAre()
    with torch.no_grad():
        for index, weight_OI11 in enumerate(cell.ends):
            weight_OI11.zero_()
            if index == 1:
                weight_OI11[0, 2] = 1.0  # output channel 0 is channel 2 of state 1
    x, y = torch.randn(2, 2, 4, 6, 6, dtype=torch.float64)

    identity = OPERATIONS.index("identity"), OPERATIONS.index("identity")
    chain = [NodeChoice((index, index), identity) for index in (0, 2, 3)]  # 1 and 4 are loose
    spread = [NodeChoice((0, 0), identity)] * 3  # 1, 2, 3 and 4 are

    for choices in (chain, spread):
        out = cell(x, y, choices, OfBatch())
        normed = cell.norm(y.relu(), OfBatch())[:, 2] - cell.norm.shift[2]
        expected = normed / cell.norm.scale[2] * cell.norm.scale[0] + cell.norm.shift[0]
        torch.testing.assert_close(out[:, 0], expected)


class _AsTheyAre(nn.Module):
    def forward(self, x: Tensor, y: Tensor, statistics: object) -> tuple[Tensor, Tensor]:
        return x, y


def test_filters_double_at_each_reduction() -> None:
    network = build()

    # 4, then twice that from cell 1 on, and again from cell 3 on
    assert [len(cell.norm.scale) for cell in network.cells] == [4, 8, 8, 16, 16]
    assert network.head.linear.weight.shape == (5, 16)
    assert network.stem.conv.weight.shape == (12, 3, 3, 3)


def test_dropout_zeroes_features_in_training_only() -> None:
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    network = build(dropout=0.999)

    assert (network(images, TOKENS) == 0).any()
    assert (network.eval()(images, TOKENS) != 0).all()


def test_tokens_are_two_inputs_and_two_operations_of_each_node() -> None:
    normal, reduction = cell_choices((0, 1, 4, 3, 2, 0, 1, 0), 1)

    assert normal == [NodeChoice(inputs=(0, 1), operations=(4, 3))]
    assert reduction == [NodeChoice(inputs=(2, 0), operations=(1, 0))]


def test_too_few_or_too_many_tokens_are_refused() -> None:
    for tokens in [TOKENS[:-1], (*TOKENS, 0)]:
        with pytest.raises(AssertionError, match="expected 24 tokens"):  # 2 cells, 3 nodes, 4 each
            cell_choices(tokens, 3)
