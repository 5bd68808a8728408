"""Shapes: B images, C channels, H x W pixels."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from toy_images import IMAGES, MANIFEST, toy_images
from workload_contract import Make, WorkloadContract, train

from nas_lib.config import (
    AugmentConfig,
    CellsConfig,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    FiltersConfig,
    ImageWeightsConfig,
    NasNetSpaceConfig,
    SharedConfig,
    StackConfig,
)
from nas_lib.data.tensors import MappedRows
from nas_lib.shared_weights.norm import BatchNormMode, Fitted, Fitting
from nas_lib.spaces import SpacePart
from nas_lib.tasks.images.batches import ImageSplits, ImageTensors
from nas_lib.tasks.images.workload import ImageWorkload

MACRO = EnasMacroSpaceConfig(layers=3, shared=FiltersConfig(filters=6))
MICRO = EnasMicroSpaceConfig(nodes=2, shared=CellsConfig(cells=3, filters=4))
NASNET = NasNetSpaceConfig(
    blocks=1, operations=("sep3", "conv1x3", "max3"), shared=StackConfig(cells=1, filters=4)
)
TOKENS: dict[SpacePart, tuple[int, ...]] = {
    MACRO: (0, 4, 1, 1, 0, 1),
    MICRO: (0, 1, 0, 2, 2, 0, 1, 4) * 2,
    NASNET: (0, 1, 0, 2, 1) * 2,
}
SPACES = pytest.mark.parametrize("space", [MACRO, MICRO, NASNET], ids=["macro", "micro", "nasnet"])
A, B = (0, 4, 1, 1, 0, 1), (2, 5, 0, 3, 1, 1)  # architectures of MACRO
NO_CHANGES = AugmentConfig(pad=0, flip=False)


def workload(
    space: SpacePart = MACRO,
    *,
    images: ImageSplits = IMAGES,
    weights: int = 3,
    seed: int = 7,
    batch_norm: BatchNormMode = "refit",
    **settings: Any,
) -> ImageWorkload:
    defaults = {"batch_size": 16, "dropout": 0.0, "augment": AugmentConfig(pad=1, flip=True)}
    shared = SharedConfig(
        weights=ImageWeightsConfig(**{**defaults, **settings}), batch_norm=batch_norm
    )
    torch.manual_seed(weights)
    return ImageWorkload(space, shared, images, MANIFEST, seed=seed, device=torch.device("cpu"))


def learn(images: ImageWorkload, tokens: tuple[int, ...], *epochs: int) -> None:
    train(images, tokens, *epochs, rate=0.05, momentum=0.9)


class ImageWorkloadContract(WorkloadContract):
    learning_rate = 0.05
    momentum = 0.9
    good = 0.6  # a third at random


class TestMacroWorkload(ImageWorkloadContract):
    one, other = A, B
    of_one, of_other = "layers.1.operations.4", "layers.1.operations.5"

    @pytest.fixture
    def make(self) -> Make:
        return workload


class TestMicroWorkload(ImageWorkloadContract):
    """With an auxiliary classifier, which is there in training only."""

    one, other = TOKENS[MICRO], (0, 1, 0, 2, 2, 0, 2, 1) * 2
    of_one = "cells.0.separables.node1_x_from2_sep5"
    of_other = "cells.0.separables.node1_y_from0_sep5"

    @pytest.fixture
    def make(self) -> Make:
        return partial(workload, MICRO, weights=2, auxiliary_weight=0.4)


class TestNasNetWorkload(ImageWorkloadContract):
    one, other = TOKENS[NASNET], (0, 1, 1, 2, 0) * 2
    of_one, of_other = "cells.0.combined.block0_concat", "cells.0.edges.block0_x_from0_conv1x3"

    @pytest.fixture
    def make(self) -> Make:
        return partial(workload, NASNET, weights=2)


def test_an_epoch_has_every_image_once() -> None:
    images = workload(augment=NO_CHANGES)

    batches = list(images.batches(1))

    assert len(batches) == 6  # 90 images, 16 in a batch: the last has 10
    seen = torch.cat([batch.inputs for batch in batches]).sum(dim=(1, 2, 3)).sort().values
    every = ((IMAGES.train.images - 0.3) / 0.7).sum(dim=(1, 2, 3)).sort().values
    torch.testing.assert_close(seen, every)


def test_the_loss_is_the_mean_cross_entropy_in_training() -> None:
    images = workload()
    batch = next(images.batches(1))
    images.network.eval()

    objective, loss = images.loss(batch, A)

    assert torch.equal(objective.detach(), loss)
    assert not loss.requires_grad
    again = workload().network(batch.inputs, A)
    torch.testing.assert_close(loss, F.cross_entropy(again, batch.targets).detach())


def test_an_auxiliary_classifiers_loss_counts_by_its_weight_and_is_not_the_loss_that_is_told() -> (
    None
):
    images = workload(MICRO, auxiliary_weight=0.4)
    named = dict(images.network.named_parameters())
    last = named["head.linear.weight"], named["auxiliary.linear.weight"]
    with torch.no_grad():
        for weight in last:
            weight.zero_()  # so that all three classes are as likely
    batch = next(images.batches(1))

    objective, loss = images.loss(batch, TOKENS[MICRO])
    objective.backward()

    assert loss.item() == pytest.approx(math.log(3))  # 1.0986
    assert objective.item() == pytest.approx(1.4 * math.log(3))  # 1.0986 + 0.4 x 1.0986 = 1.5381
    # Of a logit of 0 the gradient is the mean of (1/3 - whether it is the class) x the feature
    # that it is a sum of, and 0.4 of that in the auxiliary classifier.
    excess_BK = 1 / 3 - F.one_hot(batch.targets, 3).float()
    features_BC = auxiliary_features(images.network, batch.inputs)
    expected_KC = 0.4 * excess_BK.T @ features_BC / len(batch.targets)
    gradient = last[1].grad
    assert gradient is not None
    torch.testing.assert_close(gradient, expected_KC, atol=1e-5, rtol=1e-4)


def auxiliary_features(network: nn.Module, images_BCHW: Tensor) -> Tensor:
    """Return what the last layer of the auxiliary classifier is given, `[B, C]`."""
    features: list[Tensor] = []
    layer = network.get_submodule("auxiliary.linear")
    hook = layer.register_forward_pre_hook(lambda _, given: features.append(given[0].detach()))
    network.both_logits(images_BCHW, TOKENS[MICRO])  # type: ignore[operator]
    hook.remove()
    return features[0]


def test_quick_scores_go_through_all_validation_images_again_and_again() -> None:
    images = workload(batch_norm="running")
    learn(images, A, 1)

    turns = [[images.quick_score(A, number=2 * turn + i) for i in range(2)] for turn in range(4)]

    assert images.num_validation_batches == 2  # 45 images, at least 16 in a batch: 23 and 22
    everything = images.score(A, mode="running") * 45
    for first, second in turns:
        assert first * 23 + second * 22 == pytest.approx(everything)
    assert len({first for first, _ in turns}) > 1  # other images each time


def test_fewer_validation_images_than_a_batch_has_are_one_batch() -> None:
    few = ImageSplits(train=IMAGES.train, valid=toy_images(5, seed=3))
    images = workload(images=few)

    assert images.num_validation_batches == 1
    assert images.quick_score(A, number=3) in [right / 5 for right in range(6)]


@SPACES
def test_refitting_takes_the_moments_of_unchanged_training_images(
    space: SpacePart,
) -> None:
    images = workload(space, batch_size=90)  # all of them, in whatever order
    learn(images, TOKENS[space], 1, 2, 3, 4, 5, 6)
    score = images.score(TOKENS[space], mode="refit")
    valid = (IMAGES.valid.images - 0.3) / 0.7  # the manifest's mean and deviation

    with torch.no_grad():
        _set_running_averages(images.network, (IMAGES.train.images - 0.3) / 0.7, TOKENS[space])
        right = images.network(valid, TOKENS[space]).argmax(dim=1) == IMAGES.valid.labels

    assert score == pytest.approx(right.float().mean().item())


def _set_running_averages(network: Any, x_BCHW: Tensor, tokens: tuple[int, ...]) -> None:
    """Give the architecture's own moments on these images to the network."""
    fitting = Fitting()
    network.eval()(x_BCHW, tokens, fitting)
    for norm, (mean, variance) in fitting.moments.items():
        norm.running_mean.copy_(mean)
        norm.running_variance.copy_(variance)


