"""From the user's series to what a search stores: split, measured, hashed and serialised."""

from __future__ import annotations

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.bounds import Side, Steps
from nas_lib.config import SeriesTaskConfig
from nas_lib.data import Prepared
from nas_lib.data.allowance import Allowance
from nas_lib.records import STRICT
from nas_lib.tasks.images.preparation import ImageManifest, prepared_images
from nas_lib.tasks.series.readers import read_series


@checked_dataclass(frozen=True, config=STRICT)
class SeriesManifest(ImageManifest):
    """What was prepared: images one pixel high.

    Attributes:
        image_shape: Channels, 1, steps.
    """

    image_shape: tuple[Side, Side, Steps]

    @property
    def num_channels(self) -> int:
        """How many numbers a step has."""
        return self.image_shape[0]

    @property
    def length(self) -> int:
        """Steps of a series."""
        return self.image_shape[2]


def prepare_series(task: SeriesTaskConfig, seed: int, allowance: Allowance) -> Prepared:
    """Read, check, split and serialise the series: a pure function of data and arguments.

    Args:
        task: What the data are, and how they are split.
        seed: The search's.
        allowance: How much memory they may take unpacked.

    Raises:
        DataError: The data is missing, damaged, not what its format promises, too small, or
            larger than allowed.
    """
    raw = read_series(task.data, allowance)
    return prepared_images(raw, task, seed, manifest_class=SeriesManifest)
