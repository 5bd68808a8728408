"""A store below a prefix of an S3 bucket: Amazon's, MinIO or another that speaks S3.

Where the server is and who we are comes from the environment variables that all S3 tools share:
AWS_ENDPOINT_URL (or AWS_ENDPOINT_URL_S3), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN and AWS_REGION. A request that brings no answer for NAS_S3_TIMEOUT_S seconds (8)
is given up and tried again; large weights over a slow line may need more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, wraps
from typing import ParamSpec, TypeVar

import obstore
from obstore.store import S3Store as S3Client

from nas_lib.errors import ConfigError, StoreError
from nas_lib.store.failures import explained
from nas_lib.store.objects import check_key
from nas_lib.store.obstores import ObstoreStore

_TIMEOUT_S = 8.0
_GIVE_UP_AFTER_S = 10.0  # within one call of obstore, no retry begins later than this
_TRIES = 5
_BROKE_OFF = "response body error"  # in the texts of obstore's errors
_SILENCE = "kind: Timeout"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class S3Location:
    """A place in S3, and the server that has it.

    Attributes:
        bucket: The bucket's name.
        prefix: What all keys begin with; empty for the whole bucket.
        endpoint: The server's URL.
        region: The bucket's region; most other servers do not care.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str

    @classmethod
    def parse(cls, uri: str) -> S3Location:
        """Return what `s3://bucket/prefix` means in this environment.

        Raises:
            ConfigError: It is no such URI, or the endpoint is no URL.
        """
        bucket, _, prefix = uri.removeprefix("s3://").rstrip("/").partition("/")
        try:
            check_key(f"{bucket}/{prefix}" if prefix else bucket)
        except ValueError as err:
            raise ConfigError(f"expected s3://bucket/prefix, got {uri!r}") from err
        region = _first_set("AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1"
        return cls(bucket, prefix, _endpoint(region), region)

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


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


class S3Store(ObstoreStore):
    """Objects below a prefix of a bucket; the bucket must exist."""

    concurrency = 32

    def __init__(self, uri: str) -> None:
        self._location = S3Location.parse(uri)
        super().__init__(self._location.uri)
        self._connection = _connect(self._location)

    get = _persistent(_BROKE_OFF)(ObstoreStore.get)
    _list = _persistent(_BROKE_OFF)(ObstoreStore._list)
    delete = _persistent(_SILENCE)(ObstoreStore.delete)

    @_persistent(_SILENCE)
    def create(self, key: str, data: bytes) -> bool:
        """Store the object if there is none; return whether it did.

        A server may also say that there is one while another writer is just trying.
        """
        for _ in range(_TRIES):
            if super().create(key, data):
                return True
            if self._is_there(key):
                return False
        raise StoreError(f"cannot write {key} in {self.uri}: it is there, and it is not")

    def _is_there(self, key: str) -> bool:
        with explained("read", key, self.uri):
            try:
                obstore.head(self._client, key)
            except FileNotFoundError:
                return False
            return True

    def get_many(self, keys: Sequence[str]) -> Sequence[bytes]:
        """Return several objects, in the order of the keys, fetched at the same time."""
        with ThreadPoolExecutor(self.concurrency) as threads:
            return list(threads.map(self.get, keys))

    @property
    def _client(self) -> S3Client:
        if _first_user() != os.getpid():
            raise StoreError(
                f"cannot use {self.uri} in a process forked from one that used S3 already: "
                "start it by spawn or forkserver"
            )
        return self._connection


def _connect(location: S3Location) -> S3Client:
    """Return a client that retries what may pass: broken connections, a server's own errors.

    Between a search and its store, this and `_persistent` are all that retries.
    """
    timeout_s = _timeout_s()
    return S3Client(
        location.bucket,
        prefix=location.prefix or None,
        endpoint=location.endpoint,
        region=location.region,
        disable_bulk_delete=True,  # needs a request that not every S3 server knows
        client_options={
            "allow_http": location.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=3),
            "read_timeout": timedelta(seconds=timeout_s),
            "timeout": timedelta(seconds=max(120.0, timeout_s)),  # of a whole request
        },
        retry_config={
            "max_retries": 100,  # the time decides
            "retry_timeout": timedelta(seconds=max(_GIVE_UP_AFTER_S, 1.25 * timeout_s)),
            "backoff": {"max_backoff": timedelta(seconds=2)},
        },
    )


def _endpoint(region: str) -> str:
    url = _first_set("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    url = url or f"https://s3.{region}.amazonaws.com"
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"AWS_ENDPOINT_URL must begin with http:// or https://, got {url!r}")
    return url.rstrip("/")


def _timeout_s() -> float:
    text = os.environ.get("NAS_S3_TIMEOUT_S") or str(_TIMEOUT_S)
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = 0.0
    if timeout_s <= 0:
        raise ConfigError(f"NAS_S3_TIMEOUT_S must be a number of seconds above 0, got {text!r}")
    return timeout_s


def _first_set(*variables: str) -> str:
    return next(filter(None, map(os.environ.get, variables)), "")


@cache
def _first_user() -> int:
    """Return the process in which obstore started its threads, which a fork does not copy.

    Whoever uses S3 in the fork would wait for them for ever.
    """
    return os.getpid()
