"""What was seen of images, whatever format they are of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nas_lib.config import ImageTarget, ImageTaskConfig
from nas_lib.errors import plural_of

PartName = Literal["train", "valid", "test"]
Counts = Mapping[PartName, Mapping[str, int]]
"""Images of each class, by part."""


@dataclass(frozen=True)
class SeenImages:
    """What was seen of images.

    Attributes:
        what: How many of what, in words.
        data: The settings of `task.data`, but for size and colours.
        counts: Images of each class; `train` is always there.
        shape: Channels, height and width; None where pictures are made one size.
        side: Where they are: the median of the shorter sides.
        all_square: Whether all that were looked at are squares of that side.
        num_looked_at: So many of them were opened.
        is_grey: Whether none of those has a colour.
        prepare_s: About how long all take to be read.
        why: What is worth a line above a setting of `task.data`.
        notes: Sentences on what a user should know.
        target: What is told of an image; then `counts` are of labels, or of all that have a number.
        why_target: Why that; empty where nobody asks.
        sizes: How many images a part has, where `counts` do not come to that.
    """

    what: str
    data: Mapping[str, Any]
    counts: Counts
    shape: tuple[int, int, int] | None = None
    side: int = 0
    all_square: bool = False
    num_looked_at: int = 0
    is_grey: bool = False
    prepare_s: float = 0.0
    why: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    target: ImageTarget = "class"
    why_target: str = ""
    sizes: Mapping[PartName, int] = field(default_factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the training images, in order."""
        return tuple(sorted(self.counts["train"]))

    def num(self, part: PartName) -> int:
        """Return how many images a part has of its own."""
        return self.sizes.get(part) or sum(self.counts.get(part, {}).values())

    def split(self, task: ImageTaskConfig) -> tuple[int, int, int]:
        """Return how many are trained on, held out for the reward, and tested with."""
        num, own_valid, own_test = self.num("train"), self.num("valid"), self.num("test")
        num_test = own_test or round(task.test_fraction * num)
        pool = num if own_test else num - num_test
        pool = min(pool, task.max_train or pool)
        num_valid = own_valid or round(task.valid_fraction * pool)
        num_train = pool if own_valid else pool - num_valid
        return max(1, num_train), max(1, num_valid), max(1, num_test)

    def imbalance(self, example: str = "image") -> Iterator[str]:
        """Yield sentences on classes with few images, or far more than others.

        Args:
            example: What one of them is called.
        """
        if self.target == "number":
            return
        one, several = ("class", "classes") if self.target == "class" else ("label", "labels")
        counts, examples = self.counts["train"], plural_of(example)
        rarest, most = min(counts, key=lambda each: (counts[each], each)), max(counts.values())
        few = sum(num < 20 for num in counts.values())
        if few:
            has = "has" if few == 1 else "have"
            yield (
                f"{few:,} of {len(counts):,} {several} {has} fewer than 20 {examples} ({rarest!r} "
                f"{counts[rarest]:,}), too few to tell how well they are learnt"
            )
        if most >= 3 * counts[rarest]:
            ratio = math.floor(most / max(1, counts[rarest]))
            text = (
                f"{several} are not balanced: the largest has {most:,} {examples}, {ratio} times "
                f"those of {rarest!r}"
            )
            little = f"; accuracy counts each {example}, so rare classes count little"
            yield text + little if one == "class" else text
