"""Servers that say too much: what they are asked comes back in their errors, headers and all."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

from small_gcs import TOKEN_PATH, SmallGCS
from small_server import SmallServer

CANARY = "CANARY"  # is in every secret of these tests
PEM = f"-----BEGIN PRIVATE KEY-----\n{CANARY}0123456789abcdef\n-----END PRIVATE KEY-----\n"


def echo(server: SmallServer, secrets: Sequence[str]) -> bytes:
    """Return a request's line and headers, and secrets in the shapes that they come in."""
    lines = [f"{server.requestline} http://{server.headers['Host']}{server.path}"]
    lines += [f"{name}: {value}" for name, value in server.headers.items()]
    lines += [json.dumps(dict(server.headers)), f"{dict(server.headers)}", PEM, json.dumps(PEM)]
    for secret in secrets:
        lines += [secret, quote(secret, safe=""), b64encode(secret.encode()).decode()]
        lines += [f"http://{secret}:{secret}@host/path?X-Amz-Signature={secret}&sig={secret}"]
        lines += [f"<SignatureProvided>{secret}</SignatureProvided>", json.dumps(secret)]
    return "\r\n".join(lines).encode()


class EchoingServer(SmallServer):
    """Refuses everything with what it was asked."""

    status = 400
    secrets: Sequence[str] = ()

    def get(self) -> None:
        self.body()
        headers = {"Set-Cookie": f"session={CANARY}", "Content-Type": "text/plain"}
        said = echo(self, self.secrets)
        # the first line is what is shown of an error that nobody knows
        self.answer(self.status, said.replace(b"\r\n", b" ") + b"\r\n" + said, headers)

    put = post = head = delete = get


class EchoingS3(EchoingServer):
    """Has every bucket, and says what it was asked where S3 says why."""

    def get(self) -> None:
        self.body()
        said = escape(echo(self, self.secrets).decode())
        xml = f"<Error><Code>Odd</Code><Message>{said}</Message><Resource>{said}</Resource></Error>"
        self.answer(self.status, xml.encode())

    def head(self) -> None:
        self.answer(200)

    put = post = get


class EchoingGCS(SmallGCS):
    """Does the same to what is done below some folders of a bucket, and to a login."""

    status = 400
    secrets: Sequence[str] = ()
    refused: Sequence[str] = ()

    def handle_any(self) -> None:
        if any(part in self.path for part in self.refused) and TOKEN_PATH not in self.path:
            EchoingServer.get(self)  # type: ignore[arg-type]
        else:
            super().handle_any()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815
