"""The local engine: the loop over rounds, with the children in processes of this machine."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from nas_lib import steps
from nas_lib.config import CustomSpaceConfig, SearchConfig
from nas_lib.errors import ConfigError, InterruptedSearchError, NasError, SearchHeldError
from nas_lib.records import ChildResult, ChildRow, Learned, Proposed
from nas_lib.report import SearchView, leaderboard, winner
from nas_lib.spaces import Space
from nas_lib.steps import INLINE, Evaluate, OpenSearch
from nas_lib.store import layout, lease
from nas_lib.training.machine import memory_limit_mb, num_cpus
from nas_lib.training.supervisor import Ended, Supervisor

_MEMORY_SHARE = 0.9  # of what is here, for all children together
_TRAINING_MODULES = ("nas_lib.data.loading", "nas_lib.training.child")


class Listener:
    """Is told how a search goes on; override what you want to know."""

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        """The search is prepared; this run may do so many rounds over all replicas."""

    def proposed(self, replica: int, round: int, children: Sequence[str]) -> None:
        """These children of a round are to be trained."""

    def started(self, child: str) -> None:
        """A child's training began, or began again."""

    def ended(self, result: ChildResult) -> None:
        """A child has its result."""

    def failed(self, child: str, message: str) -> None:
        """An attempt at a child failed; it will be tried again or given up."""

    def learned(self, learned: Learned) -> None:
        """The controller learned from a round."""


class Trainer(Protocol):
    """Trains children until each has its result."""

    def train(self, children: Sequence[str]) -> None: ...


@dataclass(frozen=True)
class SearchHandle:
    """What a search has come to.

    Attributes:
        uri: Where its state lies.
        run: The run that returned this.
        view: All that reports show.
    """

    uri: str
    run: str
    view: SearchView

    @property
    def children(self) -> tuple[ChildRow, ...]:
        """Every finished child, in order of replica, round and index."""
        return self.view.rows

    @property
    def best(self) -> ChildRow | None:
        """The child with the highest reward, None if training succeeded for none."""
        return winner(self.view.rows)

    def leaderboard(self, top: int = 10) -> list[ChildRow]:
        """Return the best children, best first."""
        return leaderboard(self.view.rows, top)


def search(
    config: SearchConfig,
    *,
    store: str | None = None,
    workers: int | None = None,
    rounds: int | None = None,
    space: Space | None = None,
    evaluate: Evaluate | None = None,
    listener: Listener | None = None,
) -> SearchHandle:
    """Search until the budget is used or the stop rule holds; continue what is stored.

    Args:
        config: What to search for.
        store: Where the state lies: a folder, `s3://bucket/prefix`, or `memory://name` for one
            process; by default the folder `runs/<name of the search>`.
        workers: Children trained at once, each in a process of its own; by default one for each
            CPU, or one where there is a GPU.
        rounds: Do at most so many rounds of each replica in this run.
        space: A space of your own, in place of `config.space`.
        evaluate: A function of your own from architecture to reward (the higher the better), in
            place of training. With one of these two objects, everything runs in this process; for
            several workers name them in the config, as `module:name`.
        listener: Is told how the search goes on.

    Raises:
        NasError: The sentence says what is wrong; what was finished is stored.
    """
    config = _with_objects(config, space, evaluate)
    opened = OpenSearch(store or f"runs/{config.name}", space=space, evaluate=evaluate)
    inline = INLINE in (config.children.evaluate, getattr(config.space, "object", ""))
    num_workers = _num_workers(config, workers, inline or opened.uri.startswith("memory:"))
    steps.prepare_data(opened, config=config)
    engine = Engine(opened, workers=num_workers, listener=listener or Listener())
    view = engine.run(rounds)
    return SearchHandle(opened.uri, engine.run_id, view)


