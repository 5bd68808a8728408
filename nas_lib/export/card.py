"""What a model says of itself in files: for people a card, for machines `metrics.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from nas_lib.errors import one_line, plural_of
from nas_lib.models.info import MeasureInfo, ModelInfo, Score, TextInputs
from nas_lib.records import Metric
from nas_lib.results.measure import measure_named
from nas_lib.tasks.text.scoring import SCORINGS

if TYPE_CHECKING:
    from jinja2 import Environment

_SHOWN = 20  # labels
_EXAMPLES = {"images": "image", "series": "series", "translation": "sentence"}
_NO_PART = frozenset(
    [
        *("kind", "device", "threads", "keep", "reward", "checkpoint_every_s"),
        *("max_attempts", "timeout_s", "when_all_crash"),
    ]
)
"""Settings of children that change no weight."""
_ONLY_OF: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "first_cycle": ("schedule", ("cosine_restarts",)),
    "min_learning_rate": ("schedule", ("cosine", "cosine_restarts")),
    **dict.fromkeys(("decay", "decay_after", "decay_every"), ("schedule", ("exponential",))),
    "momentum": ("optimizer", ("sgd", "rmsprop")),
    **dict.fromkeys(("rms_decay", "rms_epsilon"), ("optimizer", ("rmsprop",))),
    **dict.fromkeys(("adam_beta_1", "adam_beta_2", "adam_epsilon"), ("optimizer", ("adam",))),
}
"""Settings that only some schedules or optimizers have a use for."""


def card(info: ModelInfo) -> bytes:
    """Return what a model is, as Markdown."""
    text = (
        _templates()
        .get_template(f"card-{info.inputs.kind}.md")
        .render(
            info=info,
            shown=_shown(info.labels),
            example=_example(info),
            examples=plural_of(_example(info)),
            settings=list(_settings(info.training.settings)),
            score_words=partial(_score_words, info.measure),
            metric_words=_metric_words,
        )
    )
    return text.encode()


def _example(info: ModelInfo) -> str:
    """Return what one of those is called that the model was given."""
    inputs = info.inputs
    return (
        SCORINGS[inputs.level].token if isinstance(inputs, TextInputs) else _EXAMPLES[inputs.kind]
    )


def metrics(info: ModelInfo) -> bytes:
    """Return what was measured of a model, as JSON."""
    measured = {
        "model": info.id,
        "measure": info.measure.noun,
        "validation": info.validation,
        "validation_of_seeds": info.validation_of_seeds,
        "test": info.test,
        "test_metrics": info.test_metrics,
        "parity": info.parity,
        "speed": info.speed,
        "num_parameters": info.origin.num_parameters,
        "num_multiply_adds": info.origin.num_multiply_adds,
    }
    return (json.dumps(measured, indent=2, default=asdict) + "\n").encode()


def labels(info: ModelInfo) -> bytes:
    """Return the labels, one a line."""
    return "".join(f"{_line(label)}\n" for label in info.labels).encode()


def _line(label: str) -> str:
    r"""Return a label in a line; a character that is no more than room is escaped (`\t`)."""
    return one_line(label) or label.encode("unicode_escape").decode()


def _shown(names: tuple[str, ...]) -> str:
    """Return labels as code, which nothing in them ends."""
    quoted = [f"`{one_line(name, 40).replace('`', '?')}`" for name in names[:_SHOWN]]
    left = len(names) - len(quoted)
    return ", ".join(quoted) + (f" and {left:,} more" if left else "")


def _settings(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the settings of a training that had a part in it."""
    for name, value in settings.items():
        if isinstance(value, Mapping) and name != "reward":
            yield from _settings(value, f"{prefix}{name}.")
        elif name not in _NO_PART and value and _had_a_part(name, settings):
            yield f"{prefix}{name}: {value}"


def _had_a_part(name: str, settings: Mapping[str, Any]) -> bool:
    if name not in _ONLY_OF:
        return True
    setting, users = _ONLY_OF[name]
    return settings[setting] in users


def _metric_words(metric: Metric) -> str:
    return MeasureInfo.of(measure_named(metric.name)).text(metric.value)


def _score_words(measure: MeasureInfo, score: Score) -> str:
    words = measure.text(score.value)
    if score.interval is None:
        return words
    low, high = map(measure.text, score.interval)
    return f"{words} (95 % interval over these: {low} to {high})"


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("nas_lib.export"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
