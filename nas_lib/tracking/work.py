"""What the process beside a run does: it tells a tracking server, until the run is over."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from nas_lib.blame import sentence_of
from nas_lib.errors import NasError, described, one_line
from nas_lib.redaction import without_secrets
from nas_lib.store import SearchStore
from nas_lib.tracking.addresses import place
from nas_lib.tracking.mirror import Mirror, experiment_of
from nas_lib.tracking.server import Server

STEP: Final = "mlflow"
"""By which problems are noted."""

_LOOK_S = 2.0  # how often rounds are looked for
_LONGEST_S = 60.0  # between two tries at a server that is away
_TRIES = 2  # once the run is over


@dataclass(frozen=True)
class Closing:
    """How a run ended, for a tracking server.

    Attributes:
        status: As MLflow has them; empty where the search goes on, and nothing is told of it.
        numbers: How the search stands.
        tests: Scores on the test data, by children.
    """

    status: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    tests: Mapping[str, float] = field(default_factory=dict)

    def to_line(self) -> str:
        """Return it as a line of text."""
        return json.dumps([self.status, dict(self.numbers), dict(self.tests)]) + "\n"

    @classmethod
    def of_line(cls, line: str) -> Closing:
        """Return what a line says."""
        return cls(*json.loads(line))


Closed = Callable[[float], Closing | None]
"""Waits so many seconds for the run's end at most; returns how it ended, None while it goes on."""


def mirror_until_closed(uri: str, *, replicas: Sequence[int], run: str, closed: Closed) -> str:
    """Tell a tracking server of a search's children until its run is over, and all is told.

    A server that is away is tried again, less and less often, and at the end no more than once;
    that it is away is noted once.

    Args:
        uri: Where the search lies.
        replicas: Whose children.
        run: The run, for what is noted.
        closed: Says whether the run is over.

    Returns:
        What could not be told, in a sentence; empty where all was.
    """
    work = _Work(uri, replicas, run)
    closing: Closing | None = None
    pause_s, failures = 0.0, 0
    while True:
        failure = work.advance()
        if closing is not None and not failure and not work.moved:
            failure = work.close(closing) if closing.status else ""
            if not failure:
                return ""
        failures = failures + 1 if failure else 0
        if closing is not None and failures >= _TRIES:
            return failure
        if failure:
            pause_s = min(max(2 * pause_s, _LOOK_S), _LONGEST_S)
        else:
            pause_s = 0.0 if work.moved else _LOOK_S
        closing = closing or closed(pause_s)


class _Work:
    """What is told, and what is noted where that goes wrong."""

    def __init__(self, uri: str, replicas: Sequence[int], run: str) -> None:
        self.moved = False
        self._uri = uri
        self._replicas = replicas
        self._run = run
        self._mirror: Mirror | None = None
        self._is_noted = False

    def advance(self) -> str:
        """Tell of the next batch; return what went wrong."""
        return self._tried(lambda mirror: mirror.advance(self._replicas))

    def close(self, closing: Closing) -> str:
        """Tell how the run ended; return what went wrong."""
        return self._tried(
            lambda mirror: mirror.close(closing.status, closing.numbers, closing.tests)
        )

    def _tried(self, tell: Callable[[Mirror], Any]) -> str:
        try:
            self._mirror = self._mirror or _opened(self._uri)
            self.moved = bool(tell(self._mirror))
        except Exception as err:  # whatever it is: nothing of this may end a search
            self.moved = False
            return self._noted(self._sentence(err))
        return ""

    def _sentence(self, err: Exception) -> str:
        if isinstance(err, NasError):
            return str(err)
        with suppress(NasError):
            settings = SearchStore.open(self._uri).config().notify.mlflow
            said = without_secrets(one_line(described(err), 300))
            return f"MLflow at {place(settings.uri or '')} was not told of everything: {said}"
        return sentence_of(err)

    def _noted(self, sentence: str) -> str:
        if not self._is_noted:
            self._is_noted = True
            with suppress(NasError):  # the store itself may be what is wrong
                store = SearchStore.open(self._uri)
                store.note_problem(run=self._run, step=STEP, message=sentence)
        return sentence


def _opened(uri: str) -> Mirror:
    config = SearchStore.open(uri).config()
    return Mirror(uri, Server(config.notify.mlflow.uri or "", experiment_of(config)))
