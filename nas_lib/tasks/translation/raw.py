"""Pairs of sentences as a reader hands them over: checked line by line, not yet numbered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from nas_lib.errors import DataError, plural

OnError = Literal["refuse", "skip"]
PARTS = ("train", "valid", "test")

_SHOWN = 3  # of the numbers of wrong lines
_MORE_PARTS = ": of one file, fewer task.data.parts leave more for validation and test"
_REMEDIES = {"train": "", "valid": _MORE_PARTS, "test": _MORE_PARTS}

Fault = tuple[str, str]
"""What can be counted (`line`), and the rest of what is wrong with it (` without a tab`)."""


class Pair(NamedTuple):
    """A sentence and its translation, without blanks around them.

    Attributes:
        source: What is translated.
        target: Its translation.
        line: The line that it is from, from 1.
    """

    source: str
    target: str
    line: int


@dataclass(frozen=True)
class Part:
    """What there is to train, to validate or to test.

    Attributes:
        where: The file that it is from, for people and errors.
        pairs: In the order of their lines.
    """

    where: str
    pairs: Sequence[Pair]

    def __len__(self) -> int:
        return len(self.pairs)


@dataclass(frozen=True)
class RawPairs:
    """The pairs of a data set.

    Attributes:
        source: What was read, for people and errors.
        train: To train on; the vocabulary comes from them.
        valid: For the reward.
        test: For the test.
        notices: A sentence without full stop on each thing that a user would not guess.
    """

    source: str
    train: Part
    valid: Part
    test: Part
    notices: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Part, Part, Part]:
        """To train, to validate, to test."""
        return self.train, self.valid, self.test


class WrongLines:
    """Lines of a file that are no pair to learn from, by what is wrong with them."""

    def __init__(self, where: str, expected: str) -> None:
        """Begin without any.

        Args:
            where: The file, for people and errors.
            expected: What each line should have been.
        """
        self._where, self._expected = where, expected
        self._lines: dict[Fault, list[int]] = defaultdict(list)

    def add(self, line: int, fault: Fault) -> None:
        """Add one."""
        self._lines[fault].append(line)

    def settle(self, on_error: OnError, remedy: str = "correct them") -> tuple[str, ...]:
        """Return a notice on what is left out, where there is anything.

        Args:
            on_error: Whether that may be.
            remedy: What else may be done, for the error.

        Raises:
            DataError: It may not.
        """
        if not self._lines:
            return ()
        found = _listed([_counted(*kind, sorted(lines)) for kind, lines in self._lines.items()])
        if on_error == "refuse":
            raise DataError(
                f"{self._where}: expected {self._expected}, got {found}: {remedy}, or leave them "
                "out by task.on_error: skip"
            )
        was = "was" if sum(map(len, self._lines.values())) == 1 else "were"
        return (f"{self._where}: {found} {was} left out",)


def _counted(what: str, rest: str, lines: Sequence[int]) -> str:
    first = "the first: " if len(lines) > _SHOWN else ""
    noun = "line" if len(lines) == 1 else "lines"
    shown = _listed([f"{line:,}" for line in lines[:_SHOWN]])
    return f"{plural(len(lines), what)}{rest} ({first}{noun} {shown})"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def without_shared(raw: RawPairs) -> RawPairs:
    """Return the pairs without those whose source's sentence is in a part that judges them.

    The test's stay; validation loses what is in the test, and training what is in either.
    """
    test = {pair.source for pair in raw.test.pairs}
    valid = _without(raw.valid, test)
    train = _without(raw.train, test | {pair.source for pair in valid.pairs})
    lost = [
        plural(len(before) - len(after), f"{name} pair")
        for name, before, after in (
            ("training", raw.train, train),
            ("validation", raw.valid, valid),
        )
        if len(after) < len(before)
    ]
    if not lost:
        return raw
    notice = f"left out, as their sentences are in another part, too: {_listed(lost)}"
    return replace(raw, train=train, valid=valid, notices=(*raw.notices, notice))


def _without(part: Part, sources: set[str]) -> Part:
    return replace(part, pairs=[pair for pair in part.pairs if pair.source not in sources])


def check_pairs(raw: RawPairs) -> None:
    """Refuse a part without a pair, and training data of fewer than two.

    Raises:
        DataError: There are too few.
    """
    left_out = "".join(f"; {notice}" for notice in raw.notices)
    for name, part, least in zip(PARTS, raw.parts, (2, 1, 1), strict=True):
        if (num := len(part)) < least:
            raise DataError(
                f"{raw.source}: expected at least {plural(least, 'pair')} in {name}, got {num}"
                f"{_REMEDIES[name]}{left_out}"
            )
