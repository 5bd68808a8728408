"""Just enough of an S3 server to be a bad one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread


class SmallS3(BaseHTTPRequestHandler):
    """Has every bucket, believes every signature, and knows no lifecycle rules."""

    protocol_version = "HTTP/1.1"
    heeds_conditions = True
    objects: dict[str, bytes]
    lock: Lock

    def do_HEAD(self) -> None:
        self._answer(200)

    def do_GET(self) -> None:
        if "lifecycle" in self.path:
            self._refuse(404, "NoSuchLifecycleConfiguration")
        elif self.path in self.objects:
            self._answer(200, self.objects[self.path])
        else:
            self._refuse(404, "NoSuchKey")

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if "lifecycle" in self.path:
            self._refuse(501, "NotImplemented")
            return
        conditional = self.heeds_conditions and "If-None-Match" in self.headers
        with self.lock:
            exists = conditional and self.path in self.objects
            if not exists:
                self.objects[self.path] = data
        if exists:
            self._refuse(412, "PreconditionFailed")
        else:
            self._answer(200)

    def do_DELETE(self) -> None:
        self.objects.pop(self.path, None)
        self._answer(204)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT")
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running_small_s3(*, heeds_conditions: bool) -> Iterator[str]:
    """Run the server and yield its URL."""
    state = {"objects": {}, "lock": Lock(), "heeds_conditions": heeds_conditions}
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (SmallS3,), state)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
