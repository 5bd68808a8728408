"""What a tracking server is told of a search and of its children, as names and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from nas_lib.config import SearchConfig
from nas_lib.config_file import identity_settings
from nas_lib.records import Child, ChildId, ChildResult, Proposed
from nas_lib.redaction import without_secrets

_MOST_PARAM: Final = 5000  # characters; MLflow takes 6,000
_MOST_DECISIONS: Final = 500


@dataclass(frozen=True)
class Point:
    """A number at a moment.

    Attributes:
        name: What it is.
        value: The number.
        step: The epoch, 0 for a number of the whole child.
        time_ms: Milliseconds since 1970.
    """

    name: str
    value: float
    step: int
    time_ms: int


@dataclass(frozen=True)
class Entry:
    """A run, as a tracking server has it.

    Attributes:
        name: What people see.
        tags: What it is known by.
        params: What it was given.
        points: What it came to.
        start_ms: When it began, in milliseconds since 1970.
        end_ms: When it ended.
        is_ok: Whether it came to its end.
    """

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    start_ms: int = 0
    end_ms: int = 0
    is_ok: bool = True


def search_params(config: SearchConfig) -> dict[str, str]:
    """Return what makes a search what it is."""
    return {name: _text(value) for name, value in identity_settings(config).items()}


def child_entry(
    config: SearchConfig, proposed: Proposed, child: Child, result: ChildResult
) -> Entry:
    """Return what is told of a child that has its result.

    When its training began nobody notes: it counts from when its round was proposed, so that the
    same child is told of alike whenever that is done.
    """
    start_ms = round(proposed.created_s * 1000)
    return Entry(
        name=child.id,
        tags={name: text for name, text in _tags(child, result) if text},
        params=dict(_params(config, child)),
        points=(*_curve(result, start_ms), *_verdict(result, start_ms)),
        start_ms=start_ms,
        end_ms=start_ms + round(result.seconds * 1000),
        is_ok=result.status == "ok",
    )


def _tags(child: Child, result: ChildResult) -> Iterator[tuple[str, str]]:
    yield "nas.child", child.id
    yield "nas.status", result.status
    yield "nas.where", result.where
    yield "nas.message", _text(without_secrets(result.message))
    yield "nas.repeat_of", result.repeat_of or ""
    yield "nas.confirms", child.confirms or ""


def _params(config: SearchConfig, child: Child) -> Iterator[tuple[str, str]]:
    which = ChildId.parse(child.id)
    yield "architecture", _text(child.architecture.config)
    yield "architecture_id", child.architecture.id
    yield "seed", str(child.seed)
    yield "replica", str(which.replica)
    yield "round", str(which.round)
    yield from _decisions(config, child.architecture.tokens)


def _decisions(config: SearchConfig, tokens: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """Yield what was decided, by number and kind; of a space of the user's own, as one text."""
    if not config.space.has_plans:
        yield "decisions", _text(" ".join(map(str, tokens)))
        return
    space = config.space.build()
    at = 0
    for number, decision in enumerate(space.decisions(space.max_depth)[:_MOST_DECISIONS]):
        if at >= len(tokens):
            return
        end = at + decision.num_tokens
        if end > at:
            yield f"decision.{number:03d}.{decision.kind}", " ".join(map(str, tokens[at:end]))
        at = end


def _curve(result: ChildResult, start_ms: int) -> Iterator[Point]:
    seconds = 0.0
    for epoch in result.epochs:
        seconds += epoch.seconds
        time_ms = start_ms + round(seconds * 1000)
        for name in ("score", "train_loss", "valid_loss", "learning_rate"):
            yield Point(f"epoch.{name}", getattr(epoch, name), epoch.epoch, time_ms)


def _verdict(result: ChildResult, start_ms: int) -> Iterator[Point]:
    time_ms = start_ms + round(result.seconds * 1000)
    for name in ("score", "reward", "num_parameters", "num_multiply_adds", "seconds", "best_epoch"):
        value = getattr(result, name)
        if value is not None:
            yield Point(name, float(value), 0, time_ms)


def _text(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MOST_PARAM else f"{text[: _MOST_PARAM - 3]}..."
