"""Text of a file: decoded a piece at a time, by what is in it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain
from typing import Final

from nas_lib.data.data_file import DataFile
from nas_lib.errors import DataError

NUL: Final = "\0"
"""In no text, and every other byte of English that is read as UTF-8 and is UTF-16."""

_MARKS: Final = (  # the longer ones first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def decoded(file: DataFile, *, by_line: bool = False) -> Iterator[str]:
    """Yield the text in pieces, without a mark at its start that says how it is encoded.

    Args:
        file: Where it is.
        by_line: The caller says which lines are wrong: bytes that are no UTF-8 come as halves of
            characters, as `surrogateescape` has it, and NULs come, too.

    Raises:
        DataError: It is in no such encoding, or holds what no text does.
    """
    with file.open() as stream:
        pieces = file.allowance.pieces(stream, file.where)
        first = next(pieces, b"")
        encoding = next((name for mark, name in _MARKS if first.startswith(mark)), "UTF-8")
        is_tolerant = by_line and encoding == "UTF-8"
        errors = "surrogateescape" if is_tolerant else "strict"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        at = len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0
        num_chars = 0
        for piece in chain([first[at:]], pieces, [b""]):
            pending = decoder.getstate()[0]
            try:
                text = decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as err:
                bad = err.object[err.start : err.end]
                raise DataError(
                    f"{file.where}: expected text in {encoding}, got {bad.hex():.40} "
                    f"at byte {at - len(pending) + err.start:,}"
                ) from err
            if NUL in text and not by_line:
                raise DataError(
                    f"{file.where}: expected text in {encoding}, got a NUL as character "
                    f"{num_chars + text.index(NUL) + 1:,}: UTF-16 begins with a mark that says so"
                )
            yield text
            at, num_chars = at + len(piece), num_chars + len(text)
