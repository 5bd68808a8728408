"""OpenSearch: a search's store with the space, controller and task that its config names."""

from __future__ import annotations

import hashlib
import time
from functools import cached_property

from nas_lib.config import SearchConfig
from nas_lib.controllers import Controller, Shard, build_controller
from nas_lib.spaces import Space, every_architecture
from nas_lib.store import SearchStore, layout, lease
from nas_lib.tasks import Evaluate, Task, task_of

_MOST_ENUMERATED = 10_000  # token sequences, in a fraction of a second


class OpenSearch:
    """What every step works on: opened once in a process, by whoever calls steps."""

    def __init__(
        self, uri: str, *, space: Space | None = None, evaluate: Evaluate | None = None
    ) -> None:
        """Open the search at this URI.

        Args:
            uri: A folder, or `s3://bucket/prefix`, `gs://...`, `az://...`.
            space: The user's own space, where the config says `inline`.
            evaluate: The user's own evaluation, where the config says `inline`.
        """
        self.store = SearchStore.open(uri)
        self._showed_life_s: dict[tuple[int, str], float] = {}  # when, by replica and run
        self.made_shards: dict[int, Shard] = {}  # here: the newest of each
        self._wanted: SearchConfig | None = None
        self.given_space = space
        self._given_evaluate = evaluate

    def within(self, key: str) -> OpenSearch:
        """Return a final training of this search, which has the same objects of the user's."""
        return self.beside(layout.within(self.uri, key))

    def beside(self, uri: str) -> OpenSearch:
        """Return another search, which may have the same objects of the user's."""
        return OpenSearch(uri, space=self.given_space, evaluate=self._given_evaluate)

    def finals(self) -> list[OpenSearch]:
        """Return its final trainings, the oldest first; one that was deleted by hand is none."""
        opened = [self.within(each.key) for each in self.store.finals()]
        return [each for each in opened if each.store.find_search() is not None]

    @property
    def uri(self) -> str:
        """Where the state lies."""
        return self.store.objects.uri

    @cached_property
    def config(self) -> SearchConfig:
        """The configuration as it was when this object first needed it."""
        return self.store.config()

    @cached_property
    def space(self) -> Space:
        """What may be built."""
        return self.config.space.build(self.given_space)

    @cached_property
    def every_architecture(self) -> frozenset[str] | None:
        """The ids of all that may be built, None where that is too much to be tried out."""
        found = every_architecture(self.space, self.space.max_depth, most=_MOST_ENUMERATED)
        return None if found is None else frozenset(each.id for each in found)

    @cached_property
    def controller(self) -> Controller:
        """Who proposes."""
        return build_controller(
            self.config.controller,
            self.space.decisions(self.space.max_depth),
            replicas=self.config.search.replicas,
        )

    @cached_property
    def task(self) -> Task:
        """What is learnt, from which data, and how it is judged."""
        return self.task_of(self.config)

    def task_of(self, config: SearchConfig) -> Task:
        """Return the task of a configuration that is not stored yet.

        Raises:
            ConfigError: The user's own evaluation cannot be found.
        """
        return task_of(config, evaluate=self._given_evaluate)

    def want(self, config: SearchConfig) -> None:
        """Work by this configuration; for others it counts once `settle_wanted` stores it."""
        self.config = self._wanted = config

    def settle_wanted(self) -> None:
        """Let the configuration that is wanted here count from now on, if there is one."""
        if self._wanted is not None:
            self.store.change_settings(self._wanted)

    def forget_made(self) -> None:
        """Forget what was made here of rounds and shards: another run may have been first."""
        self.store.forget_made()
        self.made_shards.clear()

    def show_life(self, replica: int, run: str) -> None:
        """Renew the run's lease on the replica, if it has it and a quarter of its time is over."""
        lease_s = self.config.search.lease_s
        now_s = time.monotonic()
        if now_s - self._showed_life_s.get((replica, run), -lease_s) >= lease_s / 4:
            lease.renew(self.store, replica, run, lease_s=lease_s)
            self._showed_life_s[replica, run] = now_s

    def space_hash(self, config: SearchConfig) -> str:
        """Return a hash of the decisions, so that a changed space of the user's own is noticed."""
        space = config.space.build(self.given_space)
        return hashlib.sha256(repr(space.decisions(space.max_depth)).encode()).hexdigest()
