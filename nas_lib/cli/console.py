"""Tables and progress for a terminal, through rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import IO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from nas_lib.errors import visible


class PlainConsole(Console):
    """Texts are shown as they are: without markup, and without anything that steers a terminal."""

    def __init__(self, file: IO[str], *, width: int | None = None) -> None:
        super().__init__(file=file, width=width, markup=False, emoji=False, highlight=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is written; what steers the terminal is ours where rich says so."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(visible(text), style)


def console(*, stderr: bool = False) -> PlainConsole:
    """Return the console on standard output, or on standard error."""
    stream = sys.stderr if stderr else sys.stdout
    return PlainConsole(cast("IO[str]", getattr(stream, "live", stream)))
