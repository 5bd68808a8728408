"""Pictures of one's own, meant for half an hour of two cores: each by itself, by shared weights.

Networks are halved thrice, or twice, and no layer sees what was before: connections across a
pooling layer bring the size back, and networks that are 13 times as dear. In the end they have
about the weights and multiply-adds of ResNet-20 at 32 x 32 pixels. Of larger pictures
(`task.data.size`) both take as much longer as there are more pixels.
"""

from __future__ import annotations

from nas_lib.config import (
    AutoConfig,
    CnnSpaceConfig,
    DepthConfig,
    DeriveConfig,
    EnasMacroSpaceConfig,
    FiltersConfig,
    FinalConfig,
    ImageChildrenConfig,
    ImageFinalConfig,
    ImageFolderData,
    ImageTaskConfig,
    ImageWeightsConfig,
    RewardConfig,
    RoundsConfig,
    SearchConfig,
    SharedConfig,
    SizeConfig,
)

_TASK = ImageTaskConfig(data=ImageFolderData(path="photos"), valid_fraction=0.2, test_fraction=0.2)
_CHILDREN = ImageChildrenConfig(
    epochs=8,
    batch_size=64,
    learning_rate=0.1,
    schedule="cosine",
    min_steps=10,
    reward=RewardConfig(last_epochs=1, power=1.0),
)


def photos() -> SearchConfig:
    """Pictures of your own, a folder with one subfolder per class: 40 networks."""
    return SearchConfig(
        name="photos",
        task=_TASK,
        space=CnnSpaceConfig(
            filter_heights=(3, 5),
            filter_widths=(3, 5),
            num_filters=(24, 32, 48, 64),
            pool_layers=(2, 5, 8),
            skip_connections=False,
            depth=DepthConfig(start=10, step=0, max=10),
        ),
        children=_CHILDREN,
        search=RoundsConfig(max_children=40, children_per_round=8),
        final=_final(SizeConfig(more_filters=16)),
    )


def photos_shared() -> SearchConfig:
    """The same by shared weights: one network owns those of whole networks of 6 layers (ENAS)."""
    return SearchConfig(
        name="photos-shared",
        task=_TASK,
        # no pooling among the operations: needing no training, it is what raw weights like best
        space=EnasMacroSpaceConfig(
            layers=6,
            operations=("conv3", "sep3", "conv5", "sep5"),
            shared=FiltersConfig(filters=16),
            child=FiltersConfig(filters=16),
        ),
        controller=AutoConfig(),
        children=_CHILDREN,
        search=SharedConfig(
            weights=ImageWeightsConfig(epochs=62, batch_size=64, first_cycle=2),
            controller_after=30,
            controller_steps=5,
            architectures_per_step=5,
            derive=DeriveConfig(num_samples=50, keep=3, probes=3),
        ),
        final=_final(SizeConfig(filters=24)),
    )


def _final(size: SizeConfig) -> FinalConfig:
    return FinalConfig(top=2, size=size, children=ImageFinalConfig(epochs=40))
