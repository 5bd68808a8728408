"""From what a user writes to a store."""

from __future__ import annotations

from urllib.parse import unquote

from nas_lib.errors import ConfigError
from nas_lib.store.folder import FolderStore
from nas_lib.store.objects import ObjectStore
from nas_lib.store.obstores import MemoryStore
from nas_lib.store.s3 import S3Store


def open_store(uri: str) -> ObjectStore:
    """Return the store: a folder, `file:///folder`, `s3://bucket/prefix` or `memory://name`.

    Nothing is created or connected to before the store is used.

    Raises:
        ConfigError: It is none of these.
    """
    scheme, separator, rest = uri.partition("://")
    if uri and not separator:
        return FolderStore(uri)
    if scheme == "file" and rest.startswith("/"):
        return FolderStore(unquote(rest))
    if scheme == "s3":
        return S3Store(uri)
    if scheme == "memory":
        return MemoryStore(rest)
    raise ConfigError(
        f"a store is a folder, file:///folder, s3://bucket/prefix or memory://name, got {uri!r}"
    )
