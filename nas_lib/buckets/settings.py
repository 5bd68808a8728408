"""Settings of data that lie in buckets, as settings of this machine's copies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Final, Generic, TypeVar

from nas_lib.buckets.fetched import Fetched, fetched
from nas_lib.data import Prepared
from nas_lib.part import Part
from nas_lib.store.open import is_in_bucket

P = TypeVar("P", bound=Part)

_PLACES: Final = ("path", "root")
"""Settings that say where data lie; which of them there are, depends on the format."""


@dataclass(frozen=True)
class Local(Generic[P]):
    """Data of which nothing lies in a bucket any more.

    Attributes:
        data: The settings.
        copies: Of what was fetched.
    """

    data: P
    copies: tuple[Fetched, ...]

    def told(self, text: str) -> str:
        """Return a text with addresses in buckets in place of the copies' paths."""
        return reduce(lambda said, copy: copy.told(said), self.copies, text)

    def named(self, prepared: Prepared) -> Prepared:
        """Return what was prepared from copies, named after buckets."""
        return reduce(lambda named, copy: copy.named(named), self.copies, prepared)


@contextmanager
def fetched_data(data: P) -> Iterator[Local[P]]:
    """Fetch what of these data lies in buckets, and let it be read; see `fetched`."""
    places = {name: getattr(data, name, None) for name in _PLACES}
    there = {name: uri.rstrip("/") for name, uri in places.items() if uri and is_in_bucket(uri)}
    with ExitStack() as stack:  # in one order, so that no two processes wait for one another
        copies = {uri: stack.enter_context(fetched(uri)) for uri in sorted({*there.values()})}
        paths = {name: str(copies[uri].path) for name, uri in there.items()}
        yield Local(data.model_copy(update=paths), tuple(copies.values()))
