"""Architectures as the published code of ENAS writes them: numbers with blanks between."""

from __future__ import annotations

from nas_lib.errors import ArchitectureError


def published_tokens(text: str) -> tuple[int, ...]:
    """Return the numbers.

    Raises:
        ArchitectureError: Something else stands among them.
    """
    words = text.split()
    for word in words:
        if not word.isdecimal():
            raise ArchitectureError(
                f"a published architecture is numbers with blanks between, got {word!r}"
            )
    return tuple(map(int, words))
