"""What a cluster's API answers in place of what was asked, as one sentence each."""

from __future__ import annotations

import json
import re

from kfp_server_api import ApiException
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from nas_lib.errors import ClusterError, one_line

_GATEWAY_FAILED = (502, 503, 504)
_UNREACHED = "is this the address, and is the port-forward (or the VPN) up?"


class LostAnswerError(ClusterError):
    """Whether the request was carried out is not known."""


class ConflictError(ClusterError):
    """It exists already."""


class MissingError(ClusterError):
    """It does not exist."""


def api_error(host: str, what: str, error: ApiException | HTTPError | ValueError) -> ClusterError:
    """Return what became of a request, in one sentence.

    Args:
        host: Who was asked.
        what: For what: "list the runs".
        error: What came.
    """
    failed = f"cannot {what} at {host}: "
    if isinstance(error, ApiException):
        return _answered(failed, error)
    if isinstance(error, HTTPError):
        return _unanswered(failed, error)
    return ClusterError(f"{failed}the answer is none of Kubeflow Pipelines' 2.17 ({error})")


def not_json(host: str, what: str, body: str) -> ClusterError:
    """Return what to say of an answer that is no JSON, whatever its status."""
    return ClusterError(
        f"cannot {what} at {host}: expected JSON, got {_page(body)}: a login page, or another "
        "server; pass --token, or the address of Kubeflow Pipelines itself"
    )


def _answered(failed: str, error: ApiException) -> ClusterError:
    said = _said(error.body or "") or error.reason
    match error.status:
        case 401:
            return ClusterError(f"{failed}it does not know who asks (401); pass a valid --token")
        case 403:
            return ClusterError(
                f"{failed}this identity may not (403: {said}); pass another --token or --namespace"
            )
        case 404:
            return MissingError(f"{failed}there is none (404: {said})")
        case 409:
            return ConflictError(f"{failed}it exists already (409: {said})")
        case status if 300 <= status < 400:
            return ClusterError(
                f"{failed}it sends us elsewhere ({status}), as for a login; pass --token, or the "
                "address that it leads to"
            )
        case status if status in _GATEWAY_FAILED:
            return LostAnswerError(f"{failed}it is not available ({status}: {said})")
        case status:
            return ClusterError(f"{failed}it answers {status}: {said}")


def _unanswered(failed: str, error: HTTPError) -> ClusterError:
    reason = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(reason, SSLError):
        return ClusterError(
            f"{failed}its certificate is not trusted; name the authority's file in SSL_CERT_FILE "
            f"({_line(reason)})"
        )
    if isinstance(reason, NewConnectionError | ConnectTimeoutError):
        return ClusterError(f"{failed}no connection; {_UNREACHED}")
    if isinstance(reason, ReadTimeoutError):
        return LostAnswerError(f"{failed}no answer in time; it is overloaded, or no such server")
    return LostAnswerError(f"{failed}the connection broke ({_line(reason)})")


def _said(body: str) -> str:
    """Return the message within an error's body: for the user, where there is one of these."""
    try:
        error = json.loads(body)
    except ValueError:
        return _page(body)
    if not isinstance(error, dict):
        return _line(body)
    details = [d.get("message") for d in error.get("details") or () if isinstance(d, dict)]
    messages = [*details, error.get("message"), error.get("error_message"), error.get("error")]
    return _line(next((message for message in messages if message), body))


def _page(body: str) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title>", body, re.DOTALL | re.IGNORECASE)
    if title:
        return f"the web page {_line(title[1])!r}"
    return "a web page" if "<html" in body.lower() else _line(body) or "nothing"


def _line(text: object) -> str:
    return one_line(text, max_chars=200)
