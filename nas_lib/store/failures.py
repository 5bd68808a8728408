"""What went wrong in a store, in one sentence that says where and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from obstore.exceptions import BaseError

from nas_lib.errors import (
    NoBucketError,
    ObjectNotFoundError,
    StoreAwayError,
    StoreError,
    one_line,
)
from nas_lib.redaction import redacted
from nas_lib.store.patience import patience_with

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

_REFUSED = "the credentials were refused; check {words.credentials}"
_MAY_NOT = "these credentials may not {action} here; check the rights of {words.credentials}"
_NO_BUCKET = "the {words.bucket} does not exist; make it with `{making}`"
_BUSY = "the server is too busy"
_BROKE_OFF = "the connection broke"
_SILENT = "the server does not answer; NAS_STORE_TIMEOUT_S says how long to wait"
_NO_CREDENTIALS = "no credentials; set {words.credentials}"
_UNREACHED = "cannot reach the server"
_IS_IT_RIGHT = "; is {words.address} right?"  # not asked of a server that has answered
_FAILED = "the server answered 5{status}"
_BROKEN = "the server had an internal error"

# What later may be otherwise, without anything done here.
_KINDS: dict[str, type[StoreError]] = {
    _NO_BUCKET: NoBucketError,
    **dict.fromkeys((_BUSY, _BROKE_OFF, _SILENT), StoreAwayError),
    **dict.fromkeys((_UNREACHED, _FAILED, _BROKEN), StoreAwayError),
}

# The clients tell these apart only in their texts, which quote the server's error code.
_REASONS = (
    (
        "NoSuchBucket|ContainerNotFound|specified container does not exist",
        _NO_BUCKET,
    ),
    (
        # The address is where the clients look last: for a cloud machine's own credentials.
        r"169\.254\.|fail to fetch credentials",
        _NO_CREDENTIALS,
    ),
    (
        "RequestTimeTooSkewed|RequestExpired|difference between the request time"
        "|date header too old|reasonable timeframe",
        "this machine's clock and the server's differ too much; set this machine's",
    ),
    (
        "ExpiredToken|TokenRefreshRequired|AADSTS700024|[Tt]oken (has|is) expired",
        "the credentials have expired; renew {words.credentials}",
    ),
    (
        "SignatureDoesNotMatch|InvalidAccessKeyId|401 Unauthorized|InvalidIdentityToken"
        "|invalid_grant|AADSTS",
        _REFUSED,
    ),
    (r"AccessDenied|403 Forbidden|\(code: 403\)", _MAY_NOT),
    (
        "501 Not Implemented|code: NotImplemented",
        "the server does not implement this; a search needs one that knows create-only writes "
        "(If-None-Match)",
    ),
    ("redirect without LOCATION", "the {words.bucket} is in another region; set AWS_REGION"),
    ("507 Insufficient|StorageFull|QuotaExceeded", "no space left on the server"),
    ("429 Too Many|SlowDown|503 Service|ServerBusy|409 Conflict", _BUSY),
    ("response body error", _BROKE_OFF),
    ("kind: Timeout", _SILENT),
    ("error sending request|Max retries exceeded|timed out", _UNREACHED),
    (r"status code:? 5(?P<status>\d\d[A-Za-z ]*)", _FAILED),
    ("; code: InternalError", _BROKEN),
    (r"status code: (?P<status>(?!404)\d{3}[A-Za-z ]+)", "the server answered {status}"),
)


@contextmanager
def explained(action: Action, key: str, uri: str) -> Iterator[None]:
    """Turn what goes wrong in here into a `StoreError`."""
    try:
        yield
    except StoreError:
        raise
    except (OSError, BaseError) as err:
        raise store_error(err, action, key, uri) from err
    except BaseException as err:
        if type(err).__name__ != "PanicException":  # of obstore's Rust; its class has no module
            raise
        what = RuntimeError(f"the store's client broke down: {redacted(err)}")
        raise store_error(what, action, key, uri) from err


def store_error(err: Exception, action: Action, key: str, uri: str) -> StoreError:
    """Return the error that says what could not be done, where, and why.

    Args:
        err: What the operating system, obstore or minio raised; secrets are taken out of it, too.
        action: What was tried.
        key: On which object or prefix; empty for the whole store.
        uri: The store.
    """
    redacted(err)
    place = f"{key} in {uri}" if key else uri
    kind, reason = _network_reason(str(err), action, uri)
    if reason is None and action in ("read", "delete") and _is_missing(err):
        return ObjectNotFoundError(one_line(f"there is no {place}"))
    reason = reason or getattr(err, "strerror", None) or _first_line(str(err))
    return kind(one_line(f"cannot {action} {place}: {_begun_small(reason)}"))


def _network_reason(text: str, action: Action, uri: str) -> tuple[type[StoreError], str | None]:
    """Return what these words of a server or client mean, where it is a known thing."""
    scheme, _, path = uri.partition("://")
    words = _WORDS.get(scheme)
    if words is None:
        return StoreError, None
    for pattern, reason in _REASONS:
        found = re.search(pattern, text)
        if found:
            kind = _KINDS.get(reason, StoreError)
            if reason is _MAY_NOT and action not in ("write", "delete"):
                reason = _REFUSED  # what cannot even be read is more likely a wrong key
            answered = patience_with(uri).answered
            if reason is _NO_CREDENTIALS and answered:
                kind = StoreAwayError  # there were some: what gives them is away
            if reason is _UNREACHED and not answered:
                reason += _IS_IT_RIGHT
            making = words.making.format(uri=uri, name=path.partition("/")[0])
            said = reason.format(words=words, making=making, action=action, **found.groupdict())
            return kind, said
    return StoreError, None


def _is_missing(err: Exception) -> bool:
    return isinstance(err, FileNotFoundError | IsADirectoryError | NotADirectoryError)


def _first_line(text: str) -> str:
    return re.sub(r"^Generic \w+ error: ", "", text.partition("\n")[0])


def _begun_small(sentence: str) -> str:
    is_acronym = sentence[1:2].isupper()
    return sentence if is_acronym else sentence[:1].lower() + sentence[1:]
