"""A server for one model, in this process, until somebody stops it."""

from __future__ import annotations

import socket
from typing import Final

import uvicorn
from starlette.applications import Starlette

from nas_lib.errors import ConfigError, one_line

_PATIENCE_S: Final = 5
"""How long a request that is being answered may take once the server is stopped."""


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: A name or an address of this machine.
        port: 0 is any that is free.

    Raises:
        ConfigError: It cannot.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family)
    except OSError as err:
        raise ConfigError(
            f"cannot listen at port {port} of {one_line(host)} ({one_line(err.strerror)}): name "
            "others by --host and --port; port 0 is any that is free"
        ) from err
    # Inherited by connections. An answer is two packets, of which the second would wait 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the URL at which a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: Starlette) -> uvicorn.Server:
    """Return a server for an application: `run(sockets=[...])` serves it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_PATIENCE_S,
        )
    )
