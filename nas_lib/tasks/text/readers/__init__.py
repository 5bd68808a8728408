"""Readers: from files of the user's to `RawText`, a module per format, no torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nas_lib.config import PydocTopicsData, TextDataConfig, TextFilesData, TextLevel
from nas_lib.data.allowance import Allowance
from nas_lib.tasks.text.raw import RawText
from nas_lib.tasks.text.readers.pydoc_topics import read_pydoc_topics, split_topic
from nas_lib.tasks.text.readers.text_files import read_text_files, split_text

__all__ = ["SPLITTERS", "read_text"]

_READERS: dict[type[Any], Callable[[Any, Allowance, TextLevel], RawText]] = {
    PydocTopicsData: read_pydoc_topics,
    TextFilesData: read_text_files,
}
SPLITTERS: dict[str, Callable[[str, TextLevel], list[str]]] = {
    "pydoc_topics": split_topic,
    "text_files": split_text,
}
"""How the reader of each format splits a text, with the ends of sentences."""


def read_text(
    config: TextDataConfig, allowance: Allowance, *, level: TextLevel = "words"
) -> RawText:
    """Read a text.

    Args:
        config: Where it lies, and in which format.
        allowance: How much memory it may take unpacked.
        level: What it is to be split into.

    Raises:
        DataError: It is missing, empty, not what its format promises, or larger than allowed.
    """
    return _READERS[type(config)](config, allowance, level)
