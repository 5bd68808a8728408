"""Final training: named networks by several seeds, then the best of them on all data.

Its children are network x point of the grid x seed, in rounds of so many as are trained at once.
The last round is the winner, trained on training and validation data; nothing is chosen by it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nas_lib.architecture import Architecture
from nas_lib.config import (
    FinalsConfig,
    ReferencesConfig,
    SearchConfig,
)
from nas_lib.config.final import Point, at_point
from nas_lib.errors import CorruptStateError, plural
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
    best_of_each,
    contenders,
    ranked,
    retrained_child,
    trials,
)
from nas_lib.spaces import planned
from nas_lib.store import layout
from nas_lib.tasks import Task

REPLICA = 0
"""The only one of a final training."""


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

    # --- what is next ----------------------------------------------------------------------------

    def is_finished(self, search: OpenSearch, replica: int) -> bool:
        """Say whether all rounds have their results, or no trial has a score."""
        num_done = self.num_done(search, replica)
        if num_done == self._trial_rounds < self.num_rounds:
            return self._winner(search) is None
        return num_done >= self.num_rounds

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
        if self.is_finished(search, replica):
            return None
        if number == self._trial_rounds:
            self._let_go(search)  # here, so that a run after one that was killed does it again
        architectures = self._architectures(search, number)
        proposed = find_round(search, replica, number)
        if proposed is not None:
            if [child.architecture for child in proposed.children] != architectures:
                key = layout.round_state(replica, number, "proposed")
                raise CorruptStateError.of_content(key, "its networks are not those of search.json")
            return assignment(search, proposed, run=run)
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

    def _architectures(self, search: OpenSearch, number: int) -> list[Architecture]:
        """Return those of a round's children, in order."""
        if number == self._trial_rounds:
            winner = self._winner(search)
            assert winner is not None  # else nothing is left to propose
            return [architecture_of(search, winner.network)]
        size = self.settings.children_per_round
        texts = [trial.network for trial in trials(self.settings)]
        known = {text: architecture_of(search, text) for text in self.settings.networks}
        return [known[text] for text in texts[number * size : (number + 1) * size]]

    def task_for(self, search: OpenSearch, child: Child) -> Task:
        """Return the task by the child's point of the grid; the winner's with all data."""
        if not self.is_retraining(child.id):
            which = ChildId.parse(child.id)
            index = which.round * self.settings.children_per_round + which.index
            trial = trials(self.settings)[index]
            return _task_at(search, self.settings.settings_of(trial.network, trial.point))
        winner = self._winner(search)
        assert winner is not None  # else it would not have been proposed
        settings = self.settings.settings_of(winner.network, winner.point)
        return _task_at(search, {**settings, "include_validation": True})

    def is_retraining(self, child: str) -> bool:
        """Say whether a child is the winner, trained once more."""
        return self.settings.retrain and child == retrained_child(self.settings)

    def learn(self, search: OpenSearch, replica: int, round: int, *, run: str) -> Learned | None:
        """Return nothing: nothing is proposed by what came out."""
        if not self.settings.retrain:
            self._let_go(search)
        return None

    def _let_go(self, search: OpenSearch) -> None:
        """Once the winner is known, delete weights that are of no use."""
        if not self.settings.grid or self.num_done(search, REPLICA) < self._trial_rounds:
            return  # each network has one point, or may win yet
        rows = self._rows(search, self._trial_rounds)
        kept = self.kept(search, rows)
        for row in rows:
            if row.id not in kept:
                search.store.objects.delete(layout.child_weights(row.id))

    # --- what came out ---------------------------------------------------------------------------

    def to_test(self, search: OpenSearch, view: SearchView) -> Iterable[str]:
        """Return the seeds by which the winner won, or each of known networks; and the last one."""
        return self._judged(search, view.rows)

    def kept(self, search: OpenSearch, best: Sequence[ChildRow]) -> frozenset[str]:
        """Return all children until the winner is known; then those whose weights are of use.

        Those that are tested, and each network's seeds at its best point: it may be handed on.
        """
        if self.num_done(search, REPLICA) < self._trial_rounds:
            return frozenset(row.id for row in best)
        others = (row.id for each in self._best_of_each(search, best) for row in each.rows)
        return frozenset([*others, *self._judged(search, best)])

    def _judged(self, search: OpenSearch, rows: Sequence[ChildRow]) -> list[str]:
        each = self._best_of_each(search, rows)
        is_of_references = isinstance(search.config.space, ReferencesConfig)
        chosen = each if is_of_references else each[:1]
        again = [row for row in rows if self.is_retraining(row.id)]
        judged = [*(row for contender in chosen for row in contender.rows), *again]
        return [row.id for row in judged if row.status == "ok"]

    def _best_of_each(self, search: OpenSearch, rows: Sequence[ChildRow]) -> list[Contender]:
        return best_of_each(ranked(contenders(self.settings, rows), search.task.measure))

    def _winner(self, search: OpenSearch) -> Contender | None:
        """Return the best of all trials, which are done; None where none has a score."""
        rows = self._rows(search, self._trial_rounds)
        return best_contender(contenders(self.settings, rows), search.task.measure)

    def _rows(self, search: OpenSearch, num_rounds: int) -> list[ChildRow]:
        keys = [layout.round_state(REPLICA, number, "rewarded") for number in range(num_rounds)]
        found = search.store.each(lambda key: search.store.read(Rewarded, key), keys)
        return [row for rewarded in found for row in rewarded.rows]

    # --- for people ------------------------------------------------------------------------------

    def complete_view(self, view: SearchView, search: OpenSearch) -> SearchView:
        """Return the view with all that there is to train."""
        is_finished = self.is_finished(search, REPLICA)
        is_short = is_finished and self.num_done(search, REPLICA) < self.num_rounds
        num = len(trials(self.settings))
        return replace(
            view,
            num_children=num if is_short else self.num_children,
            finished=is_finished,
            retrained=retrained_child(self.settings) if self.settings.retrain else "",
            ended_early=f"none of the {num:,} trainings has a score" if is_short else "",
        )

    def to_do(self, search: OpenSearch, num_rounds: int) -> str:
        """Return what the trainings are, all of them."""
        return trainings_text(self.settings) if num_rounds else "no training"

    def stages(self, search: OpenSearch, num_rounds: int) -> tuple[Stage, ...]:
        """Return the one stage: children, without those of earlier rounds."""
        done = self.num_done(search, REPLICA) * self.settings.children_per_round
        left = max(0, len(trials(self.settings)) - done) + self.settings.retrain
        total = left if num_rounds else 0
        return (Stage("children", total=total, title="final training"),)

    def preview(self, search: OpenSearch) -> Preview:
        """Say how many trainings there are."""
        return Preview({"final training": trainings_text(self.settings)}, child="training")


def trainings_text(settings: FinalsConfig) -> str:
    """Say how many trainings there are, and of what."""
    num_points = len(trials(settings)) // (len(settings.networks) * settings.seeds)
    parts = [plural(len(settings.networks), "network"), plural(settings.seeds, "seed")]
    parts += [plural(num_points, "point")] if settings.grid else []
    then = ", and the best once more on all data" if settings.retrain else ""
    return f"{plural(len(trials(settings)), 'training')} ({' x '.join(parts)}){then}"


def architecture_of(search: OpenSearch, text: str) -> Architecture:
    """Return the architecture of the search's space that a configuration string spells out.

    Raises:
        ArchitectureError: It is none of the space.
    """
    space = planned(search.space)
    return space.decode(space.encode(Architecture(space.name, (), text)))


def _task_at(search: OpenSearch, point: Point) -> Task:
    """Return the task by which children at a point of the grid are trained."""
    if not point:
        return search.task
    children = at_point(search.config.children, point)
    config: SearchConfig = search.config.model_copy(update={"children": children})
    return search.task_of(config)
