"""What a pod's log says, a line each."""

from __future__ import annotations

from nas_lib.errors import one_line
from nas_lib.procedures import Listener
from nas_lib.records import ChildResult


class Log(Listener):
    """Says in the pod's log what becomes of children."""

    def ended(self, result: ChildResult) -> None:
        """Print it."""
        say(f"{result.id}: {result.status}, reward {result.reward:.4f}")

    def failed(self, child: str, message: str) -> None:
        """Print it."""
        say(f"{child} failed: {message}")

    def warned(self, message: str) -> None:
        """Print it."""
        say(message)

    def waiting(self, child: str, message: str) -> None:
        """Print it."""
        say(f"{child} waits: {message}")


def say(line: str) -> None:
    """Print a line, whatever it has in it, at once."""
    print(one_line(line), flush=True)
