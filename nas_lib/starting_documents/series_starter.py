"""A document for series in classes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from nas_lib.config import SearchConfig, SeriesTaskConfig
from nas_lib.data import BlobInfo, Manifest
from nas_lib.errors import plural
from nas_lib.starting_documents.chain_starter import ChainStarter
from nas_lib.starting_documents.seen_images import Counts, SeenImages
from nas_lib.starting_documents.starter import Choice
from nas_lib.tasks.series.preparation import SeriesManifest

_LENGTHS: Final = (128, 256, 512, 1024, 2048)
_LEAST_MAP: Final = 32  # steps that the last layers see, about
_WIDTHS: Final = (3, 5, 7, 9, 15)
_POOLS: Final = {
    0: ((), 4),
    1: ((3,), 6),
    2: ((2, 5), 8),
    3: ((2, 4, 7), 10),
    4: ((2, 4, 6, 9), 12),
}
"""By how often series are halved: after which layers, and how many layers there are."""


@dataclass(frozen=True)
class SeenSeries:
    """What was seen of series.

    Attributes:
        data: The settings of `task.data`, but for lengths and missing values.
        counts: Series of each class; `train` is always there.
        channels: Of each series.
        shortest: Steps of the shortest ...
        longest: ... and of the longest series.
        num_missing: Values that are missing.
        why: What is worth a line above a setting of `task.data`.
        notes: Sentences on what a user should know.
    """

    data: Mapping[str, Any]
    counts: Counts
    channels: int
    shortest: int
    longest: int
    num_missing: int
    why: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """How many of what, in words."""
        num = sum(sum(each.values()) for each in self.counts.values())
        steps = f"{self.longest:,}"
        if self.shortest < self.longest:
            steps = f"{self.shortest:,} to {self.longest:,}"
        classes = plural(len(self.counts["train"]), "class", "classes")
        return (
            f"{num:,} series of {steps} steps and {plural(self.channels, 'channel')} in {classes}"
        )


class SeriesStarter(ChainStarter):
    """A document for series in classes."""

    example = "series"
    num_axes: ClassVar[int] = 1

    def __init__(self, seen: SeenSeries) -> None:
        """Take what was seen."""
        self.seen = seen
        self.what, self.path = seen.what, str(seen.data["path"])
        self.counted = SeenImages(
            what=seen.what, data=seen.data, counts=seen.counts, notes=seen.notes
        )
        self.num_train = self.counted.num("train")
        shorter = [length for length in _LENGTHS if length < seen.longest]
        self.sizes = (*shorter, seen.longest) if seen.longest <= _LENGTHS[-1] else tuple(shorter)

    def _data(self, size: int) -> Iterator[Choice]:
        seen = self.seen
        yield Choice("task.kind", "series", "Numbers along time.")
        for name, value in seen.data.items():
            yield Choice(f"task.data.{name}", value, seen.why.get(name, ""))
        if size < seen.longest:
            why = f"Of {seen.longest:,} steps, as many as the time allows, by straight lines."
            yield Choice("task.data.lengths", "resample", why)
            yield Choice("task.data.length", size)
        elif seen.shortest < seen.longest:
            why = f"They have {seen.shortest:,} to {seen.longest:,} steps: the last value is held."
            yield Choice("task.data.lengths", "pad", why)
        if seen.num_missing:
            why = f"{plural(seen.num_missing, 'value')} missing."
            yield Choice("task.data.missing", "interpolate", why)
        why = "each, where only shapes count and not how large values are."
        yield Choice("task.data.standardise", "all", why)

    def _space(self, size: int) -> Iterator[Choice]:
        num_pools = min(4, max(0, round(math.log2(size / _LEAST_MAP))))
        pools, depth = _POOLS[num_pools]
        why = "Convolutional networks along time, each trained from scratch."
        yield Choice("space.kind", "series-cnn", why)
        widths = [width for width in _WIDTHS if width <= size] or [1]
        yield Choice("space.filter_widths", widths, "Short and long patterns, in steps.")
        yield Choice("space.num_filters", [16, 24, 32, 48])
        left = size // 2**num_pools
        why = f"After {num_pools} of them {size:,} steps are {left:,}."
        yield Choice(
            "space.pool_layers", list(pools), why if pools else "Series are short already."
        )
        yield from self._depth(depth)

    def _children(self, size: int) -> Iterator[Choice]:
        yield Choice("children.learning_rate", 0.05)
        yield Choice("children.schedule", "cosine", "The rate falls to 0 within the few epochs.")
        why = "A 16th of the steps, earlier or later: 0 where the moment matters."
        yield Choice("children.augment.shift", size // 16, why)
        yield Choice("children.augment.scale", 0.1)

    def manifest(self, config: SearchConfig) -> Manifest:
        """Return what would be prepared, as far as times depend on it."""
        task = config.task
        assert isinstance(task, SeriesTaskConfig)
        channels = self.seen.channels
        num_train, num_valid, num_test = self.counted.split(task)
        return SeriesManifest(
            content_hash="",
            source=self.what,
            class_names=self.counted.class_names,
            image_shape=(channels, 1, task.data.length or self.seen.longest),
            dtype="float32",
            num_train=num_train,
            num_valid=num_valid,
            num_test=num_test,
            mean=(0.0,) * channels,
            std=(1.0,) * channels,
            search_blob=BlobInfo.of(b"-"),
            test_blob=BlobInfo.of(b"-"),
        )
