"""Engine: one run of a search on this machine, its replicas independent of each other.

Each replica proposes, waits for its own children only, learns and proposes again. Their children
share one queue and one trainer; the controller's part is short, so one thread does it for all.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nas_lib import steps
from nas_lib.engine.listener import Listener
from nas_lib.engine.run import refuse_held, reported
from nas_lib.engine.trainers import MakeTrainer, train_all
from nas_lib.records import ChildId
from nas_lib.report import SearchView
from nas_lib.steps import OpenSearch
from nas_lib.store import lease


class Engine:
    """One run of a search, or of some of its replicas."""

    def __init__(
        self,
        search: OpenSearch,
        *,
        trainer: MakeTrainer,
        listener: Listener,
        workers: int = 1,
        replicas: Sequence[int] | None = None,
    ) -> None:
        """Take the opened search.

        Args:
            search: The search, prepared.
            trainer: Makes the trainer, once there is anything to train.
            listener: Is told how the search goes on.
            workers: Children that the trainer trains at once, for the listener.
            replicas: Those to work on; None for all.
        """
        self.run_id = secrets.token_hex(4)
        self._search = search
        self._trainer = trainer
        self._listener = listener
        self._workers = workers
        self._replicas = replicas

    def run(self, rounds: int | None = None) -> SearchView:
        """Do what is left of the search, at most so many rounds of each replica.

        Raises:
            SearchHeldError: Another run is at work on a replica.
            InterruptedSearchError: Ctrl-C, or SIGTERM where the command turns it into that.
        """
        return reported(self._search, self.run_id, lambda: self._do(rounds))

    def _do(self, rounds: int | None) -> None:
        with self._planned(rounds) as replicas:
            num_rounds = sum(replica.num_rounds for replica in replicas.values())
            self._listener.opened(self._search, num_rounds=num_rounds, workers=self._workers)
            if num_rounds:
                self._loop(replicas)

    def _loop(self, replicas: dict[int, _Replica]) -> None:
        def show_life() -> None:
            for replica in replicas:
                self._search.show_life(replica, self.run_id)

        with self._trainer(self.run_id) as trainer:
            train_all(
                trainer,
                [child for replica in replicas.values() for child in replica.propose()],
                then=lambda child: replicas[ChildId.parse(child).replica].finish(child),
                beat=show_life,
                beat_s=self._search.config.search.lease_s / 4,
            )

    @contextmanager
    def _planned(self, rounds: int | None) -> Iterator[dict[int, _Replica]]:
        """Hold the leases of the replicas that have anything to do; yield those."""
        numbers = self._replicas
        if numbers is None:
            numbers = range(self._search.config.search.replicas)
        busy = list(numbers)  # until the plans say otherwise
        try:
            plans = dict(zip(numbers, self._plans(numbers, rounds), strict=True))
            busy = [number for number, plan in plans.items() if plan.ticks]
            for plan in plans.values():
                refuse_held(self._search, plan)
            yield {number: self._replica(number, len(plans[number].ticks)) for number in busy}
        finally:
            for number in busy:
                lease.release(self._search.store, number, self.run_id)

    def _replica(self, number: int, num_rounds: int) -> _Replica:
        return _Replica(self._search, number, num_rounds, self.run_id, self._listener)

    def _plans(self, replicas: Sequence[int], rounds: int | None) -> list[steps.Plan]:
        return steps.plan_replicas(
            self._search, replicas=replicas, run=self.run_id, rounds_per_run=rounds
        )


class _Replica:
    """One controller replica's rounds in this run, one after the other."""

    def __init__(
        self, search: OpenSearch, replica: int, num_rounds: int, run: str, listener: Listener
    ) -> None:
        self.num_rounds = num_rounds
        self._search = search
        self._replica = replica
        self._run = run
        self._listener = listener
        self._rounds_left = num_rounds
        self._open: set[str] = set()

    def propose(self) -> Sequence[str]:
        """Go on with the open round or begin one; return the children to train, if any."""
        number = self._search.store.open_round(self._replica)
        if not self._rounds_left or steps.is_finished(self._search, self._replica, number):
            return ()
        self._rounds_left -= 1
        children = steps.sample_architectures(self._search, replica=self._replica, run=self._run)
        self._open = set(children)
        self._listener.proposed(self._replica, ChildId.parse(children[0]).round, children)
        return children

    def finish(self, child: str) -> Sequence[str]:
        """Note that a child has its result; after the round's last, learn and propose again."""
        self._open.remove(child)
        if self._open:
            return ()
        steps.aggregate_rewards(self._search, children=[child], run=self._run)
        learned = steps.update_controller(
            self._search, replica=self._replica, round=ChildId.parse(child).round, run=self._run
        )
        if learned is not None:
            self._listener.learned(learned)
        return self.propose()
