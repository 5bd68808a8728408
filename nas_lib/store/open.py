"""From what a user writes to a store."""

from __future__ import annotations

from urllib.parse import unquote

from nas_lib.errors import ConfigError
from nas_lib.store.clouds import AzureStore, GCSStore, S3Store
from nas_lib.store.folder import FolderStore
from nas_lib.store.objects import ObjectStore
from nas_lib.store.obstores import MemoryStore


def open_store(uri: str) -> ObjectStore:
    """Return the store that a user means.

    It is a folder, `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix` (Google),
    `az://container/prefix` (Azure) or `memory://name`.

    Nothing is created or connected to before the store is used.

    Raises:
        ConfigError: It is none of these, or a setting that says where it is cannot be right.
        StoreError: The credentials in the environment are none.
    """
    scheme, separator, rest = uri.partition("://")
    if uri and not separator:
        return FolderStore(uri)
    if scheme == "file" and rest.startswith("/"):
        return FolderStore(unquote(rest))
    if scheme == "s3":
        return S3Store(uri)
    if scheme == "gs":
        return GCSStore(uri)
    if scheme == "az":
        return AzureStore(uri)
    if scheme == "memory":
        return MemoryStore(rest)
    raise ConfigError(
        "a store is a folder, file:///folder, s3://bucket/prefix, gs://bucket/prefix, "
        f"az://container/prefix or memory://name, got {uri!r}"
    )
