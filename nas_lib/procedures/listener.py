"""Listener: what a run tells while it works."""

from __future__ import annotations

from collections.abc import Sequence

from nas_lib.data import Manifest
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult, Learned, SharedEpoch


class Listener:
    """Is told how a search goes on; override what you want to know."""

    def comparing(self, search: str, *, number: int, total: int, is_done: bool) -> None:
        """The search that is next is the number-th of all that are compared; it may be done."""

    def prepared(self, manifest: Manifest) -> None:
        """The search's data is prepared, now or before; its notices are for people."""

    def warned(self, message: str) -> None:
        """Something is not as it should be, and the search goes on."""

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """The search is prepared; this run may do so many rounds over all replicas."""

    def training_best(self, finals: Sequence[OpenSearch], *, workers: int) -> None:
        """These final trainings of a search are gone on with, one after the other."""

    def proposed(
        self,
        replica: int,
        round: int,
        children: Sequence[str],
        *,
        num_done: int,
        num_repeats: int,
    ) -> None:
        """These children of a round are to be trained, others are done or repeats."""

    def training_again(self, replica: int, round: int) -> None:
        """The round that is told of next has no new children: the best are trained again."""

    def trained_shared_weights(self, metrics: SharedEpoch) -> None:
        """An epoch of shared-weight training is finished, with the controller's steps."""

    def started(self, child: str) -> None:
        """A child's training began, or began again."""

    def ended(self, result: ChildResult) -> None:
        """A child has its result."""

    def failed(self, child: str, message: str) -> None:
        """An attempt at a child failed; it will be tried again or given up."""

    def waiting(self, child: str, message: str) -> None:
        """A child is not being trained yet, and this is why."""

    def learned(self, learned: Learned) -> None:
        """The controller learned from a round."""
