"""What the small servers of this folder have in common: objects, and answers over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

NO_HEADERS: Mapping[str, str] = {}


class SmallServer(BaseHTTPRequestHandler):
    """One request; objects and lock are the server's, and so of all its requests.

    Give a subclass methods `get`, `put` and so on, without arguments.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer is one packet
    objects: dict[str, bytes]
    lock: Lock

    def handle_any(self) -> None:
        getattr(self, self.command.lower())()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def refuse(self, status: int, code: str) -> None:
        self.answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def answer_object(self, data: bytes, headers: Mapping[str, str]) -> None:
        """Answer with the object, or with the part that is asked for, to its end where none is."""
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            self.answer(200, data, headers)
            return
        begin, end = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
        part = {"Content-Range": f"bytes {begin}-{end - 1}/{len(data)}"}
        self.answer(206, data[begin:end], {**headers, **part})

    def answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        self.send_response(status)
        known = {"Content-Type": "application/xml", "Content-Length": str(len(body))}
        for name, value in {**known, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def running(handler: type[SmallServer], **state: Any) -> Iterator[str]:
    """Run the server with state of its own, and yield its URL."""
    state = {"objects": {}, "lock": Lock(), **state}
    with _Server(("127.0.0.1", 0), type("Handler", (handler,), state)) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
