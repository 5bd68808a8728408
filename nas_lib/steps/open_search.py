"""OpenSearch: a search's store with the space, controller and evaluation that its config names."""

from __future__ import annotations

import hashlib
import importlib
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from nas_lib.architecture import Architecture
from nas_lib.config import CustomSpaceConfig, SearchConfig
from nas_lib.controllers import Controller, build_controller
from nas_lib.errors import ConfigError
from nas_lib.spaces import Space, build_space
from nas_lib.store import SearchStore, lease

Evaluate = Callable[[Architecture], float]
"""A user's own evaluation: architecture -> reward, the higher the better."""

INLINE = "inline"
"""Stands in `children.evaluate` and `space.object` for an object of this process."""


class OpenSearch:
    """What every step works on. Steps take it, or the search's URI and open it themselves."""

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
        self._given_space = space
        self._given_evaluate = evaluate

    @classmethod
    def of(cls, search: str | OpenSearch) -> OpenSearch:
        """Return the search, opened if it is a URI."""
        return cls(search) if isinstance(search, str) else search

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
        return self.space_of(self.config)

    @cached_property
    def controller(self) -> Controller:
        """Who proposes."""
        return build_controller(self.config.controller, self.space.decisions(self.space.max_depth))

    @cached_property
    def evaluate(self) -> Evaluate | None:
        """The user's own evaluation, None where children are trained."""
        return self.evaluate_of(self.config)

    def show_life(self, replica: int, run: str) -> None:
        """Renew the run's lease on the replica, if it has it and a quarter of its time is over."""
        lease_s = self.config.search.lease_s
        now_s = time.monotonic()
        if now_s - self._showed_life_s.get((replica, run), -lease_s) >= lease_s / 4:
            lease.renew(self.store, replica, run, lease_s=lease_s)
            self._showed_life_s[replica, run] = now_s

    def evaluate_of(self, config: SearchConfig) -> Evaluate | None:
        """Return the evaluation of the user's own that a configuration names, if any.

        Raises:
            ConfigError: It cannot be found.
        """
        name = config.children.evaluate
        return _named(name, self._given_evaluate, "children.evaluate") if name else None

    def space_of(self, config: SearchConfig) -> Space:
        """Return the space that a configuration names.

        Raises:
            ConfigError: The user's own space cannot be found, or is none.
        """
        if not isinstance(config.space, CustomSpaceConfig):
            return build_space(config.space)
        found = _named(config.space.object, self._given_space, "space.object")
        space = found() if callable(found) else found
        if not isinstance(space, Space):
            raise ConfigError(
                f"space.object {config.space.object!r} should be a nas_lib.spaces.Space "
                f"or a function that returns one, got {type(space).__name__}"
            )
        return space

    def space_hash(self, config: SearchConfig) -> str:
        """Return a hash of the decisions, so that a changed space of the user's own is noticed."""
        space = self.space_of(config)
        return hashlib.sha256(repr(space.decisions(space.max_depth)).encode()).hexdigest()


def _named(name: str, given: Any, setting: str) -> Any:
    """Return the object called `module:name`, or the given one for `inline`."""
    if name == INLINE:
        if given is None:
            raise ConfigError(
                f"{setting} is an object of another process: pass it to nas_lib.search again, "
                "or name it as module:name"
            )
        return given
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ConfigError(f"{setting} should read module:name, got {name!r}")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as err:
        raise ConfigError(f"{setting} {name!r} cannot be imported: {err}") from err
