"""What is served in this process, a model or a report, at a port that was free."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nas_lib.models import open_model
from nas_lib.serving import address_of, application, listening, server_of
from nas_lib.serving.watching import Watched, watching


@contextmanager
def served(place: Path) -> Iterator[str]:
    """Serve the model at a place; yield the server's URL."""
    server = server_of(application(open_model(str(place), threads=1)))
    with listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address_of(listener)  # which already queues who connects
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def watched(uri: str, port: int = 0) -> Iterator[str]:
    """Show a search's report, live; yield the server's URL."""
    with listening("127.0.0.1", port) as listener, Watched(uri, look_s=0.05) as search:
        server = server_of(watching(search, host="lab.example", is_ending=lambda: is_ending()))

        def is_ending() -> bool:
            return server.should_exit

        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address_of(listener)
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()  # though somebody still looks on


def ask(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Get from a URL, or post to it; return status, headers and content."""
    request = urllib.request.Request(url, body, dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as err:
        with err:
            return err.code, err.headers, err.read()


def ask_json(url: str, asked: Any = None, headers: Mapping[str, str] | None = None) -> Any:
    """Likewise, with JSON in and out; return status and content."""
    body = None if asked is None else json.dumps(asked).encode()
    status, _, content = ask(url, body, headers)
    return status, json.loads(content)
