"""What lies in a bucket below a prefix, or the one object there: listed, and its names checked.

A key may be any text. As a file it must stay in its folder, be named by what a disk can hold, and
not be a folder of others at the same time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from nas_lib.data.paths import is_of_a_system
from nas_lib.errors import DataError, NoBucketError, StoreError, one_line
from nas_lib.store.network import NetworkStore
from nas_lib.store.objects import ObjectInfo, check_key
from nas_lib.store.open import open_bucket

_MOST_OBJECTS: Final = 2_000_000
_LONGEST_NAME: Final = 255  # bytes, of a file or folder on any usual disk


@dataclass(frozen=True, eq=False)
class Listing:
    """What lies at an address in a bucket.

    Attributes:
        uri: The address.
        store: Reads the objects.
        objects: Those that are the data's, by key; each is a file of that name.
        is_one: The address is that of one object, and not what all begin with.
    """

    uri: str
    store: NetworkStore
    objects: tuple[ObjectInfo, ...]
    is_one: bool = False

    @property
    def num_bytes(self) -> int:
        """How long all of them are together."""
        return sum(info.size for info in self.objects)

    def hash(self) -> str:
        """Return a hash of names, sizes and versions: by another one, something has changed."""
        digest = hashlib.sha256()
        for info in self.objects:
            digest.update(f"{info.key}\0{info.size}\0{version_of(info)}\0".encode())
        return digest.hexdigest()


def version_of(info: ObjectInfo) -> str:
    """Return what changes whenever an object does: its ETag, or else when it was written."""
    return info.version or str(info.modified_s)


def is_there(uri: str) -> bool:
    """Say whether anything lies at an address in a bucket.

    Raises:
        ConfigError: It is no such address.
        StoreError: It cannot be looked at.
    """
    try:
        return bool(open_bucket(uri).first(1)) or _found(uri) is not None
    except NoBucketError:
        return False


def listed(uri: str) -> Listing:
    """Return what lies at an address in a bucket, but for what systems leave there.

    Raises:
        ConfigError: It is no such address.
        DataError: There is no such bucket; nothing lies there, or too much; a name can be that of
            no file.
        StoreError: It cannot be listed.
    """
    try:
        return _listed(uri if uri.endswith("://") else uri.rstrip("/"))
    except NoBucketError as err:
        raise DataError(f"{one_line(uri)}: there is no such bucket") from err
    except StoreError as err:
        _, is_name, what = str(err).partition("object with invalid path: ")
        if not is_name:  # whose client reads no names that could lead anywhere else
            raise
        raise DataError(f"{one_line(uri)}: a name there can be that of no file: {what}") from err


def _listed(uri: str) -> Listing:
    store = open_bucket(uri)
    found = store.first(_MOST_OBJECTS + 1)
    if len(found) > _MOST_OBJECTS:
        raise DataError(
            f"{one_line(uri)}: expected at most {_MOST_OBJECTS:,} objects below it, got more: give "
            "the prefix that holds the data"
        )
    objects = tuple(_of_the_user(found))
    if objects:
        check_names(uri, objects)
        return Listing(uri, store, objects)
    if one := _found(uri):
        return Listing(uri, one[0], (one[1],), is_one=True)
    raise DataError(f"{one_line(uri)}: expected data, got no object of that name or below it")


def _found(uri: str) -> tuple[NetworkStore, ObjectInfo] | None:
    """Return the object of this very address, and the store that it lies in; None if none."""
    parent, _, name = uri.rstrip("/").rpartition("/")
    if parent.endswith("/"):  # a bucket
        return None
    store = open_bucket(parent)
    info = store.find(name)
    return None if info is None else (store, info)


def _of_the_user(objects: Sequence[ObjectInfo]) -> Iterator[ObjectInfo]:
    """Pass over what systems leave there, and empty objects that stand for a folder of others."""
    folders = {str(folder) for info in objects for folder in PurePosixPath(info.key).parents}
    for info in objects:
        is_mark = info.size == 0 and info.key in folders
        if not is_mark and not any(map(is_of_a_system, _inside(info.key))):
            yield info


def _inside(key: str) -> list[str]:
    """Return the parts of a key, but for what leads out of a folder, which is to be refused."""
    return [part for part in key.split("/") if part not in (".", "..")]


def check_names(uri: str, objects: Sequence[ObjectInfo]) -> None:
    """Refuse keys that no file below a folder can have as its name.

    Raises:
        DataError: There is one; it is named.
    """
    keys = {info.key for info in objects}
    for key in sorted(keys):
        try:
            check_key(key)
        except ValueError as err:
            raise _no_file(uri, key, "leads out of its folder") from err
        if "\0" in key:
            raise _no_file(uri, key, "has a NUL in it")
        if any(len(part.encode()) > _LONGEST_NAME for part in key.split("/")):
            raise _no_file(uri, key, f"has a part of more than {_LONGEST_NAME} bytes")
        above = next((each for each in PurePosixPath(key).parents if str(each) in keys), None)
        if above is not None:
            raise _no_file(uri, str(above), "is an object, and a folder of others, too")


def _no_file(uri: str, key: str, why: str) -> DataError:
    return DataError(f"{one_line(uri)}: {one_line(repr(key), 200)} cannot be a file: it {why}")
