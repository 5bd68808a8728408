"""A tracking server: MLflow, through its own client."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from nas_lib.errors import MissingExtraError
from nas_lib.tracking.addresses import filled
from nas_lib.tracking.entries import Entry

if TYPE_CHECKING:
    from mlflow.entities import Run

_SETTING: Final = "notify.mlflow.uri"
_TOKEN: Final = "nas.token"
_KIND: Final = "nas.kind"
_CHILD: Final = "nas.child"
_BATCH: Final = "nas.batch"
_MOST_POINTS = 1000  # in a request, as the server has it
_MOST_PARAMS = 100
_MOST_FOUND = 1000
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Of the client; it would try for minutes, print, and tell its makers what it is used for.

Nor may it try anything twice by itself: a run whose answer was lost would be created again.
"""

T = TypeVar("T")


class Known(NamedTuple):
    """A child's run, as the server has it.

    Attributes:
        run: Its id.
        is_whole: Whether all was told of it.
        has_test: Whether its test score was, too.
    """

    run: str
    is_whole: bool
    has_test: bool


class Server:
    """One experiment on a tracking server; what goes wrong there raises what the client does."""

    def __init__(self, address: str, experiment: str) -> None:
        """Find the client; nothing is asked of the server yet.

        Raises:
            ConfigError: There is no client here, or no such address.
        """
        for name, value in _DEFAULTS.items():
            os.environ.setdefault(name, value)
        try:
            import mlflow
            from mlflow import MlflowClient
        except ImportError as err:
            raise MissingExtraError(f"{_SETTING} needs MLflow's client", "mlflow", err) from err
        uri = filled(address, setting=_SETTING)
        mlflow.set_tracking_uri(uri)
        self._client = MlflowClient(tracking_uri=uri)
        self._name = experiment
        self._experiment = ""

    # --- a search --------------------------------------------------------------------------------

    def find_search(self, token: str) -> str | None:
        """Return the run of the search with this token, None where there is none."""
        found = self._find(f"tags.`{_TOKEN}` = '{token}' and tags.`{_KIND}` = 'search'")
        return min((each.info.run_id for each in found), default=None)

    def begin_search(self, entry: Entry, *, token: str, around: str | None) -> str:
        """Create the run of a search, within another one if it belongs to one; return its id."""
        return self._create(entry, {_TOKEN: token, _KIND: "search", **_parent(around)})

    def tell_params(self, run: str, params: Mapping[str, str]) -> None:
        """Tell what a run was given; the same may be told twice."""
        from mlflow.entities import Param

        for some in _parts([Param(*each) for each in params.items()], _MOST_PARAMS):
            self._client.log_batch(run, params=some)

    def go_on(self, run: str) -> None:
        """Say that somebody works on a search."""
        self._client.update_run(run, status="RUNNING")

    def close_search(self, run: str, status: str, numbers: Mapping[str, float], at_ms: int) -> None:
        """Say how a search stands, and that nobody works on it now."""
        from mlflow.entities import Metric

        points = [Metric(name, value, at_ms, 0) for name, value in numbers.items()]
        self._client.log_batch(run, metrics=points)
        self._client.set_terminated(run, status=status)

    # --- its children ----------------------------------------------------------------------------

    def children(self, token: str, batch: str) -> dict[str, Known]:
        """Return the runs of a batch of a search's children, by child."""
        found = self._find(f"tags.`{_TOKEN}` = '{token}' and tags.`{_BATCH}` = '{batch}'")
        return {run.data.tags.get(_CHILD, ""): _known(run) for run in found}

    def child(self, token: str, child: str) -> Known | None:
        """Return the run of one child, None where there is none."""
        found = self._find(f"tags.`{_TOKEN}` = '{token}' and tags.`{_CHILD}` = '{child}'")
        return next(map(_known, found), None)

    def tell_child(self, entry: Entry, *, token: str, batch: str, around: str) -> None:
        """Tell all of a child, in a run of its own."""
        from mlflow.entities import Metric

        run = self._create(entry, {_TOKEN: token, _BATCH: batch, **_parent(around)})
        self.tell_params(run, entry.params)
        points = [Metric(each.name, each.value, each.time_ms, each.step) for each in entry.points]
        for some in _parts(points, _MOST_POINTS):
            self._client.log_batch(run, metrics=some)
        status = "FINISHED" if entry.is_ok else "FAILED"
        self._client.set_terminated(run, status=status, end_time=entry.end_ms)

    def forget(self, run: str) -> None:
        """Delete a run: only a part was told of it, or there is another one."""
        self._client.delete_run(run)

    def tell_test(self, known: Known, score: float) -> None:
        """Tell a child's score on the test data."""
        self._client.log_metric(known.run, "test_score", score)

    # --- the client ------------------------------------------------------------------------------

    def _experiment_id(self) -> str:
        if not self._experiment:
            found = self._client.get_experiment_by_name(self._name)
            self._experiment = (
                self._client.create_experiment(self._name) if found is None else found.experiment_id
            )
        return self._experiment

    def _create(self, entry: Entry, own: Mapping[str, str]) -> str:
        run = self._client.create_run(
            self._experiment_id(),
            start_time=entry.start_ms,
            tags={**entry.tags, **own},
            run_name=entry.name,
        )
        return str(run.info.run_id)

    def _find(self, wanted: str) -> Sequence[Run]:
        found: list[Run] = []
        page: str | None = None
        while page != "":
            some: Any = self._client.search_runs(
                [self._experiment_id()], wanted, max_results=_MOST_FOUND, page_token=page
            )
            found += some
            page = some.token or ""
        return found


def _known(run: Run) -> Known:
    is_whole = run.info.status in ("FINISHED", "FAILED")
    return Known(run.info.run_id, is_whole, "test_score" in run.data.metrics)


def _parent(run: str | None) -> dict[str, str]:
    return {"mlflow.parentRunId": run} if run else {}


def _parts(items: Iterable[T], most: int) -> Iterable[list[T]]:
    left = iter(items)
    while some := list(itertools.islice(left, most)):
        yield some
