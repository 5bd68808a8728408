"""Round after round: the controller proposes, each child is trained from scratch, it learns."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from nas_lib.config import RoundsConfig
from nas_lib.controllers import Lesson
from nas_lib.errors import CorruptStateError, ObjectNotFoundError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.listener import Listener
from nas_lib.procedures.procedure import PipelineForm, Preview, Procedure, Stage, settings_of
from nas_lib.procedures.proposals import find_round, proposal, read_round, unfinished
from nas_lib.procedures.shards import PrunedError, pull, pull_versions, push, read_lesson
from nas_lib.records import ChildRow, Learned, Proposed, Rewarded
from nas_lib.results import Measure, SearchView
from nas_lib.seeds import Stream, seed_for
from nas_lib.spaces import size_text, space_size
from nas_lib.store import layout


class Rounds(Procedure[RoundsConfig]):
    """Each replica's rounds, until the budget is used or the stop rule holds."""

    form = PipelineForm(
        name="nas-search", per_run="rounds_per_run", per_run_default=5, has_replicas=True
    )

    @property
    def num_rounds(self) -> int:
        """As many full rounds as the budget holds."""
        return self.settings.rounds

    @property
    def num_children(self) -> int:
        """The budget."""
        return self.settings.max_children

    @property
    def children_per_round(self) -> int:
        """Those of one replica's round."""
        return self.settings.children_per_round

    def is_finished(self, search: OpenSearch, replica: int) -> bool:
        """Say whether no round is open, and none may be begun."""
        return _is_finished(search, self.settings, replica, search.store.open_round(replica))

    def rounds_left(self, search: OpenSearch, replica: int) -> int:
        """Return how many the budget still holds; an open one counts, also where it holds none."""
        return max(1, self.settings.rounds - search.store.open_round(replica))

    def propose(
        self, search: OpenSearch, replica: int, *, run: str, listener: Listener
    ) -> list[str]:
        """Let the controller propose."""
        return sample_architectures(search, replica=replica, run=run)

    def learn(self, search: OpenSearch, replica: int, round: int, *, run: str) -> Learned | None:
        """Let the controller learn."""
        return update_controller(search, replica=replica, round=round, run=run)

    def complete_view(self, view: SearchView, search: OpenSearch) -> SearchView:
        """Return the view with the budget, and whether no replica may begin a round."""
        num_learned = Counter(entry.replica for entry in view.learned)
        is_over = is_good_enough(view.rows, self.settings, view.measure) or all(
            num_learned[replica] >= self.settings.rounds
            for replica in range(self.settings.replicas)
        )
        finished = not view.open_rounds and is_over
        return replace(view, num_children=self.num_children, finished=finished)

    def to_do(self, search: OpenSearch, num_rounds: int) -> str:
        """Return the number of rounds."""
        return f"{num_rounds} round(s)"

    def stages(self, search: OpenSearch, num_rounds: int) -> tuple[Stage, ...]:
        """Return the one stage: children, round after round."""
        return (Stage("children", total=num_rounds * self.settings.children_per_round),)

    def preview(self, search: OpenSearch) -> Preview:
        """Say what the space, the controller and the budget are."""
        settings, space = self.settings, search.space
        ends = dict.fromkeys((space.depth(0), space.depth(settings.max_children - 1)))
        sizes = [size_text(space_size(space, depth)) for depth in ends]
        facts = {
            "space": f"{search.config.space.kind}, depth {' to '.join(map(str, ends))}, "
            f"{' to '.join(sizes)} architectures",
            "controller": f"{search.config.controller.label}, "
            f"{search.controller.num_parameters:,} parameters in {settings.shards} shard(s)",
            "budget": f"{settings.max_children:,} children: {settings.replicas} replica(s) x "
            f"{settings.rounds:,} rounds x {settings.children_per_round}",
        }
        return Preview(facts, child="child of the first depth")


def sample_architectures(search: OpenSearch, *, replica: int, run: str) -> list[str]:
    """Let the controller propose the round's children, and return those that have no result.

    An open round is gone on with. At least one child is returned.

    Raises:
        ConfigError: The search is one of another procedure.
    """
    settings = settings_of(search, RoundsConfig)
    search.show_life(replica, run)
    number = search.store.open_round(replica)
    if _is_finished(search, settings, replica, number):
        number -= 1
    proposed = find_round(search, replica, number)
    if proposed is None:
        fresh = _propose(search, settings, replica, number, run)
        key = layout.round_state(replica, number, "proposed")
        proposed = search.store.settle(key, fresh)
        if proposed is fresh:
            return [child.id for child in fresh.children]
    return unfinished(search, proposed, run=run)


