"""Round after round: the controller proposes, each child is trained from scratch, it learns."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from nas_lib.config import RoundsConfig, SearchConfig
from nas_lib.controllers import Lesson
from nas_lib.errors import CorruptStateError, ObjectNotFoundError, plural
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.budget import is_good_enough
from nas_lib.procedures.confirmation import (
    children_again,
    confirmations,
    is_due,
    may_begin_none,
    nothing_learned,
    num_explored,
    num_to_settle,
    propose_again,
    settle_confirmation,
    trainings_left,
)
from nas_lib.procedures.listener import Listener
from nas_lib.procedures.procedure import PipelineForm, Preview, Procedure, Stage, settings_of
from nas_lib.procedures.proposals import (
    Assignment,
    assignment,
    find_round,
    proposal,
    read_round,
    settle_round,
)
from nas_lib.procedures.repeats import (
    MOST_IDLE_ROUNDS,
    Progress,
    all_are_judged,
    depth_of,
    note_judged,
    progress,
    rounds_by_replica,
    with_repeats,
)
from nas_lib.procedures.shards import (
    PrunedError,
    Pushed,
    prune,
    pull,
    pull_versions,
    push,
    read_lesson,
)
from nas_lib.procedures.starts import are_known, known_round, num_known
from nas_lib.records import ChildId, Confirmation, Learned, Proposed, Rewarded
from nas_lib.results import SearchView
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

    def num_again(self, config: SearchConfig) -> int:
        """Return how many trainings of the best come on top, where scores are noisy."""
        confirm = self.settings.confirm
        if confirm is None or not config.children.noisy:
            return 0
        return self.settings.num_confirmed * confirm.trainings

    def is_finished(self, search: OpenSearch, replica: int) -> bool:
        """Say whether no round is open, and none may be begun."""
        number = search.store.open_round(replica)
        if search.store.find(Proposed, layout.round_state(replica, number, "proposed")):
            return False
        settled = confirmations(search)
        return may_begin_none(search, self.settings, settled, replica, number) and not is_due(
            search, self.settings, settled
        )

    def num_done(self, search: OpenSearch, replica: int) -> int:
        """Return its rounds that are learned from."""
        return search.store.open_round(replica)

    def rounds_left(self, search: OpenSearch, replica: int) -> int:
        """Return how many the budget still holds; an open one counts, also where it holds none.

        Where repeats are none of the budget, it is as many as it takes with as many as before.
        Those in which the best are trained again are the first replica's until it is known whose.
        """
        settled, left = confirmations(search), self._again_left(search)
        does_it = replica == (settled[-1].replica if settled else 0)
        again = -(-left // self.settings.children_per_round) if does_it else 0
        return max(1, self._to_explore(search, replica) + again)

    def ticks_left(self, search: OpenSearch, replica: int) -> int:
        """Return how many rounds it may be: any replica may be the last, and train again."""
        again = -(-self._again_left(search) // self.settings.children_per_round)
        return max(1, self._to_explore(search, replica) + again)

    def _to_explore(self, search: OpenSearch, replica: int) -> int:
        """Return how many rounds the budget still holds of a replica."""
        number = search.store.open_round(replica)
        explored = num_explored(self.settings, confirmations(search), replica, number)
        if self.settings.repeats == "train":
            return max(0, self.settings.rounds - explored)
        num_judged = progress(search, replica, number).num_judged
        a_round = num_judged / explored if num_judged else self.settings.children_per_round
        return max(0, math.ceil((self.settings.share(replica) - num_judged) / a_round))

    def _again_left(self, search: OpenSearch) -> int:
        """Return how many trainings of the best come on top of the budget, at most."""
        numbers = search.store.each(search.store.open_round, range(self.settings.replicas))
        return trainings_left(search, self.settings, confirmations(search), numbers)

    def _left(self, search: OpenSearch, replica: int) -> int:
        """Return how many children of the replica's share come in its open round and later."""
        if self.settings.repeats == "train":
            return self._to_explore(search, replica) * self.settings.children_per_round
        number = search.store.open_round(replica)
        num_judged = progress(search, replica, number).num_judged
        return max(0, self.settings.share(replica) - num_judged)

    def propose(
        self, search: OpenSearch, replica: int, *, run: str, listener: Listener
    ) -> Assignment | None:
        """Let the controller propose."""
        return propose_round(search, replica=replica, run=run)

    def learn(self, search: OpenSearch, replica: int, round: int, *, run: str) -> Learned | None:
        """Let the controller learn."""
        return update_controller(search, replica=replica, round=round, run=run)

    def complete_view(self, view: SearchView, search: OpenSearch) -> SearchView:
        """Return the view with the budget, and whether no replica may begin a round."""
        settled = confirmations(search)
        numbers = Counter(entry.replica for entry in view.learned)
        open_rounds = [numbers[replica] for replica in range(self.settings.replicas)]
        left = trainings_left(search, self.settings, settled, open_rounds)
        explored = _explored(view)
        is_good = is_good_enough(view.rows, self.settings, view.measure)
        ended = "" if is_good or view.open_rounds else self._ended_early(explored, search)
        is_over = is_good or bool(ended) or self._budget_is_used(explored)
        return replace(
            view,
            learned=explored.learned,
            num_children=self.num_children,
            num_again=sum(len(each.children) for each in settled)
            + num_to_settle(search, self.settings, settled, open_rounds),
            finished=not view.open_rounds and is_over and not left,
            ended_early=ended,
            known=are_known(search, self.settings, explored.rows),
        )

    def _budget_is_used(self, view: SearchView) -> bool:
        settings = self.settings
        if settings.repeats == "train":
            num_learned = Counter(entry.replica for entry in view.learned)
            return all(num_learned[each] >= settings.rounds for each in range(settings.replicas))
        judged = (row for row in view.rows if not row.is_repeat)
        num_judged = Counter(ChildId.parse(row.id).replica for row in judged)
        return all(num_judged[each] >= settings.share(each) for each in range(settings.replicas))

    def _ended_early(self, view: SearchView, search: OpenSearch) -> str:
        """Say why nothing more is proposed though the budget is not used; empty where more is."""
        settings = self.settings
        if settings.repeats == "train" or self._budget_is_used(view):
            return ""
        rounds = rounds_by_replica(view.rows)
        replicas = [rounds.get(replica, []) for replica in range(settings.replicas)]
        judged = {row.architecture.id for row in view.rows if row.counts}
        if all_are_judged(search, settings, min(map(len, replicas)), judged):
            return f"all {len(judged):,} architectures of the space are judged"
        ends = [
            Progress.of(rounds).is_over(settings.share(replica))
            for replica, rounds in enumerate(replicas)
        ]
        if not all(ends):
            return ""
        return f"nothing new was proposed in {MOST_IDLE_ROUNDS} rounds in a row"

    def to_do(self, search: OpenSearch, num_rounds: int) -> str:
        """Return the number of rounds, and which trainings of the best are in those."""
        replicas = range(self.settings.replicas)
        to_explore = sum(self._to_explore(search, replica) for replica in replicas)
        again = self._again_left(search) if num_rounds > to_explore else 0
        return f"{num_rounds} round(s)" + (
            f", with {plural(again, 'training')} of the best again," if again else ""
        )

    def stages(self, search: OpenSearch, num_rounds: int) -> tuple[Stage, ...]:
        """Return the one stage: children, round after round, without repeats."""
        settings = self.settings
        left = search.store.each(partial(self._left, search), range(settings.replicas))
        total = min(num_rounds * settings.children_per_round, sum(left) + self._again_left(search))
        return (Stage("children", total=total),)

    def preview(self, search: OpenSearch) -> Preview:
        """Say what the space, the controller and the budget are."""
        settings, space = self.settings, search.space
        ends = dict.fromkeys((space.depth(0), space.depth(settings.max_children - 1)))
        sizes = [size_text(space_size(space, depth)) for depth in ends]
        weights = search.controller.num_parameters
        facts = {
            "space": f"{search.config.space.kind}, depth {' to '.join(map(str, ends))}, "
            f"{' to '.join(sizes)} architectures",
            "controller": search.config.controller.label
            + (f", {weights:,} parameters in {settings.shards} shard(s)" if weights else ""),
            "budget": f"{settings.max_children:,} children: {settings.replicas} replica(s) x "
            f"{settings.rounds:,} rounds x {settings.children_per_round}"
            + (", repeats not counted" if settings.repeats == "reuse" else ""),
        }
        if num := self.num_again(search.config):
            assert settings.confirm is not None
            facts["confirmation"] = (
                f"{plural(num, 'training')} more: the best {settings.num_confirmed} again, "
                f"{plural(settings.confirm.trainings, 'time')} each, with other seeds"
            )
        if num := num_known(search, settings):
            facts["start"] = plural(num, "known architecture") + " first, as children of the budget"
        return Preview(facts, child="child of the first depth")


