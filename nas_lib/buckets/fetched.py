"""What lies in a bucket, as files of this machine for as long as they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nas_lib.buckets.copy import Copy
from nas_lib.buckets.listing import listed
from nas_lib.buckets.lock import held
from nas_lib.data import Prepared
from nas_lib.errors import ConfigError, DataError, StoreError, one_line


@dataclass(frozen=True)
class Fetched:
    """A copy on this machine.

    Attributes:
        uri: Where it is from.
        path: Where it is: a folder, or the one file.
    """

    uri: str
    path: Path

    def told(self, text: str) -> str:
        """Return a text with the bucket's address in place of the copy's path."""
        return text.replace(one_line(self.path), one_line(self.uri))

    def named(self, prepared: Prepared) -> Prepared:
        """Return what was prepared from the copy, named after the bucket."""
        manifest = dataclasses.replace(
            prepared.manifest,
            source=self.told(prepared.manifest.source),
            notices=tuple(map(self.told, prepared.manifest.notices)),
        )
        return dataclasses.replace(prepared, manifest=manifest)


@contextmanager
def fetched(uri: str) -> Iterator[Fetched]:
    """Fetch what lies at an address in a bucket, and let it be read; it stays for the next time.

    Nobody else changes the copy meanwhile. Errors in here name the bucket.

    Raises:
        ConfigError: It is no such address, or there is no place for a cache.
        DataError: Nothing lies there, or what can be no files.
        StoreError: The bucket cannot be read, or the disk has too little room.
    """
    listing = listed(uri)
    copy = Copy(listing)
    with held(copy.root, listing.uri):
        copy.bring_up_to_date()
        one = copy.files / listing.objects[0].key
        here = Fetched(listing.uri, one if listing.is_one else copy.files)
        try:
            yield here
        except (ConfigError, DataError, StoreError) as err:
            err.args = (here.told(str(err)), *err.args[1:])
            raise
