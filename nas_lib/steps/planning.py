"""plan_rounds: what a run may do, and keeping other runs away from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nas_lib.errors import ConfigError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.store import lease
from nas_lib.store.lease import IsAlive

_SPARE = 2
_SPARE_PER = 4  # ticks


@dataclass(frozen=True)
class Plan:
    """What a run may do.

    Attributes:
        ticks: As many as the procedure may need at most, numbered from 0; empty if there is nothing
            to do.
        holder: Who is at work on this replica, empty if nobody else is.
    """

    ticks: tuple[int, ...]
    holder: str = ""


def plan_rounds(
    search: OpenSearch,
    *,
    replica: int,
    run: str,
    rounds_per_run: int | None = None,
    with_spare: bool = False,
    is_alive: IsAlive = lambda run: None,
    say: Callable[[str], None] = lambda line: None,
) -> Plan:
    """Take the replica's lease and say how many ticks this run may still do.

    Args:
        search: The search.
        replica: The controller replica.
        run: This run.
        rounds_per_run: At most so many; None for all that are left.
        with_spare: Whether there are some more, for rounds that get lost, and architectures that
            come again: where no other run goes on with the search.
        is_alive: Is asked about a run that has the replica; see `lease.take`.
        say: Is told for whom is waited.

    Raises:
        ConfigError: There is no such replica, or the number of ticks is below 1.
    """
    (plan,) = plan_replicas(
        search,
        replicas=[replica],
        run=run,
        rounds_per_run=rounds_per_run,
        is_alive=is_alive,
        say=say,
    )
    if with_spare and plan.ticks:
        num = len(plan.ticks)
        plan = Plan(tuple(range(num + max(_SPARE, num // _SPARE_PER))))
    return plan


def plan_replicas(
    search: OpenSearch,
    *,
    replicas: Sequence[int],
    run: str,
    rounds_per_run: int | None = None,
    is_alive: IsAlive = lambda run: None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Plan]:
    """Plan for several replicas; whoever may hold their leases is waited for once."""
    settings, procedure = search.config.search, procedure_of(search.config)
    for replica in replicas:
        if not 0 <= replica < settings.replicas:
            raise ConfigError(f"replica should be from 0 to {settings.replicas - 1}, got {replica}")
    if rounds_per_run is not None and rounds_per_run < 1:
        raise ConfigError(f"rounds_per_run should be at least 1, got {rounds_per_run}")
    wanted = [replica for replica in replicas if not procedure.is_finished(search, replica)]
    holders = lease.take(
        search.store, wanted, run, lease_s=settings.lease_s, is_alive=is_alive, say=say
    )
    if not holders:  # else this run is refused, and leaves the others' budget as it is
        search.settle_wanted()
    plans = dict.fromkeys(replicas, Plan(()))
    for replica in wanted:
        if replica in holders:
            plans[replica] = Plan((), str(holders[replica]))
        else:
            left = procedure.ticks_left(search, replica)
            plans[replica] = Plan(tuple(range(min(left, rounds_per_run or left))))
    return [plans[replica] for replica in replicas]
