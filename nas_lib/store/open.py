"""From what a user writes to a store."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from nas_lib.errors import ConfigError
from nas_lib.store.clouds import AzureStore, GCSStore, S3Store
from nas_lib.store.folder import FolderStore
from nas_lib.store.network import NetworkStore
from nas_lib.store.objects import ObjectStore, shown
from nas_lib.store.obstores import MemoryStore

_CLOUDS: Final[dict[str, Callable[[str], NetworkStore]]] = {
    "s3": S3Store,
    "gs": GCSStore,
    "az": AzureStore,
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?=/)|(s3|gs|az|file|memory):", re.IGNORECASE)
"""How a URI begins, also one that has lost a slash or two."""


def open_store(uri: str) -> ObjectStore:
    """Return the store that a user means.

    It is a folder, `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix` (Google),
    `az://container/prefix` (Azure) or `memory://name`.

    Nothing is created or connected to before the store is used.

    Raises:
        ConfigError: It is none of these, or a setting that says where it is cannot be right.
        StoreError: The credentials in the environment are none.
    """
    _check_letters(uri)
    if is_in_bucket(uri):
        return open_bucket(uri)
    scheme, separator, rest = uri.partition("://")
    if separator and scheme == "memory" and rest:
        return MemoryStore(rest)
    if separator and scheme == "file" and rest.startswith("/"):
        return _folder(unquote(rest), uri)
    if uri and not separator and not _SCHEME.match(uri):
        return _folder(uri, uri)
    raise ConfigError(
        "a store is a folder, file:///folder, s3://bucket/prefix, gs://bucket/prefix, "
        f"az://container/prefix or memory://name, got {shown(uri)}"
    )


def is_in_bucket(uri: str) -> bool:
    """Say whether this is an address in a cloud's store, such as `s3://bucket/prefix`."""
    scheme, separator, _ = uri.partition("://")
    return bool(separator) and scheme in _CLOUDS


def open_bucket(uri: str) -> NetworkStore:
    """Return the store at such an address; see `open_store`."""
    _check_letters(uri)
    return _CLOUDS[uri.partition("://")[0]](uri)


def _folder(path: str, uri: str) -> FolderStore:
    try:
        store = FolderStore(path)
    except (OSError, RuntimeError) as err:  # no working folder, no such user
        raise ConfigError(f"cannot tell which folder {shown(uri)} is: {err}") from err
    if store.uri.strip("/") == "":
        raise ConfigError(f"a store is a folder below /, not / itself, got {shown(uri)}")
    _check_letters(store.uri)
    return store


def _check_letters(text: str) -> None:
    """Refuse what could not be written into a record or a report."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"a store's name must be text in UTF-8, got {shown(text)}") from None
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ConfigError(f"a store's name may have no control characters, got {shown(text)}")