def _explored(view: SearchView) -> SearchView:
    """Return the view without the rounds in which the best were trained again."""
    again = [ChildId.parse(row.id) for row in view.rows if row.confirms is not None]
    rounds = {(child.replica, child.round) for child in again}
    return replace(
        view,
        rows=tuple(row for row in view.rows if row.confirms is None),
        learned=tuple(each for each in view.learned if (each.replica, each.round) not in rounds),
    )


def propose_round(search: OpenSearch, *, replica: int, run: str) -> Assignment | None:
    """Let the controller propose, unless a round is open; return what is to be done of it.

    None where no round may be begun, which is asked of the very number that would be proposed:
    another run may be at work on the replica, and be faster.

    Raises:
        ConfigError: The search is one of another procedure.
    """
    settings = settings_of(search, RoundsConfig)
    search.show_life(replica, run)
    number = search.store.open_round(replica)
    proposed = find_round(search, replica, number)
    if proposed is not None:
        return assignment(search, proposed, run=run)
    settled = confirmations(search)
    if may_begin_none(search, settings, settled, replica, number):
        if not is_due(search, settings, settled):
            return None
        settled += [settle_confirmation(search, settings, settled, replica, run=run)]
        if may_begin_none(search, settings, settled, replica, number):
            return None  # it is another one's, or there is nobody to train again
    fresh = _fresh(search, settings, settled, replica, number, run)
    return settle_round(search, fresh, run=run)


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
    learned = store.find(Learned, key)
    if learned is None and any(row.confirms for row in rewarded.rows):
        proposed = read_round(search, replica, round)
        _check_results(search, proposed, rewarded)
        learned = store.settle(key, nothing_learned(proposed, run=run))
    elif learned is None:
        if settings_of(search, RoundsConfig).repeats == "reuse":
            note_judged(search, rewarded)
        learned = _settle(search, key, rewarded, run)
    if _stores_lessons(search):
        store.objects.delete(layout.round_lesson(replica, round))
    return learned


