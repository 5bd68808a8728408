"""What went wrong in a store, in one sentence that says where and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from obstore.exceptions import BaseError

from nas_lib.errors import ObjectNotFoundError, StoreError

Action = Literal["use", "read", "write", "delete", "list", "set up"]


class _Words(NamedTuple):
    """How one kind of store calls what may be wrong."""

    bucket: str
    making: str  # the command that makes a bucket
    credentials: str
    address: str  # the setting


_WORDS = {
    "s3": _Words(
        bucket="bucket",
        making="nas store init {uri}",
        credentials="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        address="AWS_ENDPOINT_URL",
    ),
    "gs": _Words(
        bucket="bucket",
        making="gcloud storage buckets create gs://{name} --uniform-bucket-level-access",
        credentials="the pod's service account or GOOGLE_APPLICATION_CREDENTIALS",
        address="GOOGLE_BASE_URL",
    ),
    "az": _Words(
        bucket="container",
        making="az storage container create --name {name} --auth-mode login "
        "--account-name $AZURE_STORAGE_ACCOUNT_NAME",
        credentials="the pod's identity or AZURE_STORAGE_ACCOUNT_KEY",
        address="AZURE_STORAGE_ACCOUNT_NAME",
    ),
}

# The clients tell these apart only in their texts, which quote the server's error code.
_REASONS = (
    (
        "NoSuchBucket|ContainerNotFound|specified container does not exist",
        "the {words.bucket} does not exist; make it with `{making}`",
    ),
    (
        # The address is where the clients look last: for a cloud machine's own credentials.
        r"169\.254\.|fail to fetch credentials",
        "no credentials; set {words.credentials}",
    ),
    (
        "AccessDenied|SignatureDoesNotMatch|InvalidAccessKeyId|403 Forbidden|401 Unauthorized"
        r"|InvalidIdentityToken|ExpiredToken|invalid_grant|AADSTS|\(code: 403\)",
        "the credentials were refused; check {words.credentials}",
    ),
    ("response body error", "the connection broke"),
    ("kind: Timeout", "the server does not answer; NAS_STORE_TIMEOUT_S says how long to wait"),
    (
        "error sending request|Max retries exceeded|timed out",
        "cannot reach the server; is {words.address} right?",
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
    reason = _network_reason(str(err), uri)
    if reason is None and action in ("read", "delete") and _is_missing(err):
        return ObjectNotFoundError(f"there is no {place}")
    reason = reason or getattr(err, "strerror", None) or _first_line(str(err))
    return StoreError(f"cannot {action} {place}: {_begun_small(reason)}")


def _network_reason(text: str, uri: str) -> str | None:
    """Return what these words of a server or client mean, where it is a known thing."""
    scheme, _, path = uri.partition("://")
    words = _WORDS.get(scheme)
    if words is None:
        return None
    for pattern, reason in _REASONS:
        if re.search(pattern, text):
            making = words.making.format(uri=uri, name=path.partition("/")[0])
            return reason.format(words=words, making=making)
    return None


def _is_missing(err: Exception) -> bool:
    return isinstance(err, FileNotFoundError | IsADirectoryError | NotADirectoryError)


def _first_line(text: str) -> str:
    return re.sub(r"^Generic \w+ error: ", "", text.partition("\n")[0])


def _begun_small(sentence: str) -> str:
    is_acronym = sentence[1:2].isupper()
    return sentence if is_acronym else sentence[:1].lower() + sentence[1:]
