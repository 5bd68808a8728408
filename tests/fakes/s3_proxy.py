"""A proxy before a real S3 server that does to requests what networks and servers do.

It speaks HTTP and forwards what it gets unchanged, so signatures hold; by a seeded plan it drops,
delays, refuses and cuts off. Which faults there are: `FAULTS`.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from nas_lib.store.objects import ObjectStore

FAULTS = (
    "500 internal error",
    "503 slow down",
    "412 that is not true",  # of a conditional PUT that was not carried out
    "dropped before it was done",
    "dropped after it was done",  # the answer is lost: the client must ask again
    "delayed",
    "hanging",
    "answer cut off",
)
_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding")


class FaultyProxy:
    """What is to go wrong, and what did.

    Attributes:
        url: Where it listens.
        counts: Faults by kind.
        rate: The share of requests that meet with one.
        is_away: Whether nobody answers, as while a server is started again.
    """

    def __init__(self, upstream: str, *, seed: int, hang_s: float) -> None:
        self.url = ""
        self.counts: Counter[str] = Counter()
        self.rate = 0.0
        self.is_away = False
        self.hang_s = hang_s
        self.upstream = urlsplit(upstream).netloc
        self._random = random.Random(seed)
        self._armed: str | None = None
        self._lock = threading.Lock()

    def arm(self, fault: str) -> None:
        """Let the next request meet with this fault, if it can."""
        self._armed = fault

    def fault(self, method: str, *, is_conditional: bool) -> str | None:
        """Decide what becomes of a request."""
        with self._lock:
            possible = [each for each in FAULTS if _fits(each, method, is_conditional)]
            if self._armed in possible:
                fault, self._armed = self._armed, None
            elif self._random.random() < self.rate:
                fault = self._random.choice(possible)
            else:
                return None
            self.counts[fault] += 1
            return fault


def _fits(fault: str, method: str, is_conditional: bool) -> bool:
    if fault == "412 that is not true":
        return is_conditional
    return fault != "answer cut off" or method == "GET"


@contextmanager
def faulty_proxy(upstream: str, *, seed: int, hang_s: float) -> Iterator[FaultyProxy]:
    """Run a proxy before this server, at first without a fault."""
    proxy = FaultyProxy(upstream, seed=seed, hang_s=hang_s)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.proxy.is_away:
            self.close_connection = True
            return
        is_conditional = "if-none-match" in self.headers
        fault = self.proxy.fault(self.command, is_conditional=is_conditional)
        if fault == "500 internal error":
            self._refuse(500, "InternalError")
        elif fault == "503 slow down":
            self._refuse(503, "SlowDown")
        elif fault == "412 that is not true":
            self._refuse(412, "PreconditionFailed")
        elif fault == "dropped before it was done":
            self.close_connection = True
        elif fault == "hanging":
            time.sleep(self.proxy.hang_s)
            self.close_connection = True
        else:
            if fault == "delayed":
                time.sleep(0.1)
            self._forward(body, fault)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

    def _forward(self, body: bytes, fault: str | None) -> None:
        upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=30)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        if fault == "dropped after it was done":
            self.close_connection = True
            return
        self.send_response_only(answer.status, answer.reason)
        length = answer.headers.get("content-length") if self.command == "HEAD" else len(data)
        for name, value in answer.headers.items():
            if name.lower() not in (*_HOP_BY_HOP, "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(length or 0))
        self.end_headers()
        if fault == "answer cut off":
            data = data[: len(data) // 2]
            self.close_connection = True
        self.wfile.write(data)

    def _refuse(self, status: int, code: str) -> None:
        data = f"<Error><Code>{code}</Code><Message>by the proxy</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def use_in_every_way(store: ObjectStore, proxy: FaultyProxy, fault: str) -> None:
    """Make every call to an empty store, each first met by this fault: all come through."""
    proxy.arm(fault)
    is_mine = store.create("new", b"content")
    assert is_mine or fault == "dropped after it was done"  # the second try met with the first
    proxy.arm(fault)
    assert store.get("new") == b"content"
    proxy.arm(fault)
    store.replace("new", b"other content")
    assert store.get("new") == b"other content"
    proxy.arm(fault)
    assert list(store.keys("")) == ["new"]
    proxy.arm(fault)
    store.delete("new")
    assert list(store.keys("")) == []
