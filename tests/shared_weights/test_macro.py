from __future__ import annotations

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_layers import PlainLayers, randomise
from space_strategies import tokens_of
from torch import Tensor, nn

from nas_lib.config import EnasMacroSpaceConfig, FiltersConfig
from nas_lib.shared_weights.macro import LayerChoice, layer_choices
from nas_lib.tasks.images.workload import build_super_network

SPACE = EnasMacroSpaceConfig(layers=6, shared=FiltersConfig(filters=4))
ALL_OPERATIONS = (0, *(1, 0), *(2, 1, 0), *(3, 0, 1, 1), *(4, 1, 0, 0, 0), *(5, 0, 0, 1, 0, 1))
OPERATIONS = SPACE.operations
ANY_TOKENS = tokens_of(SPACE.build().decisions(1))


def build(space: EnasMacroSpaceConfig = SPACE, *, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    network = build_super_network(space, image_shape=(3, 9, 9), num_classes=5, dropout=dropout)
    randomise(network)
    return network.double()


@cache
def shared_network() -> nn.Module:
    return build()


def plain_logits(
    state: dict[str, Tensor], images: Tensor, tokens: tuple[int, ...], *, by_batch: bool
) -> Tensor:
    """The layers of one architecture in a loop, every output reduced at every pool."""
    layers = PlainLayers(state, by_batch=by_batch)
    outputs, rest = [layers.conv_norm(images, "stem")], list(tokens)
    for number in range(6):
        operation, bits, rest = rest[0], rest[1 : number + 1], rest[number + 1 :]
        name, kind = f"layers.{number}.operations.{operation}", OPERATIONS[operation]
        x = layers.conv_norm(outputs[-1], f"{name}.first").relu()
        if kind in ("conv3", "conv5"):
            x = layers.conv_norm(x, f"{name}.second").relu()
        elif kind in ("sep3", "sep5"):
            x = layers.separable(x, f"{name}.second").relu()
        else:
            x = layers.pool(x, kind)
        for bit, output in zip(bits, outputs, strict=False):
            x = x + bit * output
        outputs.append(layers.norm(x, f"layers.{number}.norm") if number > 0 else x)
        if number in (1, 3):  # the ends of the first and the second third of six
            outputs = [
                layers.reduction(output, f"reductions.{number // 2}.{i}")
                for i, output in enumerate(outputs)
            ]
    assert not rest
    return layers.head(outputs[-1])


@given(ANY_TOKENS, st.sampled_from([(9, 9), (8, 8), (5, 6), (4, 1)]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_an_architecture_is_what_a_plain_loop_over_its_layers_computes(
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

    network(images, ALL_OPERATIONS).square().sum().backward()
    plain_logits(state, images, ALL_OPERATIONS, by_batch=True).square().sum().backward()

    for name, weight in network.named_parameters():
        if weight.grad is None:  # the loop reduces every output, whether it is looked at or not
            assert weights[name].grad is None or not weights[name].grad.any(), name
        else:
            torch.testing.assert_close(weight.grad, weights[name].grad)


def test_training_an_architecture_moves_exactly_the_weights_in_use() -> None:
    network = build()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    tokens = (0, *(4, 1), *(2, 0, 0), *(3, 0, 1, 0), *(5, 0, 0, 0, 0), *(1, 1, 0, 0, 0, 0))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)

    network(images, tokens).square().sum().backward()
    optimizer.step()

    after = network.state_dict()
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    operations = tuple(f"layers.{i}.operations.{op}." for i, op in enumerate((0, 4, 2, 3, 5, 1)))
    norms = tuple(f"layers.{number}.norm." for number in range(1, 6))
    # the first pool is looked through at outputs 2 (layer 2's input), 1 (a skip of layer 3) and,
    # below the second, at 0 (a skip of layer 5); the second at 0 and 4 (layer 4's input)
    reductions = tuple(f"reductions.{at}." for at in ("0.0", "0.1", "0.2", "1.0", "1.4"))
    in_use = ("stem.", "head.", *operations, *norms, *reductions)
    assert moved == {name for name in before if name.startswith(in_use)}


def test_what_an_operation_computes_is_the_same_whatever_skips_there_are() -> None:
    network, images = build().eval(), torch.randn(2, 3, 8, 8, dtype=torch.float64)
    seen: list[Tensor] = []
    network.get_submodule("layers.2.operations.2").register_forward_hook(
        lambda module, inputs, output: seen.append(output)
    )
    for bits in [(0, 0), (1, 0), (1, 1)]:
        network(images, (0, 1, 0, 2, *bits, *ALL_OPERATIONS[6:]))

    assert len(seen) == 3
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])


def test_operations_may_be_fewer_and_in_any_order() -> None:
    space = SPACE.model_copy(update={"layers": 3, "operations": ("max3", "sep5")})
    network = build(space)

    logits = network(torch.randn(2, 3, 8, 8, dtype=torch.float64), (1, 0, 1, 1, 0, 1))

    assert logits.shape == (2, 5)
    kinds = [[hasattr(op, "pool") for op in layer.operations] for layer in network.layers]
    assert kinds == [[True, False]] * 3


def test_dropout_zeroes_features_in_training_only() -> None:
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    network = build(dropout=0.999)

    assert (network(images, ALL_OPERATIONS) == 0).any()
    assert (network.eval()(images, ALL_OPERATIONS) != 0).all()


def test_tokens_are_an_operation_and_bits_for_earlier_outputs() -> None:
    assert layer_choices((5, 0, 1, 3, 0, 1), 3) == [
        LayerChoice(5, ()),
        LayerChoice(0, (0,)),  # adds the stem
        LayerChoice(3, (1,)),  # adds layer 0
    ]


def test_too_few_or_too_many_tokens_are_refused() -> None:
    for tokens in [ALL_OPERATIONS[:-1], (*ALL_OPERATIONS, 0)]:
        with pytest.raises(AssertionError, match="expected 21 tokens"):  # 6 + 0 + 1 + ... + 5
            layer_choices(tokens, 6)
