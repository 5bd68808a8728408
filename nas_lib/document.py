"""Plain documents: the bounds of data that a user wrote, and how they are shown in sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from nas_lib.errors import ConfigError, one_line

MOST_BYTES: Final = 2**20
MOST_LEVELS: Final = 50
MOST_NODES: Final = 10_000  # keys and values, those that an alias stands for each time anew
MOST_DIGITS: Final = 18

MOST_SHOWN = 60  # characters of a value
_MOST_SAID = 200  # characters of a place
_PLAIN_KEY = re.compile(rf"[\w./-]{{1,{MOST_SHOWN}}}", re.ASCII)
TOO_DEEP = f"expected at most {MOST_LEVELS} levels of sections and lists, one in another"
TOO_MANY = f"expected at most {MOST_NODES:,} keys and values, with all that aliases stand for"


def check_document(document: object, *, source: str) -> None:
    """Refuse what is no plain data, or beyond the bounds.

    Args:
        document: Anything.
        source: Where it comes from, for the error.

    Raises:
        ConfigError: It says where, what was expected and what came.
    """
    try:
        _Walk().visit(document, levels=MOST_LEVELS)
    except _WrongError as err:
        place = [source, place_text(err.place[::-1])] if err.place else [source]
        raise ConfigError(f"{': '.join(place)}: {err}") from err


def shown(value: object) -> str:
    """Return a value as JSON, and of a long one its beginning."""
    text = ""
    for piece in json.JSONEncoder(default=one_line).iterencode(value):
        text += piece
        if len(text) > MOST_SHOWN:
            return text[: MOST_SHOWN - 3] + "..."
    return text


def place_text(place: Sequence[str]) -> str:
    """Return where in a document something stands, as `children.epochs`."""
    keys = (key if _PLAIN_KEY.fullmatch(key) else shown(key) for key in place)
    return one_line(".".join(keys), _MOST_SAID)


class _WrongError(Exception):
    """A value is not what a document may hold.

    Attributes:
        place: Where it stands, from there to the root.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.place: list[str] = []


class _Walk:
    """A walk through a document, which ends where it is too long."""

    def __init__(self) -> None:
        self._nodes_left = MOST_NODES
        self._chars_left = MOST_BYTES

    def visit(self, value: object, *, levels: int) -> None:
        """Visit a value and all that is in it, at most so many levels."""
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise _WrongError(TOO_MANY)
        if isinstance(value, str):
            self._visit_text(value)
        elif isinstance(value, Mapping):
            for key, part in value.items():
                self._visit_key(key)
                self._visit_part(key, part, levels - 1)
        elif isinstance(value, list | tuple):
            for number, part in enumerate(value):
                self._visit_part(str(number), part, levels - 1)
        elif isinstance(value, int):
            if abs(value) >= 10**MOST_DIGITS:
                raise _WrongError(f"expected a whole number of at most {MOST_DIGITS} digits")
        elif not (value is None or isinstance(value, float)):
            raise _WrongError(
                "expected text, a number, true, false, null, a list or a section, got an object of "
                f"the class {type(value).__name__}"
            )

    def _visit_part(self, key: str, part: object, levels: int) -> None:
        try:
            if levels < 0:
                raise _WrongError(TOO_DEEP)
            self.visit(part, levels=levels)
        except _WrongError as err:
            err.place.append(key)
            raise

    def _visit_key(self, key: object) -> None:
        if not isinstance(key, str):
            raise _WrongError(f"expected keys that are text, got {one_line(repr(key), MOST_SHOWN)}")
        self.visit(key, levels=0)

    def _visit_text(self, text: str) -> None:
        self._chars_left -= len(text)
        if self._chars_left < 0:
            raise _WrongError(f"expected at most {MOST_BYTES:,} characters of text in all")
        if "\0" in text:
            raise _WrongError("expected text without characters of code 0")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _WrongError("expected text of whole characters, got half a one") from None
