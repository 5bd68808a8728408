"""Rows of numbered objects: rounds, versions, leases, attempts. The newest says where one stands.

A listing may be some seconds late: what was created a moment ago is not in it. To ask for a key is
never late. So the newest number is found by asking, and what is listed is only where to begin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAX_DIGITS = 15  # a longer name is none of ours


@dataclass(frozen=True)
class Row:
    """Objects `<folder>/<number><suffix>`, which are created one after the other.

    Attributes:
        folder: Their prefix.
        suffix: What follows the number.
        first: The first number.
        digits: As many at least.
        loses_old: Whether old ones are deleted, so that one that is missing is not the end.
        starts_anew: Whether all may be deleted, and the numbers begin again.
    """

    folder: str
    suffix: str
    first: int
    digits: int
    loses_old: bool = False
    starts_anew: bool = False

    def key(self, number: int) -> str:
        """Return the key of one of them."""
        return f"{self.folder}/{number:0{self.digits}d}{self.suffix}"

    def number(self, key: str) -> int | None:
        """Return the number in a key, None for a key of anything else."""
        name = key.removeprefix(f"{self.folder}/")
        digits = name.removesuffix(self.suffix)
        is_ours = re.fullmatch(r"[0-9]+", digits) and len(digits) <= _MAX_DIGITS
        return int(digits) if is_ours and self.key(int(digits)) == key else None
