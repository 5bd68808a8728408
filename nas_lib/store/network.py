"""What stores behind a network have in common: patience, and many requests at a time.

A request that brings no answer for NAS_STORE_TIMEOUT_S seconds (8) is given up and tried again;
large weights over a slow line may need more. A store that is away for longer is another matter:
`patience`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cache, partial, wraps
from itertools import islice
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import obstore

from nas_lib.errors import ConfigError, ObjectNotFoundError, StoreAwayError, StoreError
from nas_lib.store.environment import check_secrets, patience_s, timeout_s
from nas_lib.store.failures import explained
from nas_lib.store.objects import ObjectInfo, check_key, shown
from nas_lib.store.obstores import ObstoreStore, info_of
from nas_lib.store.patience import at_once, is_being_stopped, patience_with

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig
    from obstore.store import ObjectStore as Client

_GIVE_UP_AFTER_S = 10.0  # within one call of obstore, no retry begins later than this
_TRIES = 5
_BROKE_OFF = "response body error"  # in the texts of obstore's errors
_SILENCE = "kind: Timeout"

N = TypeVar("N", bound=ObstoreStore)
P = ParamSpec("P")
T = TypeVar("T")


def bucket_and_prefix(uri: str) -> tuple[str, str]:
    """Return what `scheme://bucket/prefix` names; the prefix may be left out.

    Raises:
        ConfigError: A part is missing, or could leave the bucket.
    """
    scheme, _, path = uri.partition("://")
    bucket, _, prefix = path.rstrip("/").partition("/")
    if bucket and not re.fullmatch(r"[A-Za-z0-9._$-]+", bucket):
        raise ConfigError(  # the whole URI: within it, keys before the bucket are seen to be such
            f"a bucket's name is of letters, digits, dots and dashes, got {shown(uri)}"
        )
    try:
        check_key(f"{bucket}/{prefix}" if prefix else bucket)
    except ValueError as err:
        raise ConfigError(f"expected {scheme}://bucket/prefix, got {shown(uri)}") from err
    return bucket, prefix


def client_options(endpoint: str) -> ClientConfig:
    """Return how long obstore waits, and that it may speak plain HTTP to an `http://` server."""
    patience_s = timeout_s()
    return {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=3),
        "read_timeout": timedelta(seconds=patience_s),
        "timeout": timedelta(seconds=max(120.0, patience_s)),  # of a whole request
    }


def retry_config() -> RetryConfig:
    """Return that obstore repeats what may pass: broken connections, a server's own errors.

    Between a search and its store, this, `_persistent` and `_patient` are all that retries.
    """
    return {
        "max_retries": 100,  # the time decides
        "retry_timeout": timedelta(seconds=max(_GIVE_UP_AFTER_S, 1.25 * timeout_s())),
        "backoff": {"max_backoff": timedelta(seconds=2)},
    }


def _persistent(sign: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return what makes a call try again after errors of obstore that have this in their text.

    Its client repeats by itself all but an answer that breaks off, and what changes something (a
    deletion, a conditional creation) and meets with silence.
    """

    def decorate(call: Callable[P, T]) -> Callable[P, T]:
        @wraps(call)
        def persistent(*args: P.args, **kwargs: P.kwargs) -> T:
            for _ in range(_TRIES - 1):
                try:
                    return call(*args, **kwargs)
                except StoreError as err:
                    if sign not in str(err.__cause__):
                        raise
            return call(*args, **kwargs)

        return persistent

    return decorate


def _patient(
    call: Callable[Concatenate[N, P], T],
) -> Callable[Concatenate[N, P], T]:
    """Return a method of a store that goes on trying while the store is away."""

    @wraps(call)
    def patient(self: N, /, *args: P.args, **kwargs: P.kwargs) -> T:
        patience = patience_with(self.uri)
        if is_being_stopped():
            with patience.at_an_end():
                return call(self, *args, **kwargs)
        while True:
            began_s = time.monotonic()
            try:
                answer = call(self, *args, **kwargs)
            except ObjectNotFoundError:
                patience.note_answer()
                raise
            except StoreAwayError as err:
                if not patience.bears(err, began_s):
                    raise
            else:
                patience.note_answer()
                return answer

    return patient


class NetworkStore(ObstoreStore):
    """Objects below a prefix of a bucket; the bucket must exist."""

    concurrency = 32

    def __init__(self, uri: str, connect: Callable[[], Client]) -> None:
        """Take the store's URI, and what makes its client from the settings around it.

        Raises:
            ConfigError: A key or token cannot be sent.
            StoreError: The settings are none that a client could use.
        """
        super().__init__(uri)
        check_secrets()
        patience_s()  # refused now if it is none, and not when it is needed
        with explained("use", "", uri):
            self._connection = connect()

    get = _patient(_persistent(_BROKE_OFF)(ObstoreStore.get))
    has = _patient(ObstoreStore.has)
    replace = _patient(ObstoreStore.replace)
    delete = _patient(_persistent(_SILENCE)(ObstoreStore.delete))

    @_patient
    @_persistent(_BROKE_OFF)
    def _list(self, prefix: str, *, after: str) -> Iterator[ObjectInfo]:
        return super()._list(prefix, after=after)

    @_patient
    @_persistent(_SILENCE)
    def create(self, key: str, data: bytes) -> bool:
        """Store the object if there is none; return whether it did.

        A server may also say that there is one while another writer is just trying.
        """
        for _ in range(_TRIES):
            if super().create(key, data):
                return True
            if self.has(key):
                return False
        raise StoreError(f"cannot write {key} in {self.uri}: it is there, and it is not")

    def get_many(self, keys: Sequence[str], *, at_most: int | None = None) -> Sequence[bytes]:
        """Return several objects, in the order of the keys, fetched at the same time."""
        return at_once(partial(self.get, at_most=at_most), keys, num=self.concurrency)

    @_patient
    @_persistent(_BROKE_OFF)
    def first(self, num: int) -> list[ObjectInfo]:
        """Return so many of all objects at most, sorted by key; no more of them are listed."""
        with explained("list", "", self.uri):
            pages = obstore.list(self._client, chunk_size=1000)
            metas = islice((meta for page in pages for meta in page), num)
            return sorted(map(info_of, metas), key=lambda info: info.key)

    @_patient
    def find(self, key: str) -> ObjectInfo | None:
        """Return what a listing would say of the object, None where there is none."""
        with explained("read", key, self.uri):
            try:
                return info_of(obstore.head(self._client, check_key(key)))
            except FileNotFoundError:
                return None

    @_patient
    @_persistent(_BROKE_OFF)
    def part(self, key: str, begin: int, end: int) -> tuple[bytes, ObjectInfo]:
        """Return the bytes of an object from one to before another, and what it was just then.

        Raises:
            ObjectNotFoundError: There is no such object.
        """
        with explained("read", key, self.uri):
            found = obstore.get(self._client, check_key(key), options={"range": (begin, end)})
            return bytes(found.bytes()), info_of(found.meta)

    @property
    def _client(self) -> Client:
        if _first_user() != os.getpid():
            raise StoreError(
                f"cannot use {self.uri} in a process forked from one that used such a store "
                "already: start it by spawn or forkserver"
            )
        return self._connection


@cache
def _first_user() -> int:
    """Return the process in which obstore started its threads, which a fork does not copy.

    Whoever uses such a store in the fork would wait for them for ever.
    """
    return os.getpid()
