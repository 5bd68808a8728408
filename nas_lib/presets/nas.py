"""NAS (Zoph & Le 2017) on CIFAR-10, and a small one on digits."""

from __future__ import annotations

from nas_lib.config import (
    AugmentConfig,
    Cifar10Data,
    CnnSpaceConfig,
    DepthConfig,
    DigitsData,
    FinalConfig,
    ImageChildrenConfig,
    ImageFinalConfig,
    ImageTaskConfig,
    NasPolicyConfig,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
    SizeConfig,
)


def nas_cnn(name: str = "nas-cnn", space: CnnSpaceConfig | None = None) -> SearchConfig:
    """Zoph & Le 2017 on CIFAR-10: 12,800 children, 100 replicas of 8, strides fixed at 1."""
    return SearchConfig(
        name=name,
        task=ImageTaskConfig(data=Cifar10Data(path="cifar-10-python.tar.gz")),
        space=space or CnnSpaceConfig(),
        controller=ReinforceConfig(policy=NasPolicyConfig(), learning_rate=6e-4),
        children=ImageChildrenConfig(timeout_s=None),
        search=RoundsConfig(
            max_children=12_800,
            children_per_round=8,
            replicas=100,
            shards=20,
            repeats="train",
            confirm=None,
        ),
        # 40 more filters in each layer, as in table 1; how long the paper does not say
        final=FinalConfig(
            size=SizeConfig(more_filters=40),
            children=ImageFinalConfig(
                epochs=300,
                learning_rate=0.1,
                weight_decay=1e-4,
                label_smoothing=0.0,
                mixup=0.0,
                timeout_s=None,
            ),
        ),
    )


def nas_cnn_strides() -> SearchConfig:
    """The same with strides of 1, 2 or 3 chosen for each layer (section 4.1, second setting)."""
    return nas_cnn("nas-cnn-strides", CnnSpaceConfig(strides=(1, 2, 3)))


def nas_cnn_pooling() -> SearchConfig:
    """The same with 13 blocks of 3 dense convolutions and max-pooling (section 4.1, third setting).

    The paper pools at layers 13 and 24 of 39, which are the fifth and the eighth block; a pooling
    layer stands before the fifth block and one after the eighth.
    """
    blocks_and_pools = 13 + 2
    space = CnnSpaceConfig(
        num_filters=(6, 12, 24, 36),
        convs_per_layer=3,
        pool_layers=(5, 10),
        depth=DepthConfig(start=blocks_and_pools, step=0, max=blocks_and_pools),
    )
    return nas_cnn("nas-cnn-pooling", space)


def digits() -> SearchConfig:
    """The demo: 96 small networks on 1,797 real digits, some minutes on two cores."""
    return SearchConfig(
        name="digits",
        task=ImageTaskConfig(data=DigitsData(), valid_fraction=0.2, test_fraction=0.2),
        space=CnnSpaceConfig(
            filter_heights=(1, 3, 5),
            filter_widths=(1, 3, 5),
            num_filters=(8, 16, 24, 32),
            depth=DepthConfig(start=4, step=0, max=4),
        ),
        children=ImageChildrenConfig(
            epochs=15,
            batch_size=32,
            learning_rate=0.1,
            schedule="cosine",
            augment=AugmentConfig(pad=1, flip=False),
        ),
        search=RoundsConfig(max_children=96, children_per_round=8),
        final=FinalConfig(size=SizeConfig(more_filters=16), children=ImageFinalConfig(epochs=40)),
    )
