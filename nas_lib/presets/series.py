"""Series of one's own: small networks along time."""

from __future__ import annotations

from nas_lib.config import (
    DepthConfig,
    FinalConfig,
    RoundsConfig,
    SearchConfig,
    SeriesAugmentConfig,
    SeriesChildrenConfig,
    SeriesCnnSpaceConfig,
    SeriesFinalConfig,
    SeriesTaskConfig,
    SizeConfig,
    TsData,
)


def small() -> SearchConfig:
    """Series of your own, a folder with NAME_TRAIN.ts and NAME_TEST.ts: 48 small networks."""
    return SearchConfig(
        name="series",
        task=SeriesTaskConfig(data=TsData(path="series"), valid_fraction=0.2, test_fraction=0.2),
        # halved twice, after which layers see a few dozen steps of some hundred
        space=SeriesCnnSpaceConfig(pool_layers=(2, 4), depth=DepthConfig(start=6, step=0, max=6)),
        children=SeriesChildrenConfig(
            epochs=20,
            batch_size=16,
            min_steps=10,
            learning_rate=0.05,
            schedule="cosine",
            augment=SeriesAugmentConfig(shift=4, scale=0.1),
        ),
        search=RoundsConfig(max_children=48, children_per_round=8),
        final=FinalConfig(
            size=SizeConfig(more_filters=16),
            # of a hundred series a mixture is often like none
            children=SeriesFinalConfig(epochs=60, mixup=0.0),
        ),
    )
