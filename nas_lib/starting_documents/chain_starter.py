"""A document for examples that convolutional networks learn: images, and series of numbers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Final

from nas_lib.config import SearchConfig
from nas_lib.errors import plural_of
from nas_lib.starting_documents.seen_images import SeenImages
from nas_lib.starting_documents.starter import Choice, Length, Starter

_MANY: Final = 10_000
_SOME: Final = 2_000
_FEW: Final = 500


class ChainStarter(Starter):
    """What documents have in common whose networks are chains of layers, halved here and there.

    Attributes:
        counted: How many examples of which class there are.
    """

    lengths: ClassVar[tuple[Length, ...]] = (
        Length(20, 96, 60, 3, 3),
        Length(15, 64, 60, 3, 3),
        Length(15, 40, 45, 3, 3),
        Length(10, 32, 40, 3, 2),
        Length(8, 24, 30, 2, 2),
        Length(5, 16, 20, 2, 2),
        Length(3, 16, 12, 2, 2),
        Length(2, 8, 6, 2, 1),
    )

    counted: SeenImages

    def choices(self, size: int) -> Iterator[Choice]:
        """Yield all settings but those that a `Length` has."""
        yield from self._data(size)
        yield from self._split()
        yield from self._space(size)
        yield from self._batches()
        yield from self._children(size)
        yield Choice("search.children_per_round", 8)
        yield Choice("final.size.more_filters", 16, "The best are trained again a little wider.")

    @abstractmethod
    def _data(self, size: int) -> Iterator[Choice]:
        """Yield what the data are, and how they are read."""

    @abstractmethod
    def _space(self, size: int) -> Iterator[Choice]:
        """Yield what may be built."""

    @abstractmethod
    def _children(self, size: int) -> Iterator[Choice]:
        """Yield how networks are trained, but for the batches."""

    def _split(self) -> Iterator[Choice]:
        examples = plural_of(self.example)
        for part, noun in (("valid", "for the reward"), ("test", "for the test")):
            own = self.counted.num(part)  # type: ignore[arg-type]
            why = (
                f"Not used: the data have {own:,} {examples} of their own {noun}."
                if own
                else f"Of {self.num_train:,} {examples}, enough {noun} and for training."
            )
            yield Choice(f"task.{part}_fraction", 0.1 if self.num_train >= _MANY else 0.2, why)

    def _batches(self) -> Iterator[Choice]:
        num, examples = self.num_train, plural_of(self.example)
        batch = 16 if num < _FEW else 32 if num < _SOME else 64
        yield Choice("children.batch_size", batch, f"For {num:,} training {examples}.")
        if num < _SOME:
            why = f"With so few {examples} an epoch goes through them until it has so many steps."
            yield Choice("children.min_steps", 10, why)

    def _depth(self, depth: int) -> Iterator[Choice]:
        yield Choice("space.depth.start", depth, "Few layers, so that many networks can be tried.")
        yield Choice("space.depth.step", 0)
        yield Choice("space.depth.max", depth)

    def notes(self, config: SearchConfig) -> Iterator[str]:
        """Yield sentences on classes with few examples, and what else was seen."""
        yield from self.counted.imbalance(self.example)
        yield from self.counted.notes