def update_controller(search: OpenSearch, *, replica: int, round: int, run: str) -> Learned | None:
    """Learn from a round: its lesson is stored, then pushed to the controller's shards.

    Returns:
        What was learned, now or before; None while the round is open.
    """
    store = search.store
    search.show_life(replica, run)
    rewarded = store.find(Rewarded, layout.round_state(replica, round, "rewarded"))
    if rewarded is None:
        return None
    key = layout.round_state(replica, round, "learned")
    learned = store.find(Learned, key) or _settle(search, key, rewarded, run)
    store.objects.delete(layout.round_lesson(replica, round))
    return learned


def is_good_enough(rows: Iterable[ChildRow], settings: RoundsConfig, measure: Measure) -> bool:
    """Say whether one of these children meets the stop rule, if there is one."""
    target = settings.stop_at_score
    scores = [row.score for row in rows if row.score is not None]
    if target is None or not scores:
        return False
    return measure.best(scores) == measure.best([*scores, target])


def _is_finished(search: OpenSearch, settings: RoundsConfig, replica: int, number: int) -> bool:
    """Say whether the replica's first round that is not learned from may not be begun."""
    if search.store.find(Proposed, layout.round_state(replica, number, "proposed")):
        return False
    if number >= settings.rounds:
        return True
    return settings.stop_at_score is not None and is_good_enough(
        search.store.best(settings.replicas), settings, search.task.measure
    )


def _propose(
    search: OpenSearch, settings: RoundsConfig, replica: int, number: int, run: str
) -> Proposed:
    num = settings.children_per_round
    depth = search.space.depth(number * num * settings.replicas)
    shards = pull(search, known=_own_versions(search, replica, number))
    sequences = search.controller.propose(
        shards,
        decisions=search.space.decisions(depth),
        num=num,
        seed=seed_for(search.config.seed, Stream.PROPOSE, replica, number),
    )
    return proposal(
        search,
        replica,
        number,
        map(search.space.decode, sequences),
        run=run,
        created_s=time.time(),
        depth=depth,
        versions=[shard.version for shard in shards],
    )


def _own_versions(search: OpenSearch, replica: int, number: int) -> tuple[int, ...] | None:
    """Return the versions that the replica's last push made: pruning leaves those and newer ones.

    None before its first.
    """
    if number == 0:
        return None
    key = layout.round_state(replica, number - 1, "learned")
    versions = search.store.read(Learned, key).versions
    if len(versions) != search.config.search.shards:
        raise CorruptStateError(
            f"stored object {key} is whole, but not as it should be: it has {len(versions)} "
            f"versions of {search.config.search.shards} shards"
        )
    return versions


def _settle(search: OpenSearch, key: str, rewarded: Rewarded, run: str) -> Learned:
    try:
        return search.store.settle(key, _learn(search, rewarded, run))
    except (PrunedError, ObjectNotFoundError) as err:
        learned = search.store.find(Learned, key)  # by another run, which cleaned up after itself
        if learned is None:
            raise CorruptStateError(
                f"round {rewarded.round} of replica {rewarded.replica} cannot be learned: {err}"
            ) from err
        return learned


def _learn(search: OpenSearch, rewarded: Rewarded, run: str) -> Learned:
    replica, number = rewarded.replica, rewarded.round
    proposed = read_round(search, replica, number)
    _check_same_children(proposed, rewarded)
    lesson = _stored_lesson(search, proposed, rewarded)
    shards, conflicts = push(search, lesson, replica=replica, round=number, known=proposed.versions)
    return Learned(
        replica=replica,
        round=number,
        run=run,
        versions=tuple(shard.version for shard in shards),
        staleness=tuple(
            shard.version - 1 - pulled
            for shard, pulled in zip(shards, proposed.versions, strict=True)
        ),
        metrics=search.controller.metrics(lesson, shards),
        created_s=time.time(),
        conflicts=conflicts,
    )


def _stored_lesson(search: OpenSearch, proposed: Proposed, rewarded: Rewarded) -> Lesson:
    """Return the round's lesson at the versions that proposed it, computed once."""
    objects = search.store.objects
    key = layout.round_lesson(rewarded.replica, rewarded.round)
    with suppress(ObjectNotFoundError):
        return read_lesson(search, key)
    lesson = search.controller.lesson(
        pull_versions(search, proposed.versions),
        decisions=search.space.decisions(proposed.depth),
        tokens=[child.architecture.tokens for child in proposed.children],
        rewards=[row.reward if row.counts else None for row in rewarded.rows],
    )
    if objects.create(key, lesson.to_bytes()):
        return lesson
    return read_lesson(search, key)


def _check_same_children(proposed: Proposed, rewarded: Rewarded) -> None:
    """Refuse results that are not those of the round's children.

    Raises:
        CorruptStateError: They are others'.
    """
    children = [child.architecture for child in proposed.children]  # their ids are by position
    if [row.architecture for row in rewarded.rows] != children:
        key = layout.round_state(rewarded.replica, rewarded.round, "rewarded")
        raise CorruptStateError(
            f"stored object {key} is whole, but not as it should be: its {len(rewarded.rows)} "
            f"architectures are not those of the {len(children)} children that were proposed"
        )
