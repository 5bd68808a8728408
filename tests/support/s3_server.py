"""A real S3 server for the tests: SeaweedFS, in a process of its own, on this machine only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

START_TIMEOUT_S = 30


@dataclass(frozen=True)
class S3Server:
    """Where it listens, the bucket that it has, and the credentials that it accepts.

    With those of `limited` one may use objects below `limited/` of any bucket, and nothing else.
    """

    endpoint: str
    bucket: str = "tests"
    access_key: str = "nas-tests"
    secret_key: str = "nas-tests-secret"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    @property
    def limited(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "nas-limited",
            "AWS_SECRET_ACCESS_KEY": "nas-limited-secret",
        }


@contextmanager
def running_s3_server(folder: Path) -> Iterator[S3Server]:
    """Start a server that keeps its data in this folder, and stop it afterwards."""
    ports = _free_ports(8)
    server = S3Server(f"http://127.0.0.1:{ports[0]}")
    (folder / "identities.json").write_text(json.dumps(_identities(server)))
    # The shell kills the server when its input ends: when we close it, or when we are killed.
    process = subprocess.Popen(
        ["sh", "-c", '"$@" & read _; kill -9 $!; wait', "sh", *_command(folder, server, ports)],
        stdin=subprocess.PIPE,
        stdout=(folder / "weed.log").open("wb"),
        stderr=subprocess.STDOUT,
        env={**os.environ, **server.environment},
        start_new_session=True,  # Ctrl-C is for pytest, which then stops the server
    )
    try:
        _wait_until_up(server, folder / "weed.log")
        yield server
    finally:
        process.stdin.close()
        process.wait()
        for port in ports:
            for left_behind in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left_behind.unlink()


def _command(folder: Path, server: S3Server, ports: list[int]) -> list[str]:
    listeners = ["s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port"]
    listeners += ["volume.port.grpc", "filer.port", "filer.port.grpc"]
    return [
        str(Path(sys.executable).parent / "weed"),
        f"-logdir={folder}",
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3",
        # By default it takes nothing more where a hundredth of the disk is free, which on a large
        # disk are gigabytes, and has as many volumes as would fit if all of them were full.
        "-volume.minFreeSpace=50MiB",
        "-volume.max=1000",
        "-volume.preStopSeconds=0",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=128",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        f"-s3.config={folder}/identities.json",
        f"-s3.localSocket={folder}/s3.sock",
        f"-filer.localSocket={folder}/filer.sock",
        *(f"-{name}={port}" for name, port in zip(listeners, ports, strict=True)),
    ]


def _identities(server: S3Server) -> dict[str, object]:
    def identity(environment: dict[str, str], *actions: str) -> dict[str, object]:
        key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        credentials = [{"accessKey": key, "secretKey": secret}]
        return {"name": key, "credentials": credentials, "actions": actions}

    limits = [f"{action}:*/limited/*" for action in ("Read", "Write", "List")]
    return {
        "identities": [identity(server.environment, "Admin"), identity(server.limited, *limits)]
    }


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_until_up(server: S3Server, log: Path) -> None:
    client = Minio(
        server.endpoint.removeprefix("http://"),
        access_key=server.access_key,
        secret_key=server.secret_key,
        secure=False,
        region="us-east-1",
        http_client=urllib3.PoolManager(retries=False, timeout=1),
    )
    deadline = time.monotonic() + START_TIMEOUT_S
    while not _makes_bucket(client, server.bucket):
        if time.monotonic() > deadline:
            raise TimeoutError(f"weed did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _makes_bucket(client: Minio, bucket: str) -> bool:
    try:
        if not client.bucket_exists(bucket):
            client.make_bucket(bucket)
        client.put_object(bucket, "probe", BytesIO(b"?"), 1)
        client.remove_object(bucket, "probe")
    except (HTTPError, MinioException):
        return False  # not listening yet, or not ready
    return True
