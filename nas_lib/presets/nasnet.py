"""NASNet (Zoph et al. 2018): what the paper states, its ImageNet settings, a small one.

What the paper leaves open is as in the published code, slim's `nasnet.py`; what that leaves open
too is said where it stands. The code's L2 penalty is a weight times half the sum of squares, which
is torch's weight_decay of the same value; it has none on what BatchNorm learns, here all have it.
"""

from __future__ import annotations

from typing import Any

from nas_lib.config import (
    AugmentConfig,
    AutoConfig,
    Cifar10Data,
    DeriveConfig,
    DigitsData,
    FinalConfig,
    ImageChildrenConfig,
    ImageFinalConfig,
    ImageFolderData,
    ImageTaskConfig,
    ImageWeightsConfig,
    NasNetSpaceConfig,
    NasPolicyConfig,
    PpoConfig,
    RewardConfig,
    RoundsConfig,
    SearchConfig,
    SharedConfig,
    SizeConfig,
)
from nas_lib.spaces import StackConfig

_DIGITS = AugmentConfig(pad=1, flip=False)
_LAST_ACCURACY = RewardConfig(last_epochs=1, power=1.0)
_CIFAR10: dict[str, Any] = {
    "batch_size": 32,
    "learning_rate": 0.025,
    "schedule": "cosine",
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 5e-4,
    "clip_norm": 5.0,
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "timeout_s": None,
}
_IMAGENET: dict[str, Any] = {
    "optimizer": "rmsprop",
    "rms_decay": 0.9,
    "rms_epsilon": 1.0,
    "momentum": 0.9,
    "nesterov": False,
    "schedule": "exponential",
    "decay": 0.97,
    "decay_after": 0,
    "decay_every": 2.4,
    "average_decay": 0.9999,
    "epochs": 312,  # 250,000 steps of 1,600 of the 1,281,167 images
    "clip_norm": 10.0,
    "label_smoothing": 0.1,
    "mixup": 0.0,
    "dropout": 0.5,
    "auxiliary_weight": 0.4,
    "norm_epsilon": 1e-3,
    "norm_momentum": 3e-4,  # a decay of 0.9997
    "timeout_s": None,
}


def paper() -> SearchConfig:
    """NASNet on CIFAR-10: 20,000 children, 25 replicas of 20, PPO, as the paper states it.

    Of the paper: the space, the controller but for its clip and epochs, 20 epochs per child with
    one cosine, momentum and an L2 penalty, 5,000 validation images, and that the best 250 are
    trained in the end. Of the code: learning rate, batch, penalty and clip of children, which the
    paper does not tell, and all of the final training. The clip and the 10 epochs of PPO are in
    neither.
    """
    return SearchConfig(
        name="nasnet-paper",
        task=ImageTaskConfig(data=Cifar10Data(path="cifar-10-python.tar.gz"), valid_fraction=0.1),
        space=NasNetSpaceConfig(blocks=5, child=StackConfig(cells=2, filters=32)),
        controller=PpoConfig(
            policy=NasPolicyConfig(hidden_size=100, num_layers=1, init_range=0.1),
            learning_rate=3.5e-4,
            baseline_decay=0.95,
            entropy_weight=1e-5,
            clip=0.2,
            epochs=10,
        ),
        children=ImageChildrenConfig(**_CIFAR10, epochs=20, reward=_LAST_ACCURACY),
        search=RoundsConfig(
            max_children=20_000,
            children_per_round=20,
            replicas=25,
            shards=1,
            repeats="train",
            confirm=None,
        ),
        final=FinalConfig(
            top=250,
            seeds=1,
            size=SizeConfig(cells=6, filters=32),
            children=ImageFinalConfig(**_CIFAR10, epochs=600, drop_path=0.4, auxiliary_weight=0.4),
        ),
    )


def imagenet_mobile() -> SearchConfig:
    """Cells for large images, 4@1056 on 224 x 224: for `nas transfer`, as NASNet's code trains.

    The code's 50 replicas in step, 32 images and a rate of 0.04 each, are one of them here. The
    paper has the same network and 224 pixels; its numbers of training are in the code only.
    """
    return _imagenet(
        "nasnet-imagenet-mobile",
        pixels=224,
        stack=StackConfig(cells=4, filters=44, large_stem=32),
        batch_size=32,
        learning_rate=0.04,
        weight_decay=4e-5,
    )


def imagenet_large() -> SearchConfig:
    """Cells for large images, 6@4032 on 331 x 331: for `nas transfer`, as NASNet's code trains.

    The code's 100 replicas in step, 16 images and a rate of 0.015 each, are one of them here.
    """
    return _imagenet(
        "nasnet-imagenet-large",
        pixels=331,
        stack=StackConfig(cells=6, filters=168, large_stem=96),
        batch_size=16,
        learning_rate=0.015,
        weight_decay=5e-5,
        drop_path=0.3,
    )


def digits() -> SearchConfig:
    """NASNet's cells in minutes: blocks of small networks for handwritten digits."""
    return _digits("nasnet-digits", RoundsConfig(max_children=48, children_per_round=8))


def digits_shared() -> SearchConfig:
    """The same by shared weights: one network owns those of all cells, as in ENAS."""
    return _digits(
        "nasnet-digits-shared",
        SharedConfig(
            weights=ImageWeightsConfig(epochs=62, batch_size=64, first_cycle=2, augment=_DIGITS),
            controller_after=30,
            controller_steps=5,
            architectures_per_step=5,
            derive=DeriveConfig(num_samples=50, keep=3, probes=5),
        ),
    )


def _digits(name: str, search: RoundsConfig | SharedConfig) -> SearchConfig:
    size = StackConfig(cells=1, filters=8)
    return SearchConfig(
        name=name,
        task=ImageTaskConfig(data=DigitsData(), valid_fraction=0.2, test_fraction=0.2),
        space=NasNetSpaceConfig(blocks=3, shared=size, child=size),
        controller=AutoConfig(),
        children=ImageChildrenConfig(
            epochs=8,
            batch_size=32,
            schedule="cosine",
            augment=_DIGITS,
            reward=RewardConfig(power=1.0),
        ),
        search=search,
        final=FinalConfig(
            size=SizeConfig(cells=2, filters=16), children=ImageFinalConfig(epochs=30)
        ),
    )


def _imagenet(name: str, *, pixels: int, stack: StackConfig, **settings: Any) -> SearchConfig:
    """Return the training of known cells on a folder of images; a search would be too long."""
    return SearchConfig(
        name=name,
        task=ImageTaskConfig(
            data=ImageFolderData(path="photos", size=pixels), valid_fraction=0.1, test_fraction=0.1
        ),
        space=NasNetSpaceConfig(child=stack),
        children=ImageChildrenConfig(**_IMAGENET, **settings, reward=_LAST_ACCURACY),
        final=FinalConfig(
            seeds=1,
            size=SizeConfig(**stack.model_dump()),
            children=ImageFinalConfig(**_IMAGENET, **settings),
        ),
    )
