"""What a check of data comes to, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from nas_lib.errors import one_line

PartName = Literal["train", "valid", "test"]
Level = Literal["stops", "warning", "note"]
"""A search would not begin; something should be looked at; or is good to know."""

CALLED: Mapping[PartName, str] = {"train": "training", "valid": "validation", "test": "test"}


@dataclass(frozen=True)
class Finding:
    """A sentence on the data.

    Attributes:
        level: How bad it is.
        text: What was found, without full stop.
        advice: What to do about it; empty where there is nothing to do.
    """

    level: Level
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """Return it in a line."""
        return f"{self.level}: {self.text}" + (f": {self.advice}" if self.advice else "")


@dataclass(frozen=True)
class Shown:
    """An image.

    Attributes:
        name: What it is called.
        part: Where a search would have it.
        class_name: What it is of: its class, its labels or its number.
        picture: A picture of it in base64, with its type before it; empty where none was made.
    """

    name: str
    part: PartName
    class_name: str
    picture: str = ""

    def __str__(self) -> str:
        """Return what to call it."""
        return f"{one_line(self.name, 80)} ({CALLED[self.part]}, {one_line(self.class_name, 40)})"


@dataclass(frozen=True)
class Pair:
    """An image and one of another part that is equal, or nearly.

    Attributes:
        one: Of the validation or test images.
        other: Of those that it should have nothing to do with.
        is_equal: Whether they have the same pixels.
    """

    one: Shown
    other: Shown
    is_equal: bool


@dataclass(frozen=True)
class DataCheck:
    """What was found.

    Attributes:
        source: What was read.
        example: What one example is called.
        counts: Examples of each part; none where they cannot be read.
        facts: What else there is to know of it all, by name.
        classes: How many images of each class there are in each part, or with each label.
        kind: What these are called, one of them.
        pairs: Equal and nearly equal images of two parts.
        broken: A sentence on each file that cannot be read.
        findings: What a user should know, the worst first.
        samples: Some images of each class, with pictures; none where they were not asked for.
    """

    source: str
    example: str
    counts: Mapping[PartName, int] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, Mapping[PartName, int]] = field(default_factory=dict)
    kind: str = "class"
    pairs: tuple[Pair, ...] = ()
    broken: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    samples: Mapping[str, tuple[Shown, ...]] = field(default_factory=dict)

    @property
    def refusal(self) -> str:
        """Why a search would not begin; empty where it would."""
        return "; ".join(each.text for each in self.of("stops"))

    def of(self, level: Level) -> tuple[Finding, ...]:
        """Return the findings of a level."""
        return tuple(each for each in self.findings if each.level == level)

    def with_findings(self, *more: Finding) -> DataCheck:
        """Return it with more of them, the worst first."""
        order: tuple[Level, ...] = ("stops", "warning", "note")
        found = sorted((*self.findings, *more), key=lambda each: order.index(each.level))
        return replace(self, findings=tuple(found))

    def as_json(self) -> dict[str, Any]:
        """Return it as a plain value, but for pictures."""
        return {
            "source": self.source,
            "counts": dict(self.counts),
            "facts": dict(self.facts),
            "classes": {name: dict(counts) for name, counts in self.classes.items()},
            "pairs": [
                {
                    "one": _plain(pair.one),
                    "other": _plain(pair.other),
                    "equal": pair.is_equal,
                }
                for pair in self.pairs
            ],
            "broken": list(self.broken),
            "findings": [
                {"level": each.level, "text": each.text, "advice": each.advice}
                for each in self.findings
            ],
        }


def _plain(shown: Shown) -> dict[str, str]:
    return {"name": shown.name, "part": shown.part, "class": shown.class_name}
