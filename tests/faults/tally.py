"""What was done to searches, and what they came to."""

from __future__ import annotations

import time
from collections import Counter

from accounts import Account


class Tally:
    """Counts over many tests.

    Attributes:
        store_faults: Calls to a store that went wrong, by kind.
        kills: Processes killed, by what they were.
        documents: Documents and overrides that were read, by form and by what became of them.
    """

    def __init__(self) -> None:
        self.store_faults: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self.documents: Counter[str] = Counter()
        self._searches: Counter[str] = Counter()
        self._started_s = time.monotonic()

    def add(self, account: Account) -> None:
        """Count a search whose books balance."""
        self._searches.update(searches=1, **vars(account))

    def as_dict(self) -> dict[str, object]:
        """Return all counts; `losses` is always 0, because a test that finds one fails."""
        return {
            "store faults": self.store_faults.total(),
            "store faults by kind": dict(self.store_faults.most_common()),
            "kills": self.kills.total(),
            "kills by kind": dict(self.kills.most_common()),
            "documents": self.documents.total(),
            "documents by kind": dict(self.documents.most_common()),
            **self._searches,
            "losses": 0,
            "seconds": round(time.monotonic() - self._started_s),
        }
