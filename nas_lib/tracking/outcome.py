"""What is told at an end: of a search that is finished, or of a run of it that is not to go on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from nas_lib.errors import one_line
from nas_lib.redaction import without_secrets
from nas_lib.results import SearchView
from nas_lib.results.final import outcome
from nas_lib.results.succession import Succession
from nas_lib.store import layout

Event = Literal["finished", "failed", "stopped"]
_REPORT = "report.html"
_MOST_TEXT = 4000  # characters: an architecture of the user's own may be any text


@dataclass(frozen=True)
class End:
    """How a run ended.

    Attributes:
        event: The search is `finished`, the run `failed`, or somebody `stopped` it.
        run: The run.
        view: The search then, None where it could not be read.
        name: What the search is called.
        uri: Where it lies.
        message: Why, in one sentence; empty where it is finished.
    """

    event: Event
    run: str
    view: SearchView | None
    name: str
    uri: str
    message: str = ""

    @property
    def key(self) -> str:
        """What is told once: that it is finished, once for so many children and final trainings."""
        if self.view is None or self.event != "finished":
            return f"{self.event}-{self.run}"
        return f"finished-{len(self.view.rows)}-{len(self.view.finals)}"

    def document(self) -> dict[str, Any]:
        """Return what a webhook is sent, as docs/tracking.md describes it."""
        return {
            "version": 1,
            "event": self.event,
            "name": self.name,
            "search": self.uri,
            "run": self.run,
            "message": without_secrets(one_line(self.message)),
            "time": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
            **({} if self.view is None else _document_of(self.view, self.run)),
        }


def _document_of(view: SearchView, run: str) -> dict[str, Any]:
    models = [f"{view.uri}/{layout.model_folder(model)}" for model in view.models]
    return {
        "children": {"done": len(view.judged), "of": view.num_children},
        "measure": view.measure.noun,
        "higher_is_better": view.measure.higher_is_better,
        "best": best_of(view),
        "final": [best for each in view.finals if (best := final_best(each))],
        "models": models,
        "succession": None if view.succession is None else _succession(view.succession),
        "report": f"{view.uri}/{layout.report(run, _REPORT)}",
    }


def _succession(found: Succession) -> dict[str, Any]:
    """Return whether the model of a search on fresh data is in use now, and why."""
    return {
        "replaces": found.replaces,
        "reason": found.reason,
        "model": found.model,
        "score": found.score,
        "other": found.other,
        "other_score": found.other_score,
    }


def best_of(view: SearchView) -> dict[str, Any] | None:
    """Return what there is to say of the best network, None where there is none."""
    best = view.best
    if best is None:
        return None
    row, seeds = best.row, best.seeds
    return {
        "child": row.id,
        "architecture": row.architecture.config[:_MOST_TEXT],
        "score": row.score,
        "mean_score": seeds.mean,
        "trainings": len(seeds.scores),
        "parameters": row.num_parameters,
        "multiply_adds": row.num_multiply_adds,
        "test_score": tests_of(view).get(row.id),
    }


def final_best(view: SearchView) -> dict[str, Any] | None:
    """Return the same of a final training, with the test score of what is handed on."""
    best = best_of(view)
    if best is None:
        return None
    handed_on = outcome(view).handed_on
    child = best["child"] if handed_on is None else handed_on.id
    return {
        **best,
        "search": view.uri,
        "is_of_references": view.is_of_references,
        "handed_on": None if handed_on is None else handed_on.id,
        "test_score": tests_of(view).get(child),
    }


def tests_of(view: SearchView) -> Mapping[str, float]:
    """Return the test scores that were read, by children."""
    return {reading.child: reading.score for reading in view.test}


def numbers_of(view: SearchView) -> Iterator[tuple[str, float]]:
    """Yield the numbers that say how a search stands, by name."""
    yield "children", len(view.judged)
    best = best_of(view) or {}
    for name in ("score", "mean_score", "test_score"):
        if best.get(name) is not None:
            yield f"best_{name}", best[name]
