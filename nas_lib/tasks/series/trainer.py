"""SeriesTrainer: a network that learns series, and how well it does on others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from torch import Generator

from nas_lib.config import AugmentConfig, SeriesAugmentConfig
from nas_lib.tasks.images.batches import Batch
from nas_lib.tasks.images.trainer import ImageTrainer
from nas_lib.tasks.series.augmentation import augment_series


class SeriesTrainer(ImageTrainer):
    """Trains one child as on images, but for what is changed at random."""

    pictures_augment = AugmentConfig(pad=0, flip=False)

    def _passes(self, epoch: int, generator: Generator) -> Iterator[Batch]:
        augment = cast(SeriesAugmentConfig, self._children.augment)
        for x_BC1W, y_B in super()._passes(epoch, generator):
            yield augment_series(x_BC1W, augment, generator), y_B
