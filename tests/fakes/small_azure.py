"""A small Azure Blob Storage, as obstore speaks to it, and the login of a pod's identity."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from small_server import SmallServer

CONTAINER = "tests"
PAGE = 5000
TENANT = "tenant-1"
CLIENT = "client-1"
POD_TOKEN = "token-that-the-cluster-gave-the-pod"
TOKEN = "token-of-the-identity"
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
PART = re.compile(r"Content-ID: (\d+)\r\n.*?\r\nDELETE (\S+) HTTP/1.1\r\n(.*?)\r\n\r\n", re.S)


class SmallAzure(SmallServer):
    """Has one container, and believes who brings the token that its login gives."""

    def get(self) -> None:
        if self._is_let_in():
            self._list() if "comp=list" in self.path else self._read()

    head = get

    def put(self) -> None:
        data = self.body()
        if not self._is_let_in():
            return
        assert self.headers["x-ms-blob-type"] == "BlockBlob"
        with self.lock:
            if self.headers.get("If-None-Match") == "*" and self._key() in self.objects:
                self.refuse(409, "BlobAlreadyExists")
                return
            self.objects[self._key()] = data
        self.answer(201, headers=_headers(data))

    def post(self) -> None:
        body = self.body().decode()
        if self.path == f"/{TENANT}/oauth2/v2.0/token":
            self._log_in(_query(body))
        elif self._is_let_in():
            self._delete_each(PART.findall(body))

    def _key(self) -> str:
        return _key(self.path)

    def _is_let_in(self) -> bool:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.refuse(401, "InvalidAuthenticationInfo")
        elif urlsplit(self.path).path.split("/")[1] != CONTAINER:
            self.refuse(404, "ContainerNotFound")
        else:
            return True
        return False

    def _log_in(self, form: Mapping[str, str]) -> None:
        if (form["client_id"], form["client_assertion"]) != (CLIENT, POD_TOKEN):
            status, said = 401, {"error": "invalid_client", "error_description": "AADSTS700211"}
        else:
            status, said = 200, {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}
        self.answer(status, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def _read(self) -> None:
        data = self.objects.get(self._key())
        if data is None:
            self.refuse(404, "BlobNotFound")
        else:
            self.answer_object(data, _headers(data))

    def _list(self) -> None:
        query = _query(urlsplit(self.path).query)
        with self.lock:
            keys = [key for key in self.objects if key.startswith(query.get("prefix", ""))]
            found = sorted(key for key in keys if key >= query.get("marker", ""))
            page = {key: self.objects[key] for key in found[:PAGE]}
        marker = escape(found[PAGE]) if len(found) > PAGE else ""
        blobs = "".join(_blob(key, data) for key, data in page.items())
        xml = f"<Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker>"
        self.answer(200, f"<EnumerationResults>{xml}</EnumerationResults>".encode())

    def _delete_each(self, parts: list[tuple[str, str, str]]) -> None:
        """Answer a batch of deletions, which is how obstore sends even one."""
        answers = "".join(
            "--batch\r\nContent-Type: application/http\r\n"
            f"Content-ID: {number}\r\n\r\nHTTP/1.1 {self._delete(path, headers)}\r\n\r\n"
            for number, path, headers in parts
        )
        kind = {"Content-Type": "multipart/mixed; boundary=batch"}
        self.answer(202, f"{answers}--batch--\r\n".encode(), kind)

    def _delete(self, path: str, headers: str) -> str:
        if f"Authorization: Bearer {TOKEN}" not in headers:
            return "403 Server failed to authenticate the request.\r\n"
        if self.objects.pop(_key(path), None) is None:
            return "404 The specified blob does not exist.\r\n"
        return "202 Accepted\r\n"


def _key(path: str) -> str:
    return unquote(urlsplit(path).path).removeprefix("/").partition("/")[2]


def _query(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}


def _headers(data: bytes) -> Mapping[str, str]:
    return {"ETag": f'"0x{sha256(data).hexdigest()}"', "Last-Modified": DATE}


def _blob(key: str, data: bytes) -> str:
    return (
        f"<Blob><Name>{escape(key)}</Name><Properties><Last-Modified>{DATE}</Last-Modified>"
        f"<Etag>{escape(_headers(data)['ETag'])}</Etag><Content-Length>{len(data)}"
        "</Content-Length><Content-Type>application/octet-stream</Content-Type>"
        "</Properties></Blob>"
    )
