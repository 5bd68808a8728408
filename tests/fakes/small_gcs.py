"""A small Google Cloud Storage: its XML API as obstore speaks it, and a pod's metadata server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from small_server import SmallServer

BUCKET = "tests"
PAGE = 1000
TOKEN = "token-of-the-service-account"
TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
SECONDS = "2026-01-01T00:00:00.000Z"


class SmallGCS(SmallServer):
    """Has one bucket, and believes who brings the token that its metadata server gives."""

    def get(self) -> None:
        if urlsplit(self.path).path == TOKEN_PATH:
            self._give_token()
        elif self._is_let_in():
            self._list() if not self._key() else self._read()

    head = get

    def put(self) -> None:
        data = self.body()
        if not self._is_let_in():
            return
        must_be_new = self.headers.get("x-goog-if-generation-match") == "0"
        with self.lock:
            if must_be_new and self._key() in self.objects:
                self.refuse(412, "PreconditionFailed")
                return
            self.objects[self._key()] = data
        self.answer(200, headers=_headers(data))

    def delete(self) -> None:
        if not self._is_let_in():
            return
        if self.objects.pop(self._key(), None) is None:
            self.refuse(404, "NoSuchKey")
        else:
            self.answer(204)

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix("/").partition("/")[2]

    def _is_let_in(self) -> bool:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.refuse(401, "AuthenticationRequired")
        elif urlsplit(self.path).path.split("/")[1] != BUCKET:
            self.refuse(404, "NoSuchBucket")
        else:
            return True
        return False

    def _give_token(self) -> None:
        assert self.headers["Metadata-Flavor"] == "Google"
        token = {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}
        self.answer(200, json.dumps(token).encode(), {"Content-Type": "application/json"})

    def _read(self) -> None:
        data = self.objects.get(self._key())
        if data is None:
            self.refuse(404, "NoSuchKey")
        else:
            self.answer_object(data, _headers(data))

    def _list(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        assert query["list-type"] == "2"
        after = query.get("continuation-token") or query.get("start-after") or ""
        with self.lock:
            keys = [key for key in self.objects if key.startswith(query.get("prefix", ""))]
            found = sorted(key for key in keys if key > after)
            page = {key: self.objects[key] for key in found[:PAGE]}
        more = ""
        if len(found) > PAGE:
            more = f"<NextContinuationToken>{escape(found[PAGE - 1])}</NextContinuationToken>"
        entries = "".join(_entry(key, data) for key, data in page.items())
        xml = f"{entries}{more}"
        self.answer(200, f"<ListBucketResult>{xml}</ListBucketResult>".encode())


def _entry(key: str, data: bytes) -> str:
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{SECONDS}</LastModified>"
        f"<ETag>{escape(_headers(data)['ETag'])}</ETag><Size>{len(data)}</Size></Contents>"
    )


def _headers(data: bytes) -> Mapping[str, str]:
    etag = f'"{sha256(data).hexdigest()}"'
    return {"ETag": etag, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
