"""What went wrong in a store, in one sentence that says where and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from obstore.exceptions import BaseError

from nas_lib.errors import ObjectNotFoundError, StoreError

Action = Literal["read", "write", "delete", "list", "set up"]

# The S3 clients tell these apart only in their texts, which quote the server's error code.
_REASONS = (
    ("NoSuchBucket", "the bucket does not exist; make it with `nas store init {uri}`"),
    (
        # The address is where the clients look last: for a cloud machine's own credentials.
        r"169\.254\.|fail to fetch credentials",
        "no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    (
        "AccessDenied|SignatureDoesNotMatch|InvalidAccessKeyId|403 Forbidden|401 Unauthorized",
        "the credentials were refused; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    ("response body error", "the connection broke"),
    ("kind: Timeout", "the server does not answer; NAS_S3_TIMEOUT_S says how long to wait"),
    (
        "error sending request|Max retries exceeded|timed out",
        "cannot reach the server; is AWS_ENDPOINT_URL right?",
    ),
)


@contextmanager
def explained(action: Action, key: str, uri: str) -> Iterator[None]:
    """Turn what goes wrong in here into a `StoreError`."""
    try:
        yield
    except (OSError, BaseError) as err:
        raise store_error(err, action, key, uri) from err


def store_error(err: Exception, action: Action, key: str, uri: str) -> StoreError:
    """Return the error that says what could not be done, where, and why.

    Args:
        err: What the operating system, obstore or minio raised.
        action: What was tried.
        key: On which object or prefix; empty for the whole store.
        uri: The store.
    """
    place = f"{key} in {uri}" if key else uri
    for pattern, reason in _REASONS:
        if re.search(pattern, str(err)):
            return StoreError(f"cannot {action} {place}: {reason.format(uri=uri)}")
    missing = FileNotFoundError | IsADirectoryError | NotADirectoryError
    if action == "read" and isinstance(err, missing):
        return ObjectNotFoundError(f"there is no {place}")
    reason = getattr(err, "strerror", None) or str(err).partition("\n")[0]
    return StoreError(f"cannot {action} {place}: {reason[:1].lower()}{reason[1:]}")
