"""The books of a search: whatever was done to it, they must balance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import pytest

from nas_lib.controllers import Shard
from nas_lib.controllers.memory import Memory
from nas_lib.controllers.state import Applied
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.shards import pull
from nas_lib.records import Learned, Proposed, Rewarded
from nas_lib.store import SearchStore, layout


@dataclass(frozen=True)
class Account:
    """What was counted: children that were proposed, that have results, updates of shards."""

    children: int
    results: int
    updates: int


def check(uri: str, *, finished: bool) -> Account:
    """Read all that a search has stored, and refuse it unless the books balance.

    - Rounds follow each other without a gap, and those of a finished search are all learned from.
    - Every proposed child has one result, or its round is open; nobody else has any.
    - Each version of each shard was made by one round, each learned round made one in every shard,
      and the newest knows the last one of every replica.
    - The baseline is the moving average of the rewards in the order of the versions, or the memory
      has all results in this order.
    """
    search = OpenSearch(uri)
    rounds = _Rounds.read(search.store)
    _check_sequence(search, rounds, finished)
    num_results = _check_results(search.store, rounds)
    shards = pull(search, known=None)
    for shard in shards:
        _check_shard(search, shard, rounds.learned)
    if finished:
        _check_knowledge(search, shards[0], rounds)
    num_children = sum(len(each.children) for each in rounds.proposed.values())
    return Account(num_children, num_results, sum(shard.version for shard in shards))


@dataclass(frozen=True)
class _Rounds:
    """All rounds by replica and number."""

    proposed: dict[tuple[int, int], Proposed]
    rewarded: dict[tuple[int, int], Rewarded]
    learned: dict[tuple[int, int], Learned]

    @classmethod
    def read(cls, store: SearchStore) -> _Rounds:
        found: dict[str, dict[tuple[int, int], object]] = defaultdict(dict)
        kinds = {"proposed": Proposed, "rewarded": Rewarded, "learned": Learned}
        for key in store.objects.keys(layout.ROUNDS):
            state = key.split(".")[1]
            if state in kinds:
                record = store.read(kinds[state], key)
                found[state][record.replica, record.round] = record
        return cls(*(found[state] for state in kinds))


def _check_sequence(search: OpenSearch, rounds: _Rounds, finished: bool) -> None:
    loop = search.config.search
    for states in (rounds.proposed, rounds.rewarded, rounds.learned):
        for replica in range(loop.replicas):
            numbers = [number for other, number in sorted(states) if other == replica]
            assert numbers == [*range(len(numbers))], f"replica {replica} lacks a round"
    assert set(rounds.learned) <= set(rounds.rewarded) <= set(rounds.proposed)
    if finished:
        assert set(rounds.learned) == set(rounds.proposed)
        children = [child for each in rounds.proposed.values() for child in each.children]
        new = [child for child in children if child.repeat_of is None]
        assert len(new) == loop.max_children, "the budget is not what was trained"
        if loop.repeats == "train":
            assert len(rounds.learned) == loop.replicas * loop.rounds
        elif loop.replicas == 1:
            assert len({child.architecture.id for child in new}) == len(new), "judged twice"


def _check_results(store: SearchStore, rounds: _Rounds) -> int:
    num = 0
    for key, proposed in rounds.proposed.items():
        results = {child.id: store.find_result(child.id) for child in proposed.children}
        num += sum(result is not None for result in results.values())
        if key in rounds.rewarded:
            rows = {row.id: row.reward for row in rounds.rewarded[key].rows}
            assert rows == {child: result.reward for child, result in results.items()}
    stored = {key.split("/")[1] for key in store.objects.keys(layout.CHILDREN)}
    known = {child.id for each in rounds.proposed.values() for child in each.children}
    assert stored <= known, "a child that nobody proposed"
    return num


def _check_shard(search: OpenSearch, shard: Shard, learned: dict[tuple[int, int], Learned]) -> None:
    made = {each.versions[shard.index]: key for key, each in learned.items()}
    assert len(made) == len(learned), "two rounds made the same version"
    for replica, applied in shard.applied.items():
        if (replica, applied.round) not in learned:  # it was killed before it noted that
            assert applied.version not in made, "two rounds made the same version"
            made[applied.version] = replica, applied.round
    assert sorted(made) == [*range(1, shard.version + 1)], "a version was lost"
    last = {replica: Applied(round, version) for version, (replica, round) in sorted(made.items())}
    assert shard.applied == last, "a replica's last round is not what the newest version says"

    infos = list(search.store.objects.list(layout.shard_folder(shard.index)))
    keys = [layout.shard(shard.index, version) for version in range(shard.version + 1)]
    assert [info.key for info in infos] == keys, "a number is free again"
    needed = infos[shard.floor(search.config.search.replicas) :]
    assert all(info.size > 0 for info in needed), "a version that is needed was pruned"


def _check_knowledge(search: OpenSearch, shard: Shard, rounds: _Rounds) -> None:
    if "baseline" in shard.state:
        assert shard.state["baseline"] == pytest.approx(_baseline(search, rounds), abs=1e-12)
        return
    in_order = sorted(rounds.learned, key=lambda key: rounds.learned[key].versions[0])
    children = [child for key in in_order for child in rounds.proposed[key].children]
    rows = [row for key in in_order for row in rounds.rewarded[key].rows]
    memory = Memory.of([shard])
    assert memory.tokens.tolist() == [[*child.architecture.tokens] for child in children]
    assert memory.rewards.tolist() == [row.reward for row in rows]


def _baseline(search: OpenSearch, rounds: _Rounds) -> float:
    decay = search.config.controller.baseline_decay
    baseline = None
    for key, _ in sorted(rounds.learned.items(), key=lambda item: item[1].versions[0]):
        rewards = [row.reward for row in rounds.rewarded[key].rows if row.counts]
        if rewards and baseline is None:
            baseline = sum(rewards) / len(rewards)
        else:
            for reward in rewards:
                baseline = decay * baseline + (1 - decay) * reward
    return baseline
