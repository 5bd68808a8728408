"""The topics of Python's documentation, which lie in its standard library: a small real text."""

from __future__ import annotations

import hashlib
import importlib
import platform
import re
from collections.abc import Callable

from nas_lib.config import PydocTopicsData, TextLevel
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.text.raw import END, RawText

_MODULE = "pydoc_data.topics"
_WORD = re.compile(r"\w+|[^\w\s]")
_VALID, _TEST = 10, 20  # of a hundred: up to this, and from there up to this


def read_pydoc_topics(config: PydocTopicsData, allowance: Allowance, level: TextLevel) -> RawText:
    """Return the topics, a tenth of them for validation and a tenth for the test.

    It is in lower case. Words and punctuation marks are words; of characters, what is between two
    words is one blank. The text is that of this Python's version.

    Raises:
        DataError: This Python has no such module.
    """
    parts: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for name, text in sorted(_topics().items()):
        parts[_part(name)].extend(split_topic(text, level))
    source = f"topics of Python {platform.python_version()}'s documentation"
    return RawText(source, parts["train"], parts["valid"], parts["test"])


def _topics() -> dict[str, str]:
    """Return each topic's text by its name: the module's one large dict, whatever it is called."""
    try:
        module = importlib.import_module(_MODULE)
    except ModuleNotFoundError as err:
        raise DataError(
            f"this Python ({platform.python_version()}) comes without {_MODULE}, "
            "the topics of its documentation: use text_files"
        ) from err
    dicts = [each for name, each in vars(module).items() if _is_topics(name, each)]
    if not dicts:
        raise DataError(f"{_MODULE}: expected a dict of topics, got none in this Python")
    found: dict[str, str] = max(dicts, key=len)
    return found


def _is_topics(name: str, value: object) -> bool:
    return (
        not name.startswith("__")
        and isinstance(value, dict)
        and all(isinstance(text, str) for pair in value.items() for text in pair)
    )


def _part(name: str) -> str:
    """Return a topic's part; it stays the same whatever other topics there are."""
    percentile = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 100
    return "valid" if percentile < _VALID else "test" if percentile < _TEST else "train"


def split_topic(text: str, level: TextLevel) -> list[str]:
    """Return its words or characters, each paragraph with an end: lines are as a screen is wide."""
    paragraphs = (_SPLIT[level](part) for part in re.split(r"\n\s*\n", text.lower()))
    return [token for tokens in paragraphs if tokens for token in (*tokens, END)]


def _characters(paragraph: str) -> list[str]:
    return list(" ".join(paragraph.split()))


_SPLIT: dict[TextLevel, Callable[[str], list[str]]] = {
    "words": _WORD.findall,
    "characters": _characters,
}