class Engine:
    """One run of a search on this machine."""

    def __init__(self, search: OpenSearch, *, workers: int, listener: Listener) -> None:
        """Take the opened search; `workers` 0 trains in this process."""
        self.run_id = secrets.token_hex(4)
        self._search = search
        self._workers = workers
        self._listener = listener

    def run(self, rounds: int | None = None) -> SearchView:
        """Do what is left of the search, at most so many rounds of each replica.

        Raises:
            SearchHeldError: Another run is at work on a replica.
            InterruptedSearchError: Ctrl-C, or SIGTERM where the command turns it into that.
        """
        try:
            with ExitStack() as held:
                plans = [
                    held.enter_context(self._held(replica, rounds))
                    for replica in range(self._search.config.search.replicas)
                ]
                num_rounds = sum(map(len, plans))
                self._listener.opened(
                    self._search, num_rounds=num_rounds, workers=max(1, self._workers)
                )
                if num_rounds:
                    self._loop(plans, held)
        except KeyboardInterrupt as err:
            steps.write_report(self._search, run=self.run_id)
            raise InterruptedSearchError(
                f"stopped; everything finished is in {self._search.uri}, "
                "and the same command continues there"
            ) from err
        except NasError as err:
            self._note(err)
            raise
        return steps.write_report(self._search, run=self.run_id)

    def _loop(self, plans: list[tuple[int, ...]], held: ExitStack) -> None:
        trainer = held.enter_context(
            _trainer(self._search, self.run_id, self._listener, workers=self._workers)
        )
        for tick in range(max(map(len, plans))):
            for replica, ticks in enumerate(plans):
                if tick < len(ticks):
                    self._round(replica, trainer)

    def _round(self, replica: int, trainer: Trainer) -> None:
        """Finish the replica's open round, or do a new one; nothing if it is finished by now."""
        if steps.is_finished(self._search, replica, self._search.store.open_round(replica)):
            return
        children = steps.sample_architectures(self._search, replica=replica, run=self.run_id)
        proposed: Proposed = self._search.store.proposed(children[0])
        self._listener.proposed(replica, proposed.round, children)
        trainer.train(children)
        steps.aggregate_rewards(self._search, children=children, run=self.run_id)
        learned = steps.update_controller(
            self._search, replica=replica, round=proposed.round, run=self.run_id
        )
        if learned is not None:
            self._listener.learned(learned)

    @contextmanager
    def _held(self, replica: int, rounds: int | None) -> Iterator[tuple[int, ...]]:
        """Hold the replica's lease; yield the ticks."""
        plan = steps.plan_rounds(
            self._search, replica=replica, run=self.run_id, rounds_per_run=rounds
        )
        if plan.holder:
            raise SearchHeldError(
                f"{plan.holder} is working on {self._search.uri}: wait, or end it"
            )
        try:
            yield plan.ticks
        finally:
            lease.release(self._search.store, replica, self.run_id)

    def _note(self, err: NasError) -> None:
        """Note in the search why this run ended, where the search can still be reached."""
        try:
            self._search.store.note_problem(run=self.run_id, step="search", message=str(err))
        except NasError:
            return


def train_children(
    search: OpenSearch,
    children: Sequence[str],
    *,
    run: str,
    workers: int,
    listener: Listener | None = None,
) -> list[ChildResult]:
    """Train these children, `workers` at a time, and return their results in order.

    Raises:
        NasError: A child could not be trained for no fault of its own.
    """
    with _trainer(search, run, listener or Listener(), workers=workers) as trainer:
        trainer.train(children)
    return [search.store.read(ChildResult, layout.child_result(child)) for child in children]


@contextmanager
def _trainer(
    search: OpenSearch, run: str, listener: Listener, *, workers: int
) -> Iterator[Trainer]:
    """Yield what trains children: in so many processes, or for 0 in this one."""
    if workers == 0:
        yield InlineTrainer(search, run, listener)
        return
    config = search.config
    share_mb = int(memory_limit_mb() * _MEMORY_SHARE) // workers
    with Supervisor(
        "nas_lib.engine:work",
        (search.uri, run),
        preload=() if config.children.evaluate else _TRAINING_MODULES,
        memory_mb=config.resources.memory_mb or share_mb,
    ) as supervisor:
        yield ProcessTrainer(search, run, listener, supervisor, workers=workers)


