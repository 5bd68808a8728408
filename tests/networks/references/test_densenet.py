from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from nas_lib.networks import build_network
from nas_lib.networks.references.densenet import DenseBlock
from nas_lib.spaces.references import DenseNetPlan, ReferencePlan


@pytest.mark.parametrize("is_bc", [False, True])
def test_a_block_of_n_layers_has_n_times_n_plus_1_halves_connections(is_bc: bool) -> None:
    plan = DenseNetPlan(depth=40, growth=12, is_bc=is_bc)
    num_layers = 6 if is_bc else 12  # (40 - 4) / 3 blocks, of layers of two convolutions or one
    with torch.device("meta"):
        block = DenseBlock(24, plan)

    taken = [next(layer.parameters()).shape[0] for layer in block.layers]  # BatchNorm comes first

    assert len(taken) == num_layers
    # the block's input, and 12 channels of each layer before
    sources = [1 + (channels - 24) // 12 for channels in taken]
    assert sum(sources) == num_layers * (num_layers + 1) // 2
    assert block.out_channels == 24 + 12 * num_layers


def test_a_layer_takes_the_input_and_all_layers_before_it_in_depth() -> None:
    torch.manual_seed(0)
    block = DenseBlock(2, DenseNetPlan(depth=10, growth=3, is_bc=False)).eval()
    x_BCHW = torch.randn(2, 2, 4, 4)
    first, second = block.layers

    one = first(x_BCHW)
    two = second(torch.cat([x_BCHW, one], dim=1))

    assert torch.equal(block(x_BCHW), torch.cat([x_BCHW, one, two], dim=1))
    scaled = x_BCHW / (1 + 1e-5) ** 0.5  # BatchNorm's averages are 0 and 1 yet
    expected = F.conv2d(scaled.relu(), first.state_dict()["conv.weight"], padding=1)
    torch.testing.assert_close(one, expected)


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("densenet-10-3", (22, 28)),  # 16 + 2 x 3, 22 + 2 x 3
        ("densenet-bc-16-3", (6, 6)),  # (2 x 3 + 2 x 3) / 2, (6 + 2 x 3) / 2
    ],
)
def test_transitions_halve_the_size_and_of_bc_the_channels(
    name: str, channels: tuple[int, int]
) -> None:
    network = build_network(ReferencePlan.parse(name), image_shape=(3, 9, 8), num_classes=2).eval()
    sizes: list[torch.Size] = []
    for transition in [*network.body.children()][1::2]:
        transition.register_forward_hook(lambda *args: sizes.append(args[2].shape[1:]))

    network(torch.randn(1, 3, 9, 8))

    assert sizes == [(channels[0], 4, 4), (channels[1], 2, 2)]
