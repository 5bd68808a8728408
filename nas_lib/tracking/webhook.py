"""A webhook: JSON that is sent by POST, a few times if it must be, and never for long."""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from threading import Thread
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from nas_lib.errors import NasError, one_line
from nas_lib.redaction import without_secrets
from nas_lib.tracking.addresses import filled, place

WITHIN_S: Final = 30.0
"""All tries together."""

_PAUSES_S = (1.0, 4.0)  # between tries
_TRY_S = 10.0
_AGAIN = (408, 425, 429)  # and 5xx: the same may go well later
_SETTING = "notify.webhook"
_NOT_SENT = (OSError, http.client.HTTPException, ValueError)  # ValueError: no address


def post(address: str, document: Mapping[str, Any], *, within_s: float = WITHIN_S) -> None:
    """Send a document, in a thread of its own: a server that trickles is left alone in the end.

    Redirects are not followed: the document is for the address that its owner wrote.

    Args:
        address: As the setting has it.
        document: What is sent, as JSON.
        within_s: No later than that this returns.

    Raises:
        NasError: Nobody took it, in a sentence without secrets.
    """
    url = filled(address, setting=_SETTING)
    if urlsplit(url).scheme not in ("http", "https"):
        raise NasError(f"{_SETTING}: expected https:// or http://, got something else")
    sending = _Sending(url, json.dumps(document).encode(), time.monotonic() + within_s)
    sending.start()
    sending.join(within_s)
    if sending.is_alive():
        raise NasError(f"{_SETTING}: {place(url)} did not answer within {within_s:.0f} s")
    if sending.failure:
        raise NasError(f"{_SETTING}: {place(url)} did not take it: {sending.failure}")


class _Sending(Thread):
    """Sends; where this has ended, `failure` says why nobody took it."""

    def __init__(self, url: str, body: bytes, until_s: float) -> None:
        super().__init__(daemon=True, name="webhook")
        self.failure = "its sending broke off"
        self._request = _request(url, body)
        self._until_s = until_s

    def run(self) -> None:
        """Try until somebody takes it, or it is of no use."""
        for pause_s in (*_PAUSES_S, None):
            again = self._try()
            if pause_s is None or not again or time.monotonic() + pause_s > self._until_s:
                return
            time.sleep(pause_s)

    def _try(self) -> bool:
        """Send it once; say whether another try may go better."""
        try:
            left_s = max(0.1, self._until_s - time.monotonic())
            with _OPENER.open(self._request, timeout=min(_TRY_S, left_s)):
                self.failure = ""
            return False
        except HTTPError as err:
            err.close()
            self.failure = f"it answers {err.code}"
            return err.code >= 500 or err.code in _AGAIN
        except _NOT_SENT as err:
            self.failure = without_secrets(one_line(getattr(err, "reason", None) or err, 200))
            return not isinstance(err, ValueError)


def _request(url: str, body: bytes) -> urllib.request.Request:
    """Return what is sent; a user and password in the address become a header."""
    headers = {"Content-Type": "application/json", "User-Agent": "kfp-nas"}
    parts = urlsplit(url)
    user, is_there, host = parts.netloc.rpartition("@")
    if is_there:
        headers["Authorization"] = f"Basic {b64encode(unquote(user).encode()).decode()}"
    return urllib.request.Request(parts._replace(netloc=host).geturl(), body, headers)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: the answer is an error of its own."""
        return


_OPENER = urllib.request.build_opener(_NoRedirects)