class InlineTrainer:
    """Trains the children one after the other in this process, for objects that live here."""

    def __init__(self, search: OpenSearch, run: str, listener: Listener) -> None:
        self._search = search
        self._run = run
        self._listener = listener

    def train(self, children: Sequence[str]) -> None:
        """Train until each child has its result."""
        for child in children:
            while not self._try(child):
                pass
            _tell_ended(self._search, self._listener, child)

    def _try(self, child: str) -> bool:
        self._listener.started(child)
        try:
            steps.train_child(self._search, child=child, run=self._run)
        except NasError:
            raise
        except Exception as err:
            message = f"{type(err).__name__}: {err}"
            steps.fail_attempt(self._search, child=child, message=message)
            self._listener.failed(child, message)
            return False
        return True


class ProcessTrainer:
    """Trains several children at once, each in a process of its own."""

    def __init__(
        self,
        search: OpenSearch,
        run: str,
        listener: Listener,
        supervisor: Supervisor,
        *,
        workers: int,
    ) -> None:
        self._search = search
        self._run = run
        self._listener = listener
        self._supervisor = supervisor
        self._workers = workers

    def train(self, children: Sequence[str]) -> None:
        """Train until each child has its result."""
        waiting = deque(children)
        lease_s = self._search.config.search.lease_s
        replica = self._search.store.proposed(children[0]).replica
        try:
            while waiting or self._supervisor.running:
                while waiting and len(self._supervisor.running) < self._workers:
                    child = waiting.popleft()
                    self._listener.started(child)
                    self._supervisor.start(child)
                ended = self._supervisor.wait(lease_s / 4)
                lease.renew(self._search.store, replica, self._run, lease_s=lease_s)
                waiting.extend(each.task for each in ended if not self._is_done(each))
        except KeyboardInterrupt:
            for child in self._supervisor.running:
                steps.stop_attempt(self._search, child=child)
            raise

    def _is_done(self, ended: Ended) -> bool:
        """Settle how a worker ended; False if its child is to be tried again."""
        if ended.out_of_memory:
            steps.end_out_of_memory(self._search, child=ended.task, message=ended.message)
        elif ended.exit_code in (2, 3):
            raise (ConfigError if ended.exit_code == 3 else NasError)(ended.message)
        elif ended.exit_code != 0:
            steps.fail_attempt(
                self._search, child=ended.task, message=ended.message, details=ended.details
            )
            self._listener.failed(ended.task, ended.message)
            return False
        _tell_ended(self._search, self._listener, ended.task)
        return True


def work(uri: str, run: str, child: str) -> None:
    """Be a worker: train one child, in a process of its own."""
    steps.train_child(uri, child=child, run=run)


def _tell_ended(search: OpenSearch, listener: Listener, child: str) -> None:
    listener.ended(search.store.read(ChildResult, layout.child_result(child)))


def _with_objects(
    config: SearchConfig, space: Space | None, evaluate: Evaluate | None
) -> SearchConfig:
    """Note in the config that a space or an evaluation is an object of this process."""
    changes: dict[str, object] = {}
    if space is not None:
        changes["space"] = CustomSpaceConfig(object=INLINE)
    if evaluate is not None:
        changes["children"] = config.children.model_copy(update={"evaluate": INLINE})
    return config.model_copy(update=changes)


def _num_workers(config: SearchConfig, workers: int | None, in_process: bool) -> int:
    """Return how many worker processes to have; 0 to train in this process."""
    if workers is not None and workers < 1:
        raise ConfigError(f"workers should be at least 1, got {workers}")
    if in_process:
        if workers is not None and workers > 1:
            raise ConfigError(
                f"{workers} workers cannot share objects or memory of this process: name space and "
                "evaluation in the config as module:name, keep the state in a folder, or use one"
            )
        return 0
    return workers or _default_workers(config)


def _default_workers(config: SearchConfig) -> int:
    """Return one for a GPU, which children would have to share, else one for each CPU."""
    if config.children.device != "cpu" and not config.children.evaluate:
        import torch

        if torch.cuda.is_available():
            return 1
    return max(1, num_cpus() // config.children.threads)
