"""Final training: named networks by several seeds, then the best of them on all data.

Its children are network x point of the grid x seed, in rounds of so many as are trained at once.
The last round is the winner, trained on training and validation data; nothing is chosen by it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from nas_lib.architecture import Architecture
from nas_lib.config import FinalsConfig, SearchConfig
from nas_lib.config_file import parse_config
from nas_lib.errors import NasError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.listener import Listener
from nas_lib.procedures.procedure import Preview, Procedure, Stage
from nas_lib.procedures.proposals import (
    ANY_DEPTH,
    Assignment,
    assignment,
    find_round,
    proposal,
    settle_round,
)
from nas_lib.records import Child, ChildId, ChildRow, Learned, Rewarded
from nas_lib.results import SearchView
from nas_lib.results.final import (
    Contender,
    best_contender,
    contenders,
    outcome,
    retrained_child,
    trials,
)
from nas_lib.spaces import planned
from nas_lib.store import layout
from nas_lib.tasks import Task

REPLICA = 0


class Final(Procedure[FinalsConfig]):
    """Rounds of trials, and one of the winner."""

    round_ends_with = "rewarded"

    @property
    def _trial_rounds(self) -> int:
        return -(-len(trials(self.settings)) // self.settings.children_per_round)

    @property
    def num_rounds(self) -> int:
        """Those of trials, and the winner's."""
        return self._trial_rounds + self.settings.retrain

    @property
    def num_children(self) -> int:
        """Trials, and the winner."""
        return len(trials(self.settings)) + self.settings.retrain

    @property
    def children_per_round(self) -> int:
        """As many as are trained at once."""
        return min(self.settings.children_per_round, len(trials(self.settings)))

    def is_finished(self, search: OpenSearch, replica: int) -> bool:
        """Say whether all rounds have their results."""
        return self.num_done(search, replica) >= self.num_rounds

    def num_done(self, search: OpenSearch, replica: int) -> int:
        """Return its rounds that have their results."""
        newest = search.store.newest(layout.rounds(replica, "rewarded"))
        return 0 if newest is None else newest + 1

    def rounds_left(self, search: OpenSearch, replica: int) -> int:
        """Return how many rounds have no results yet, at least one."""
        return max(1, self.num_rounds - self.num_done(search, replica))

    def propose(
        self, search: OpenSearch, replica: int, *, run: str, listener: Listener
    ) -> Assignment | None:
        """Go on with the open round, or begin the next one."""
        search.show_life(replica, run)
        number = self.num_done(search, replica)
        if number >= self.num_rounds:
            return None
        proposed = find_round(search, replica, number)
        if proposed is not None:
            return assignment(search, proposed, run=run)
        architectures = list(self._architectures(search, number))
        fresh = proposal(
            search,
            replica,
            number,
            architectures,
            run=run,
            created_s=time.time(),
            depth=ANY_DEPTH,
        )
        return settle_round(search, fresh, run=run)

    def _architectures(self, search: OpenSearch, number: int) -> Iterator[Architecture]:
        if number == self._trial_rounds:
            yield architecture_of(search, self._winner(search).network)
            return
        size = self.settings.children_per_round
        for trial in trials(self.settings)[number * size : (number + 1) * size]:
            yield architecture_of(search, trial.network)

    def _winner(self, search: OpenSearch) -> Contender:
        rows: list[ChildRow] = []
        for number in range(self._trial_rounds):
            key = layout.round_state(REPLICA, number, "rewarded")
            rows += search.store.read(Rewarded, key).rows
        found = best_contender(contenders(self.settings, rows), search.task.measure)
        if found is None:
            raise NasError(f"none of the {len(rows)} final trainings in {search.uri} has a score")
        return found

    def is_retraining(self, child: str) -> bool:
        """Say whether a child is the winner, trained once more."""
        return ChildId.parse(child).round == self._trial_rounds

    def task_for(self, search: OpenSearch, child: Child) -> Task:
        """Return the task by the child's point of the grid; the winner's with all data."""
        which = ChildId.parse(child.id)
        if self.is_retraining(child.id):
            point: dict[str, Any] = {**self._winner(search).point, "include_validation": True}
        else:
            index = which.round * self.settings.children_per_round + which.index
            point = dict(trials(self.settings)[index].point)
        return search.task_of(at_point(search.config, point)) if point else search.task

    def to_test(self, search: OpenSearch, view: SearchView) -> Iterable[str]:
        """Return the seeds by which the winner won, or each of known networks; and the last one."""
        found = outcome(view)
        tested = found.best_of_each if view.is_of_references else found.best_of_each[:1]
        rows = [row for contender in tested for row in contender.rows]
        rows += [] if found.retrained is None else [found.retrained]
        return [row.id for row in rows if row.status == "ok"]

    def learn(self, search: OpenSearch, replica: int, round: int, *, run: str) -> Learned | None:
        """Return nothing: nothing is proposed by what came out."""
        return None

    def complete_view(self, view: SearchView, search: OpenSearch) -> SearchView:
        """Return the view with all that there is to train."""
        is_finished = self.is_finished(search, REPLICA)
        return replace(
            view,
            num_children=self.num_children,
            finished=is_finished,
            retrained=retrained_child(self.settings) if self.settings.retrain else "",
        )

    def to_do(self, search: OpenSearch, num_rounds: int) -> str:
        """Return the number of trainings that are left."""
        return f"{num_rounds} round(s) of final training"

    def stages(self, search: OpenSearch, num_rounds: int) -> tuple[Stage, ...]:
        """Return the one stage: children, round after round."""
        done = self.num_done(search, REPLICA)
        size, num_trials = self.settings.children_per_round, len(trials(self.settings))
        left = max(0, num_trials - done * size) + self.settings.retrain
        return (Stage("children", total=left),)

    def preview(self, search: OpenSearch) -> Preview:
        """Say how many trainings there are."""
        return Preview({"final training": f"{self.num_children:,} trainings"})


def architecture_of(search: OpenSearch, text: str) -> Architecture:
    """Return the architecture of the search's space that a configuration string spells out.

    Raises:
        ArchitectureError: It is none of the space.
    """
    space = search.space
    tokens = planned(space).encode(Architecture(space.name, (), text))
    return space.decode(tokens)


def at_point(config: SearchConfig, point: dict[str, Any]) -> SearchConfig:
    """Return the configuration with these settings of its children."""
    document = config.model_dump(mode="json")
    for name, value in point.items():
        section = document["children"]
        *path, last = name.split(".")
        for part in path:
            section = section[part]
        section[last] = value
    return parse_config(document, source="final.grid")