def _fresh(
    search: OpenSearch,
    settings: RoundsConfig,
    settled: Sequence[Confirmation],
    replica: int,
    number: int,
    run: str,
) -> Proposed:
    """Return a round that may be begun: children that are trained again, or that are new."""
    versions = _own_versions(search, replica, number)
    again = children_again(settings, settled, replica, number)
    if again:
        return propose_again(search, again, replica, number, versions=versions, run=run)
    explored = num_explored(settings, settled, replica, number)
    return _propose(search, settings, replica, number, explored, versions, run)


def _propose(
    search: OpenSearch,
    settings: RoundsConfig,
    replica: int,
    number: int,
    explored: int,
    versions: Sequence[int] | None,
    run: str,
) -> Proposed:
    known = known_round(search, settings, replica, explored)
    depth = known.depth if known else depth_of(search, settings, explored)
    architectures = list(known.architectures) if known else []
    shards = pull(search, known=versions)
    if num := settings.children_per_round - len(architectures):
        sequences = search.controller.propose(
            shards,
            decisions=search.space.decisions(depth),
            num=num,
            seed=seed_for(search.config.seed, Stream.PROPOSE, replica, explored),
        )
        architectures += map(search.space.decode, sequences)
    proposed = proposal(
        search,
        replica,
        number,
        architectures,
        run=run,
        created_s=time.time(),
        depth=depth,
        versions=[shard.version for shard in shards],
    )
    if settings.repeats == "train":
        return proposed
    return with_repeats(search, proposed, share=settings.share(replica))


