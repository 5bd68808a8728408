"""A whole document for data at a path, and why it is what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Final

from nas_lib import buckets
from nas_lib.config import SearchConfig
from nas_lib.config_file import to_yaml
from nas_lib.data.allowance import Allowance
from nas_lib.errors import ConfigError, one_line
from nas_lib.report import duration_text
from nas_lib.starting_documents.budget import Budget, Estimate, Fitted
from nas_lib.starting_documents.formats import look
from nas_lib.starting_documents.names import free_name
from nas_lib.starting_documents.starter import Choice, Starter
from nas_lib.training.machine import memory_limit_mb

DEFAULT_HOURS: Final = 1.0
_HOUR_S: Final = 3600.0
_BUSY: Final = 2.0  # times as long as alone


@dataclass(frozen=True)
class StartingDocument:
    """A document to start with.

    Attributes:
        config: What it says.
        facts: Sentences: what was found, what a user should know of it, how long it takes.
        why: In a line, by the places of settings that were chosen.
        estimate: How long it takes here; None where that is not known before data are prepared.
    """

    config: SearchConfig
    facts: tuple[str, ...]
    why: Mapping[str, str]
    estimate: Estimate | None

    def yaml(self) -> str:
        """Return it with its reasons, and with the description of each setting."""
        return to_yaml(self.config, why={"": "\n".join(self.facts), **self.why})


def starting_document(
    path: str,
    *,
    hours: float = DEFAULT_HOURS,
    format_name: str | None = None,
    overrides: Sequence[str] = (),
) -> StartingDocument:
    """Look at data and propose a search of them; what lies in a bucket is fetched for that.

    Args:
        path: Where they lie, a path or an address in a bucket.
        hours: Search and final training are to take no longer here.
        format_name: Which format they are of, where that cannot be told.
        overrides: What the user wants in any case, as `section.key=value`.

    Raises:
        DataError: There are no data that could be learnt.
        ConfigError: The time is too short, or the user wants what cannot be.
        StoreError: The bucket cannot be read, or the disk has too little room for what lies there.
    """
    with _fetched(path) as copy:
        here = path if copy is None else str(copy.path)
        starter = look(here, _allowance(), format_name=format_name, overrides=overrides)
        document = _fitted_document(starter, path, hours, overrides)
        return document if copy is None else _named(document, copy)


def _fitted_document(
    starter: Starter, path: str, hours: float, overrides: Sequence[str]
) -> StartingDocument:
    name = Choice("name", free_name(path), "Of the path; its state lies in runs/, by this name.")
    fitted = Budget(starter, hours * _HOUR_S, overrides, common=(name,)).fitted()
    if not fitted.fits and not overrides:
        assert fitted.estimate is not None
        raise ConfigError(
            f"{one_line(path)}: the shortest search of {starter.what} takes about "
            f"{duration_text(fitted.estimate.total_s)} here: expected more than --hours {hours:g}"
            f"{_on_others(fitted.estimate)}"
        )
    config = fitted.config
    return StartingDocument(
        config,
        tuple(_facts(starter, fitted, hours)),
        dict(_reasons(config, fitted.choices)),
        fitted.estimate,
    )


def untimed_config(
    path: str, *, format_name: str | None = None, overrides: Sequence[str] = ()
) -> SearchConfig:
    """Return a configuration for data that are looked at: of their smallest size, not timed.

    Args:
        path: Where they lie, a path or an address in a bucket.
        format_name: Which format they are of, where that cannot be told.
        overrides: What the user wants in any case.

    Raises:
        DataError: There are no data that could be learnt.
        ConfigError: The user wants what cannot be.
    """
    with _fetched(path) as copy:
        here = path if copy is None else str(copy.path)
        starter = look(here, _allowance(), format_name=format_name, overrides=overrides)
        # pictures are made small to be looked at quickly; series are read as they are
        size = starter.sizes[-1 if starter.num_axes == 1 else 0]
        config = starter.config(size, overrides=overrides)
        return config if copy is None else _there(config, copy)


@contextmanager
def _fetched(path: str) -> Iterator[buckets.Fetched | None]:
    """Fetch data that lie in a bucket; None of others."""
    if not buckets.is_in_bucket(path):
        yield None
        return
    with buckets.fetched(path) as copy:
        yield copy


def _named(document: StartingDocument, copy: buckets.Fetched) -> StartingDocument:
    """Return a document for a copy, named after the bucket."""
    return replace(
        document,
        config=_there(document.config, copy),
        facts=tuple(map(copy.told, document.facts)),
        why={place: copy.told(why) for place, why in document.why.items()},
    )


def _there(config: SearchConfig, copy: buckets.Fetched) -> SearchConfig:
    """Return a configuration whose data lie in the bucket."""
    data = config.task.data.model_copy(update={"path": copy.uri})
    return config.model_copy(update={"task": config.task.model_copy(update={"data": data})})


def _allowance() -> Allowance:
    return Allowance(memory_limit_mb() // 2 * 2**20)


def _facts(starter: Starter, fitted: Fitted, hours: float) -> Iterator[str]:
    config, estimate = fitted.config, fitted.estimate
    yield f"{one_line(starter.path)}: {one_line(starter.what)}"
    for note in starter.notes(config):
        yield f"note: {one_line(note)}"
    if estimate is None:
        yield "time: nas check says how long it may take"
        return
    more = "" if fitted.fits else f", more than --hours {hours:g}: settings of yours ask for it"
    yield (
        f"time: at most about {duration_text(estimate.total_s)} here with {estimate.workers} "
        f"worker(s), by training steps that were timed: {duration_text(estimate.search_s)} to "
        f"search by {config.search.max_children} networks, "  # type: ignore[union-attr]
        f"{duration_text(estimate.final_s)} to train the best{more}{_on_others(estimate)}"
    )


def _on_others(estimate: Estimate) -> str:
    """Say that the machine has other work to do, where that is why it takes so long."""
    if estimate.busy < _BUSY:
        return ""
    return (
        f"; the machine is busy with other work, and steps took {estimate.busy:.0f} times as long "
        "as they would alone"
    )


def _reasons(config: SearchConfig, choices: Sequence[Choice]) -> Iterator[tuple[str, str]]:
    """Yield why a setting is what it is, where it is that: the user may have wanted another."""
    plain = config.model_dump(mode="json")
    for choice in choices:
        if choice.why and _at(plain, choice.place) == choice.value:
            yield choice.place, choice.why


def _at(document: Any, place: str) -> Any:
    return reduce(
        lambda section, name: section.get(name) if isinstance(section, dict) else None,
        place.split("."),
        document,
    )
