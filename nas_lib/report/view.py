"""SearchView: what a report needs to know of a search, as plain data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from nas_lib.config import SearchConfig
from nas_lib.records import ChildRow, Derived, Learned, Problem, SharedEpoch, TestReading
from nas_lib.report.measure import Measure, measure_of


@dataclass(frozen=True)
class DataSummary:
    """What the children were trained on.

    Attributes:
        source: Where the examples came from, in words.
        content_hash: Equal for equal examples.
        num_train: Training examples: images, or words of a text.
        num_valid: Validation examples.
        num_test: Test examples.
        image_shape: Channels, height, width; None of a text.
        num_classes: Classes, or different words, to tell apart.
    """

    source: str
    content_hash: str
    num_train: int
    num_valid: int
    num_test: int
    image_shape: tuple[int, int, int] | None
    num_classes: int


@dataclass(frozen=True)
class SearchView:
    """A search at one moment.

    Attributes:
        uri: Where its state lies.
        config: Its configuration.
        rows: The finished children, in any order.
        learned: What the controllers made of each round, in any order.
        open_rounds: How many children each replica's open round waits for, by replica.
        holders: Which run is at work on a replica, and where; without those at rest.
        finished: Whether the budget is used up or the stop rule met.
        test: Test accuracies, or perplexities, read so far, oldest first.
        problems: What the search's runs could not do, oldest first.
        data: What the children were trained on, None where there was no data to prepare.
        shared_epochs: What each epoch of shared-weight training came to, in order.
        derived: What shared weights told, None as long as they have not.
        run: The run that asks, empty where no run does.
        seen_s: The moment, in seconds since 1970.
    """

    uri: str
    config: SearchConfig
    rows: tuple[ChildRow, ...] = ()
    learned: tuple[Learned, ...] = ()
    open_rounds: Mapping[int, int] = field(default_factory=dict)
    holders: Mapping[int, str] = field(default_factory=dict)
    finished: bool = False
    test: tuple[TestReading, ...] = ()
    problems: tuple[Problem, ...] = ()
    data: DataSummary | None = None
    shared_epochs: tuple[SharedEpoch, ...] = ()
    derived: Derived | None = None
    run: str = ""
    seen_s: float = field(default_factory=time.time)

    @property
    def measure(self) -> Measure:
        """What scores are: accuracies, perplexities, or a user's own measure."""
        return measure_of(self.config)

    @property
    def num_children(self) -> int:
        """Children that there will be: fewer where shared weights told fewer different ones."""
        if self.derived is None:
            return self.config.num_children
        return len(self.derived.kept) + len(self.derived.probes)

    @property
    def open_children(self) -> int:
        """Children that are proposed and have no result yet."""
        return sum(self.open_rounds.values())