def _own_versions(search: OpenSearch, replica: int, number: int) -> tuple[int, ...] | None:
    """Return the versions that the replica's last push made: pruning leaves those and newer ones.

    None before its first.
    """
    if number == 0:
        return None
    key = layout.round_state(replica, number - 1, "learned")
    versions = search.store.read(Learned, key).versions
    _check_versions(search, key, versions)
    return versions


def _settle(search: OpenSearch, key: str, rewarded: Rewarded, run: str) -> Learned:
    try:
        pushed, learned = _learn(search, rewarded, run)
        settled = search.store.settle(key, learned)
        prune(search, pushed)  # not before: what is learned may have to be found out again
        return settled
    except (PrunedError, ObjectNotFoundError) as err:
        found = search.store.find(Learned, key)  # by another run, which cleaned up after itself
        if found is None:
            raise CorruptStateError(
                f"round {rewarded.round} of replica {rewarded.replica} cannot be learned: {err}"
            ) from err
        return found


def _learn(search: OpenSearch, rewarded: Rewarded, run: str) -> tuple[Sequence[Pushed], Learned]:
    replica, number = rewarded.replica, rewarded.round
    proposed = read_round(search, replica, number)
    _check_versions(search, layout.round_state(replica, number, "proposed"), proposed.versions)
    _check_results(search, proposed, rewarded)
    lesson = _stored_lesson(search, proposed, rewarded)
    pushed = push(search, lesson, replica=replica, round=number, known=proposed.versions)
    shards = [each.shard for each in pushed]
    return pushed, Learned(
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
        conflicts=sum(each.conflicts for each in pushed),
    )


def _stored_lesson(search: OpenSearch, proposed: Proposed, rewarded: Rewarded) -> Lesson:
    """Return the round's lesson at the versions that proposed it, computed once.

    It is stored for the next shard, which is to be told the same, or for when other replicas have
    those versions pruned. Where there is neither, it is computed again after a kill.
    """
    objects = search.store.objects
    key = layout.round_lesson(rewarded.replica, rewarded.round)
    is_stored = _stores_lessons(search)
    if is_stored:
        with suppress(ObjectNotFoundError):
            return read_lesson(search, key)
    lesson = search.controller.lesson(
        pull_versions(search, proposed.versions),
        decisions=search.space.decisions(proposed.depth),
        tokens=[child.architecture.tokens for child in proposed.children],
        rewards=[row.reward if row.counts else None for row in rewarded.rows],
    )
    if not is_stored or objects.create(key, lesson.to_bytes()):
        return lesson
    return read_lesson(search, key)


def _stores_lessons(search: OpenSearch) -> bool:
    settings = search.config.search
    return settings.replicas > 1 or settings.shards > 1


def _check_versions(search: OpenSearch, key: str, versions: Sequence[int]) -> None:
    """Refuse a record with versions of more or fewer shards than there are.

    Raises:
        CorruptStateError: It has.
    """
    num_shards = search.config.search.shards
    if len(versions) != num_shards:
        wrong = f"it has {len(versions)} versions of {num_shards} shards"
        raise CorruptStateError.of_content(key, wrong)


def _check_results(search: OpenSearch, proposed: Proposed, rewarded: Rewarded) -> None:
    """Refuse results that cannot be those of the round's children.

    Raises:
        CorruptStateError: They cannot.
    """
    children = [child.architecture for child in proposed.children]  # their ids are by position
    wrong = next(filter(None, map(search.task.misfit, rewarded.rows)), "")
    if [row.architecture for row in rewarded.rows] != children:
        wrong = "its architectures are not those of the children that were proposed"
    if wrong:
        key = layout.round_state(rewarded.replica, rewarded.round, "rewarded")
        raise CorruptStateError.of_content(key, wrong)
