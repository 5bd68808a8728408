"""Engine: one run of a search on this machine, its replicas independent of each other.

Each replica proposes, waits for its own children only, learns and proposes again, as the search's
procedure has it. Their children share one queue and one pool of workers; what comes between rounds
is done by one thread for all.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial

from nas_lib import steps
from nas_lib.blame import sentence_of
from nas_lib.engine.workers import MakeWorkers, train_all
from nas_lib.errors import (
    InterruptedSearchError,
    LostRaceError,
    NasError,
    SearchHeldError,
    StoreError,
)
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener, procedure_of
from nas_lib.procedures.proposals import Assignment
from nas_lib.records import ChildId
from nas_lib.results import SearchView
from nas_lib.store import lease
from nas_lib.store.lease import IsAlive
from nas_lib.tracking import AFTER_STOP_S, Closing, Tracker, closing_of


class Engine:
    """One run of a search, or of some of its replicas."""

    def __init__(
        self,
        search: OpenSearch,
        *,
        make_workers: MakeWorkers,
        listener: Listener,
        num_workers: int = 1,
        replicas: Sequence[int] | None = None,
        problems: Sequence[str] = (),
        is_alive: IsAlive = lambda run: None,
    ) -> None:
        """Take the opened search.

        Args:
            search: The search, prepared.
            make_workers: Makes the workers, once there is anything to train.
            listener: Is told how the search goes on.
            num_workers: Children that they train at once, for the listener.
            replicas: Those to work on; None for all.
            problems: What is to be noted of the data, unless the run is refused.
            is_alive: Is asked about a run elsewhere that has a replica; see `lease.take`.
        """
        self.run_id = secrets.token_hex(4)
        self._search = search
        self._make_workers = make_workers
        self._listener = listener
        self._num_workers = num_workers
        self._replicas = replicas
        self._problems = problems
        self._is_alive = is_alive
        self._tracker = Tracker(search, self.run_id, listener.warned)

    def run(self, rounds: int | None = None) -> SearchView:
        """Do what is left of the search, at most so many rounds of each replica.

        Whatever becomes of it, the search says so: by its report, or by what is noted in it.

        Raises:
            SearchHeldError: Another run is at work on a replica.
            InterruptedSearchError: Ctrl-C, or SIGTERM where the command turns it into that.
            Exception: Whatever else the work raised.
        """
        search, run = self._search, self.run_id
        try:
            self._do(rounds)
        except KeyboardInterrupt as err:
            with suppress(StoreError):  # it may have been waited for, and is not any more
                steps.write_report(search, run=run)
            self._tracker.end(Closing("KILLED"), within_s=AFTER_STOP_S)
            raise InterruptedSearchError(
                f"stopped; everything finished is in {search.uri}, and the same command continues "
                "there"
            ) from err
        except SearchHeldError:  # refused: nothing became of the search, and nothing is noted in it
            raise
        except Exception as err:
            with suppress(NasError):  # the store itself may be what is wrong
                search.store.note_problem(run=run, step="search", message=sentence_of(err))
            self._tracker.end(Closing("FAILED"))
            raise
        view = steps.write_report(search, run=run)
        self._tracker.end(closing_of(view))
        return view

    def _do(self, rounds: int | None) -> None:
        with self._planned(rounds) as replicas:
            for problem in self._problems:
                self._search.store.note_problem(
                    run=self.run_id, step="prepare_data", message=problem
                )
            self._tracker.begin(self._numbers)
            num_rounds = sum(replica.num_rounds for replica in replicas.values())
            self._listener.opened(self._search, num_rounds=num_rounds, workers=self._num_workers)
            if num_rounds:
                self._loop(replicas)

    def _loop(self, replicas: dict[int, _Replica]) -> None:
        def show_life() -> None:
            for replica in replicas:
                self._search.show_life(replica, self.run_id)

        def propose() -> list[str]:
            return [child for replica in replicas.values() for child in replica.propose()]

        at_length = procedure_of(self._search.config).proposes_at_length
        first = propose() if at_length else None
        with self._make_workers(self.run_id) as workers:
            train_all(
                workers,
                propose() if first is None else first,
                then=lambda child: replicas[ChildId.parse(child).replica].finish(child),
                beat=show_life,
                beat_s=self._search.config.search.lease_s / 4,
            )

    @property
    def _numbers(self) -> Sequence[int]:
        """The replicas to work on."""
        if self._replicas is None:
            return range(self._search.config.search.replicas)
        return self._replicas

    @contextmanager
    def _planned(self, rounds: int | None) -> Iterator[dict[int, _Replica]]:
        """Hold the leases of the replicas that have anything to do; yield those."""
        numbers = self._numbers
        busy = list(numbers)  # until the plans say otherwise
        try:
            plans = dict(zip(numbers, self._plans(numbers, rounds), strict=True))
            busy = [number for number, plan in plans.items() if plan.ticks]
            for plan in plans.values():
                self._refuse_held(plan)
            yield {number: self._replica(number, plans[number], rounds) for number in busy}
        except BaseException:
            with suppress(
                StoreError
            ):  # what ended the work is to be told; leases end by themselves
                self._let_go(busy)
            raise
        self._let_go(busy)

    def _let_go(self, replicas: Sequence[int]) -> None:
        for number in replicas:
            lease.release(self._search.store, number, self.run_id)

    def _replica(self, number: int, plan: steps.Plan, rounds: int | None) -> _Replica:
        most = math.inf if rounds is None else rounds
        return _Replica(
            self._search, number, self.run_id, self._listener, num_ticks=len(plan.ticks), most=most
        )

    def _plans(self, replicas: Sequence[int], rounds: int | None) -> list[steps.Plan]:
        return steps.plan_replicas(
            self._search,
            replicas=replicas,
            run=self.run_id,
            rounds_per_run=rounds,
            is_alive=self._is_alive,
            say=self._listener.warned,
        )

    def _refuse_held(self, plan: steps.Plan) -> None:
        if plan.holder:
            raise SearchHeldError(
                f"{plan.holder} is working on {self._search.uri}: wait, or end it"
            )


class _Replica:
    """One controller replica's rounds in this run, one after the other."""

    def __init__(
        self,
        search: OpenSearch,
        replica: int,
        run: str,
        listener: Listener,
        *,
        num_ticks: int,
        most: float,
    ) -> None:
        self._search = search
        self._replica = replica
        self._run = run
        self._listener = listener
        self._procedure = procedure_of(search.config)
        # a run of ours goes on to the end of a round, however many ticks that takes pods
        self.num_rounds = min(num_ticks, self._procedure.rounds_left(search, replica))
        self._rounds_left = most
        self._open: set[str] = set()

    def propose(self) -> Sequence[str]:
        """Go on with the open round or begin one; return the children to train, if any.

        A round in which nothing is left to train is learned from at once, and the next one begun.
        """
        return self._go_on(ended=None)

    def finish(self, child: str) -> Sequence[str]:
        """Note that a child has its result; after the round's last, learn and propose again."""
        self._open.remove(child)
        return () if self._open else self._go_on(ended=ChildId.parse(child).round)

    def _go_on(self, *, ended: int | None) -> Sequence[str]:
        """Close the round that has ended, if any, and open the next; return what is to train."""
        while True:
            try:
                opened = self._turn(ended)
            except LostRaceError:  # what was made here does not count, but what is stored
                self._search.forget_made()
                ended = None
                continue
            if opened is None:
                return ()
            self._open = set(opened.to_train)
            if self._open:
                return opened.to_train
            ended = opened.number

    def _turn(self, ended: int | None) -> Assignment | None:
        """Close a round and open the next, all of it stored at once; tell of it afterwards."""
        tell: list[Callable[[], None]] = []
        with self._together():
            if ended is not None:
                tell += self._close(ended)
            opened = self._next() if self._rounds_left else None
        for each in tell:
            each()
        if opened is not None:
            self._rounds_left -= 1
            if opened.is_again:
                self._listener.training_again(self._replica, opened.number)
            self._listener.proposed(
                self._replica,
                opened.number,
                opened.to_train,
                num_done=opened.num_done,
                num_repeats=opened.num_repeats,
            )
        return opened

    def _together(self) -> AbstractContextManager[None]:
        """Return within what a round is closed, and another opened.

        Not where either takes long. Nor where replicas on other machines push to the same shards
        all the time, which are to see at once what this one pushed.
        """
        if self._procedure.proposes_at_length or self._search.config.search.replicas > 1:
            return nullcontext()
        return self._search.store.together()

    def _next(self) -> Assignment | None:
        return self._procedure.propose(
            self._search, self._replica, run=self._run, listener=self._listener
        )

    def _close(self, number: int) -> Iterator[Callable[[], None]]:
        first = str(ChildId(self._replica, number, 0))
        steps.aggregate_rewards(self._search, children=[first], run=self._run)
        learned = self._procedure.learn(self._search, self._replica, number, run=self._run)
        if learned is not None:
            yield partial(self._listener.learned, learned)
