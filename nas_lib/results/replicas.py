"""Controller replicas, each by itself and all together: who is where, how stale, who is at work."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from nas_lib.config import RoundsConfig
from nas_lib.records import ChildId, Learned
from nas_lib.results.view import SearchView

_RECENT_ROUNDS = 5  # whose rewards are averaged


@dataclass(frozen=True)
class Staleness:
    """How old the parameters were from which lessons were taken.

    Attributes:
        mean: Updates by others between pull and push, over all shards and updates.
        max: The most.
        conflicts: Races lost by pushes, each run again.
    """

    mean: float
    max: int
    conflicts: int

    @classmethod
    def of(cls, learned: Sequence[Learned]) -> Staleness | None:
        """Return that of these updates, None where there are none."""
        if not learned:
            return None
        return cls(
            mean=sum(sum(entry.staleness) / len(entry.staleness) for entry in learned)
            / len(learned),
            max=max(max(entry.staleness) for entry in learned),
            conflicts=sum(entry.conflicts for entry in learned),
        )


@dataclass(frozen=True)
class ReplicaSummary:
    """Where one replica stands.

    Attributes:
        replica: Its number.
        rounds: Rounds that it learned from.
        children: Its children that have results, without repeats.
        children_left: Those that its open round waits for, None where no round is open.
        quiet_s: Seconds since its last update, None before the first.
        recent_reward: Mean of its latest rounds' mean rewards, None where there is none.
        staleness: Of all its updates, None before the first.
        holder: The run that is at work on it, and where; empty for none.
    """

    replica: int
    rounds: int
    children: int
    children_left: int | None
    quiet_s: float | None
    recent_reward: float | None
    staleness: Staleness | None
    holder: str


def replica_summaries(view: SearchView, search: RoundsConfig) -> list[ReplicaSummary]:
    """Return one for each of the search's replicas, in order.

    Args:
        view: The search.
        search: Its procedure's settings.
    """
    by_replica: defaultdict[int, list[Learned]] = defaultdict(list)
    for entry in sorted(view.learned, key=lambda entry: entry.round):
        by_replica[entry.replica].append(entry)
    num_judged = Counter(ChildId.parse(row.id).replica for row in view.judged)
    return [
        _summary(view, replica, by_replica[replica], num_judged[replica])
        for replica in range(search.replicas)
    ]


def slowest(summaries: Iterable[ReplicaSummary]) -> list[ReplicaSummary]:
    """Return them in order of their rounds, of equal ones first what was quiet for longest."""
    return sorted(summaries, key=lambda each: (each.rounds, -(each.quiet_s or 0.0)))


def _summary(
    view: SearchView, replica: int, learned: Sequence[Learned], num_judged: int
) -> ReplicaSummary:
    left = view.open_rounds.get(replica)
    rewards = [entry.metrics.get("mean_reward") for entry in learned[-_RECENT_ROUNDS:]]
    counted = [reward for reward in rewards if reward is not None]
    return ReplicaSummary(
        replica=replica,
        rounds=len(learned),
        children=num_judged,
        children_left=left,
        quiet_s=max(0.0, view.seen_s - learned[-1].created_s) if learned else None,
        recent_reward=fmean(counted) if counted else None,
        staleness=Staleness.of(learned),
        holder=view.holders.get(replica, ""),
    )
