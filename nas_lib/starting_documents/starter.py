"""What is proposed for data of one kind, but for how long it takes."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from nas_lib.config import SearchConfig
from nas_lib.config_file import apply_overrides, parse_config
from nas_lib.data import Manifest


class Choice(NamedTuple):
    """A setting of the document.

    Attributes:
        place: Where it stands, such as `children.epochs`.
        value: As YAML has it.
        why: In a line; empty where nobody asks.
    """

    place: str
    value: Any
    why: str = ""


class Length(NamedTuple):
    """What makes a search long.

    Attributes:
        epochs: Of a child.
        children: So many at least: fewer tell too little of a space.
        final_epochs: Of a training of the best.
        top: So many of them.
        seeds: Each so often.
    """

    epochs: int
    children: int
    final_epochs: int
    top: int
    seeds: int


class Starter(ABC):
    """Proposes a document for data that were looked at.

    Attributes:
        example: What one example is called.
        lengths: From the longest to the shortest.
        what: What was found, in a sentence.
        path: Where, as the user wrote it.
        base: What the document has beside the choices; plain.
        sizes: Of the examples, from the smallest; 0 alone where there is nothing to choose.
        num_axes: Along which an example has that size.
        num_train: Examples that there are to train on, at most.
        prepare_s: About how long it takes to prepare them.
    """

    example: str
    lengths: ClassVar[tuple[Length, ...]]

    what: str
    path: str
    base: Mapping[str, Any] = {}
    sizes: Sequence[int] = (0,)
    num_axes: ClassVar[int] = 2
    num_train: int
    prepare_s: float = 0.0

    @abstractmethod
    def choices(self, size: int) -> Iterator[Choice]:
        """Yield all settings but those that a `Length` has, for examples of this size."""

    @abstractmethod
    def manifest(self, config: SearchConfig) -> Manifest:
        """Return what would be prepared, as far as times depend on it."""

    @abstractmethod
    def notes(self, config: SearchConfig) -> Iterator[str]:
        """Yield sentences on what a user should know of these data."""

    def config(
        self, size: int, more: Iterable[Choice] = (), overrides: Sequence[str] = ()
    ) -> SearchConfig:
        """Return the document of these choices.

        Args:
            size: Of the examples.
            more: Choices besides.
            overrides: What the user wants in any case.

        Raises:
            ConfigError: The user wants what cannot be.
        """
        document = copy.deepcopy(dict(self.base))
        for choice in (*self.choices(size), *more):
            *path, last = choice.place.split(".")
            section = document
            for name in path:
                section = section.setdefault(name, {})
            section[last] = choice.value
        return parse_config(apply_overrides(document, overrides), source=self.path)
