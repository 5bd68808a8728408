"""Shapes: B images, C channels, H x W pixels."""

from __future__ import annotations

from functools import cache

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_layers import PlainLayers, randomise
from space_strategies import nasnet_configs, tokens_of
from torch import Tensor, nn

from nas_lib.config import NasNetSpaceConfig, PutOutConfig, StackConfig
from nas_lib.shared_weights.nasnet import block_choices, stack_of
from nas_lib.shared_weights.nasnet_cell import BlockChoice
from nas_lib.shared_weights.norm import OfBatch, Running
from nas_lib.spaces.decisions import num_tokens
from nas_lib.tasks.images.workload import build_super_network

SIZE = StackConfig(cells=1, filters=3)
COMBINATIONS = ("add", "concat", "add_layer_norm", "add_instance_norm")
SPACE = NasNetSpaceConfig(
    blocks=4, combinations=COMBINATIONS, shared=SIZE, put_out=PutOutConfig(normal=(1,))
)
OPERATIONS = SPACE.operations
# Per block two states, two operations and a combination: all 13 operations and all combinations.
# The normal cell leaves blocks 4 and 5 unused (0 to 3 are taken), the reduction cell 0, 3 and 5.
NORMAL = (*(0, 1, 0, 1, 0), *(0, 2, 2, 3, 1), *(3, 3, 4, 5, 2), *(1, 2, 6, 7, 3))
REDUCTION = (*(1, 1, 8, 9, 1), *(2, 1, 10, 11, 0), *(2, 2, 12, 0, 3), *(4, 1, 3, 11, 2))
TOKENS = (*NORMAL, *REDUCTION)
ANY_TOKENS = tokens_of(SPACE.build().decisions(1))
STATES = NasNetSpaceConfig(
    blocks=2,
    operations=("sep3", "max3", "identity"),
    output="states",
    shared=StackConfig(cells=1, filters=8, large_stem=3),
)
BLOCKS = STATES.model_copy(update={"output": "blocks", "shared": SIZE})


@cache
def shared_network(space: NasNetSpaceConfig = SPACE) -> nn.Module:
    torch.manual_seed(0)
    network = build_super_network(space, image_shape=(3, 9, 9), num_classes=5)
    randomise(network)
    for weight in network.parameters():
        if weight.dim() == 4:  # those of cells begin as the identity
            nn.init.kaiming_normal_(weight)
    return network.double()


@cache
def plain_layers(space: NasNetSpaceConfig, *, by_batch: bool) -> PlainLayers:
    return PlainLayers(shared_network(space).state_dict(), by_batch=by_batch)


def plain_logits(
    space: NasNetSpaceConfig, layers: PlainLayers, images: Tensor, tokens: tuple[int, ...]
) -> Tensor:
    """Cells in a loop: with a large stem two reduction cells, and then N R N R N."""
    half = len(tokens) // 2
    reduced = (1, 3) if space.shared.large_stem is None else (0, 1, 3, 5)
    if space.shared.large_stem is None:
        x = y = layers.conv_norm(images, "stem")
    else:
        unpadded = F.conv2d(images, layers.state["stem.conv.weight"], stride=2)
        x = y = layers.norm(unpadded, "stem.norm")
    for number in range(5 if len(reduced) == 2 else 7):
        cell, is_reduced = f"cells.{number}", number in reduced
        if is_reduced:
            name = f"reductions.{reduced.index(number)}"
            x, y = y, plain_reduction(layers, y, name, space)
        if space.output == "states":
            inputs = plain_states(layers, cell, y, space.blocks)
        else:
            inputs = plain_calibration(layers, cell, x, y)
        own_tokens = tokens[half:] if is_reduced else tokens[:half]
        put_out = space.put_out.reduction if is_reduced else space.put_out.normal
        x, y = y, plain_cell(space, layers, cell, inputs, own_tokens, put_out)
    return layers.head(y.relu())