def test_fitted_moments_are_those_of_all_images_where_batches_are_of_one_size() -> None:
    network = workload().network.eval()
    images = torch.randn(32, 1, 6, 6)
    fitting = Fitting()
    with torch.no_grad():
        for half in images.split(16):
            network(half, A, fitting)
        stem = F.conv2d(images, network.stem.conv.weight, padding=1)

    fitted = Fitted(fitting.moments).given(network.stem.norm)

    torch.testing.assert_close(fitted.mean, stem.mean(dim=(0, 2, 3)))
    halves = [half.var(dim=(0, 2, 3)) for half in stem.split(16)]
    torch.testing.assert_close(fitted.variance, (halves[0] + halves[1]) / 2)


def test_refitting_uses_the_norms_of_the_architecture_alone() -> None:
    network = workload().network.eval()
    fitting = Fitting()
    with torch.no_grad():
        network(torch.randn(4, 1, 6, 6), A, fitting)

    names = {name for name, module in network.named_modules() if module in fitting.moments}
    # the stem's; two of conv3, one of avg3 and two of sep3; those behind layers 1 and 2; reductions
    # of the stem (a skip) and of layer 0, and of layer 0 again (a skip) and of layer 1
    assert len(names) == 1 + 5 + 2 + 4


def test_statistics_of_the_batch_make_a_difference_and_so_does_refitting() -> None:
    images = workload(augment=NO_CHANGES)
    learn(images, A, 1, 2)
    learn(images, B, 1, 2, 3, 4, 5, 6)  # the averages of what A shares with B are now B's

    scores = {mode: images.score(A, mode=mode) for mode in ("refit", "batch", "running")}

    assert scores["refit"] > scores["running"]
    assert scores["batch"] > scores["running"]


def test_images_in_shards_give_the_same_weights_and_scores() -> None:
    def sharded(part: ImageTensors) -> ImageTensors:
        return ImageTensors(MappedRows(part.images.split(20)), part.labels)

    both = [
        workload(images=images)
        for images in (IMAGES, ImageSplits(sharded(IMAGES.train), sharded(IMAGES.valid)))
    ]
    for each in both:
        learn(each, A, 1)
    whole, in_shards = (
        (each.score(A, mode="refit"), each.quick_score(B, number=1), each.network.state_dict())
        for each in both
    )
    assert whole[:2] == in_shards[:2]
    assert all(torch.equal(whole[2][name], in_shards[2][name]) for name in whole[2])
