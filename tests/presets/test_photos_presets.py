"""The presets for pictures of one's own: what their networks cost, beside ResNet-20."""

from __future__ import annotations

import torch

from nas_lib.config import ImageWeightsConfig, SharedConfig
from nas_lib.networks import Cost, build_network, count
from nas_lib.presets import preset
from nas_lib.spaces import planned
from nas_lib.spaces.references import ReferencePlan

COLOUR = (3, 32, 32)


def dearest_in_the_end(name: str) -> Cost:
    """The cost of the network with the last option of each choice, at its size in the end."""
    config = preset(name)
    space = planned(config.space.at_size(config.final.size).build())
    tokens = tuple(
        decision.num_values - 1
        for decision in space.decisions(space.max_depth)
        for _ in range(decision.num_tokens)
    )
    with torch.device("meta"):
        network = build_network(space.plan(tokens), image_shape=COLOUR, num_classes=2)
    return count(network.to_empty(device="cpu"), COLOUR)


def test_the_dearest_network_of_photos_takes_thrice_what_resnet_20_takes() -> None:
    found = dearest_in_the_end("photos")

    # 5 x 5 and 80 filters: 32 x 32 pixels once, then twice 16 x 16, 8 x 8 and 4 x 4
    window = 5 * 5
    pixels = 2 * (16**2 + 8**2 + 4**2)
    assert found.num_multiply_adds == window * (3 * 80 * 32**2 + 80 * 80 * pixels) + 80 * 2
    with torch.device("meta"):
        known = build_network(ReferencePlan.parse("resnet-20"), image_shape=COLOUR, num_classes=2)
    cost = count(known.to_empty(device="cpu"), COLOUR)
    assert found.num_multiply_adds < 3 * cost.num_multiply_adds


def test_photos_shared_trains_its_children_and_networks_in_the_end_as_photos_does() -> None:
    rounds, shared = preset("photos"), preset("photos-shared")

    assert (shared.task, shared.children) == (rounds.task, rounds.children)
    assert shared.final.model_copy(update={"size": rounds.final.size}) == rounds.final
    assert isinstance(shared.search, SharedConfig)
    assert isinstance(weights := shared.search.weights, ImageWeightsConfig)
    assert weights.augment == shared.children.augment  # type: ignore[union-attr]
    # chosen by auto: ENAS's policy, against the mean of architectures judged on the same batches
    assert shared.search.judges_in_common(shared.controller)
    # each layer of each architecture has weights: what needs no training is no shorter way
    assert set(shared.space.operations) == {"conv3", "conv5", "sep3", "sep5"}  # type: ignore[union-attr]