def plain_reduction(layers: PlainLayers, y: Tensor, name: str, space: NasNetSpaceConfig) -> Tensor:
    if space.output != "states":
        return layers.reduction(y, name)
    parts = enumerate(y.split(y.shape[1] // space.blocks, dim=1))
    return torch.cat([layers.reduction(part, f"{name}.each.{i}") for i, part in parts], dim=1)


def plain_states(layers: PlainLayers, cell: str, y: Tensor, num: int) -> list[Tensor]:
    """Each block of the cell before, brought to the filters where these are others."""
    parts = y.split(y.shape[1] // num, dim=1)
    if f"{cell}.inputs.each.0.conv.weight" not in layers.state:
        return [*parts]
    return [
        layers.conv_norm(part.relu(), f"{cell}.inputs.each.{i}") for i, part in enumerate(parts)
    ]


def plain_calibration(layers: PlainLayers, cell: str, x: Tensor, y: Tensor) -> list[Tensor]:
    older, newer = f"{cell}.inputs.older", f"{cell}.inputs.newer"
    if x.shape[2:] != y.shape[2:]:
        x = layers.reduction(x.relu(), older)
    elif f"{older}.conv.weight" in layers.state:
        x = layers.conv_norm(x.relu(), older)
    if f"{newer}.conv.weight" in layers.state:
        y = layers.conv_norm(y.relu(), newer)
    return [x, y]


def plain_cell(
    space: NasNetSpaceConfig,
    layers: PlainLayers,
    cell: str,
    states: list[Tensor],
    tokens: tuple[int, ...],
    put_out: tuple[int, ...],
) -> Tensor:
    num_inputs, taken = len(states), set()
    for block in range(space.blocks):
        *inputs, first, second, combination = tokens[5 * block : 5 * block + 5]
        sides = []
        for side, index, operation in zip("xy", inputs, (first, second), strict=True):
            kind = space.operations[operation]
            edge = f"{cell}.edges.block{block}_{side}_from{index}_{kind}"
            sides.append(plain_operation(layers, edge, kind, states[index]))
        kind = space.combinations[combination]
        states.append(plain_combination(layers, f"{cell}.combined.block{block}_{kind}", sides))
        taken.update(inputs)
    if space.output == "unused":
        which = [i for i in range(len(states)) if i not in taken or i in put_out]
    else:
        which = [*range(num_inputs, len(states))]
    if space.output == "states":
        return torch.cat([states[i] for i in which], dim=1)
    ends = [(states[i].relu(), layers.state[f"{cell}.ends.{i}"]) for i in which]
    return layers.norm(sliced(ends), f"{cell}.norm")


def plain_operation(layers: PlainLayers, edge: str, kind: str, x: Tensor) -> Tensor:
    if kind == "identity":
        return x
    if kind.startswith(("avg", "max")):
        return layers.pool(x, kind)
    x = x.relu()
    if kind.startswith("sep"):
        first = layers.separable(x, f"{edge}.first").relu()
        return layers.separable(first, f"{edge}.second")
    if kind in ("conv1x3", "conv1x7"):
        assert layers.state[f"{edge}.row.conv.weight"].shape[2:] == (1, int(kind[-1]))
        return layers.conv_norm(layers.conv_norm(x, f"{edge}.row").relu(), f"{edge}.column")
    return layers.conv_norm(x, edge, dilation=2 if kind == "dilated3" else 1)


def plain_combination(layers: PlainLayers, name: str, sides: list[Tensor]) -> Tensor:
    if f"{name}.sides.0" in layers.state:
        parts = [(x.relu(), layers.state[f"{name}.sides.{i}"]) for i, x in enumerate(sides)]
        return layers.norm(sliced(parts), f"{name}.norm")
    total = sides[0] + sides[1]
    if f"{name}.norm.weight" not in layers.state:
        return total
    dims = (1, 2, 3) if "layer" in name else (2, 3)  # of one image: all, or of each channel
    mean = total.mean(dims, keepdim=True)
    variance = (total - mean).square().mean(dims, keepdim=True)
    scale, shift = (layers.state[f"{name}.norm.{x}"][:, None, None] for x in ("weight", "bias"))
    return (total - mean) / (variance + 1e-5).sqrt() * scale + shift


def sliced(parts: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The sum of a 1x1 convolution of each."""
    each = [torch.einsum("bihw,oi->bohw", x, weight[:, :, 0, 0]) for x, weight in parts]
    return torch.stack(each).sum(dim=0)


@given(st.just(TOKENS) | ANY_TOKENS, st.sampled_from([(8, 8), (6, 9)]), st.booleans())
@settings(max_examples=8, deadline=None)
def test_an_architecture_is_computed_as_plain_layers_would(
    tokens: tuple[int, ...], size: tuple[int, int], by_batch: bool
) -> None:
    check_against_plain_layers(SPACE, tokens, size, by_batch=by_batch)


@pytest.mark.parametrize("space", [STATES, BLOCKS], ids=["states", "blocks"])
@pytest.mark.parametrize("by_batch", [True, False])
def test_blocks_that_are_put_out_together_or_apart_are_computed_as_plain_layers_would(
    space: NasNetSpaceConfig, by_batch: bool
) -> None:
    tokens = (*(0, 1, 0, 2, 1), *(2, 1, 1, 0, 0), *(1, 1, 1, 2, 0), *(0, 2, 0, 0, 1))
    size = (33, 33) if space is STATES else (8, 8)

    check_against_plain_layers(space, tokens, size, by_batch=by_batch)


def check_against_plain_layers(
    space: NasNetSpaceConfig, tokens: tuple[int, ...], size: tuple[int, int], *, by_batch: bool
) -> None:
    network, layers = shared_network(space), plain_layers(space, by_batch=by_batch)
    torch.manual_seed(1)
    images = torch.randn(2, 3, *size, dtype=torch.float64)

    with torch.no_grad():
        logits = network(images, tokens, OfBatch() if by_batch else Running())

    torch.testing.assert_close(logits, plain_logits(space, layers, images, tokens))


def test_gradients_are_those_of_the_plain_layers_and_reach_only_weights_in_use() -> None:
    assert {TOKENS[i + at] for i in range(0, 40, 5) for at in (2, 3)} == {*range(13)}
    network, images = shared_network(), torch.randn(4, 3, 8, 8, dtype=torch.float64)
    layers = PlainLayers(network.state_dict(), by_batch=True)
    for name, _ in network.named_parameters():
        layers.state[name] = layers.state[name].clone().requires_grad_()

    network(images, TOKENS, OfBatch()).square().sum().backward()
    plain_logits(SPACE, layers, images, TOKENS).square().sum().backward()

    named = dict(network.named_parameters())
    used = {name: weight.grad for name, weight in named.items() if weight.grad is not None}
    assert {*used} == {name for name in named if layers.state[name].grad is not None}
    assert len(used) < len(named) / 4
    for name, gradient in used.items():
        torch.testing.assert_close(gradient, layers.state[name].grad)


@given(st.data())
@settings(max_examples=6, deadline=None)
def test_every_architecture_of_every_space_is_computed(data: st.DataObject) -> None:
    space = data.draw(nasnet_configs(max_blocks=2, max_cells=1))
    tokens = data.draw(tokens_of(space.build().decisions(1)))
    smallest = space.shared.smallest_image
    network = build_super_network(
        space, image_shape=(1, smallest, smallest), num_classes=3, auxiliary=True
    )

    logits_BK, auxiliary_BK = network.both_logits(torch.randn(2, 1, smallest, smallest), tokens)

    assert auxiliary_BK is not None
    assert logits_BK.shape == auxiliary_BK.shape == (2, 3)
    assert torch.isfinite(logits_BK).all()
    logits_BK.sum().backward()


def test_operations_with_weights_begin_alike_so_that_one_learns_for_the_others() -> None:
    network = build_super_network(SPACE, image_shape=(3, 9, 9), num_classes=5)
    images = torch.randn(4, 3, 8, 8)

    def logits(kind: str) -> Tensor:
        operation = OPERATIONS.index(kind)  # as one side of each block, the other is an identity
        cell = [token for i in range(4) for token in (i, i, operation, 0, 0)]
        found: Tensor = network(images, (*cell, *cell), OfBatch())
        return found

    for kinds in [("conv1", "conv3", "dilated3"), ("sep3", "sep5", "sep7", "conv1x3", "conv1x7")]:
        for kind in kinds[1:]:
            torch.testing.assert_close(logits(kind), logits(kinds[0]), atol=1e-4, rtol=1e-4)


def test_an_auxiliary_classifier_sits_before_the_last_reduction() -> None:
    space = STATES.model_copy(update={"shared": StackConfig(cells=2, filters=3)})
    network = build_super_network(space, image_shape=(3, 8, 8), num_classes=5, auxiliary=True)

    _, auxiliary_BK = network.both_logits(torch.randn(4, 3, 8, 8), (0, 1, 0, 0, 0) * 4)

    assert auxiliary_BK is not None
    auxiliary_BK.square().sum().backward()
    cells = network.get_submodule("cells").children()
    has_gradient = [any(x.grad is not None for x in cell.parameters()) for cell in cells]
    assert has_gradient == [True] * 5 + [False] * 3  # N N R N N | R N N


def test_filters_double_at_each_reduction_and_begin_at_a_quarter_in_a_large_stem() -> None:
    small = stack_of(StackConfig(cells=2, filters=8))
    large = stack_of(StackConfig(cells=1, filters=8, large_stem=32))

    assert small.filters == (8, 8, 16, 16, 16, 32, 32, 32)  # N N R N N R N N
    assert small.reduced == (2, 5)
    assert large.filters == (2, 4, 8, 16, 16, 32, 32)  # R R | N R N R N
    assert large.reduced == (0, 1, 3, 5)


def test_tokens_are_two_states_two_operations_and_a_combination_of_each_block() -> None:
    normal, reduction = block_choices((0, 1, 4, 3, 1, 1, 0, 12, 0, 2), 1)

    assert normal == [BlockChoice(inputs=(0, 1), operations=(4, 3), combination=1)]
    assert reduction == [BlockChoice(inputs=(1, 0), operations=(12, 0), combination=2)]


def test_tokens_of_another_number_of_blocks_are_refused() -> None:
    assert num_tokens(SPACE.build().decisions(1)) == 40  # 2 cells, 4 blocks, 5 each
    for tokens in [TOKENS[:-1], (*TOKENS, 0)]:
        with pytest.raises(AssertionError, match="expected 40 tokens"):
            block_choices(tokens, 4)
