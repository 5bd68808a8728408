"""However much a server says, no secret of a store is in an error, nor in what led to it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from canaries import all_of, leaks
from echoing import CANARY, PEM, EchoingS3, EchoingServer
from small_server import running

from nas_lib.errors import NasError
from nas_lib.store import network
from nas_lib.store.objects import ObjectStore
from nas_lib.store.open import open_store
from nas_lib.store.setup import init_store

ENDPOINTS = {
    "s3://bucket/p": "AWS_ENDPOINT_URL",
    "gs://bucket/p": "GOOGLE_BASE_URL",
    "az://container/p": "AZURE_STORAGE_ENDPOINT",
}
SECRETS = {
    "AWS_ACCESS_KEY_ID": f"{CANARY}-ACCESS",
    "AWS_SECRET_ACCESS_KEY": f"{CANARY}/SECRET+1234=",
    "AWS_SESSION_TOKEN": f"{CANARY}+SESSION",
    "GOOGLE_BEARER_TOKEN": f"{CANARY}-GOOGLE",
    "AZURE_STORAGE_ACCOUNT_KEY": b64encode(f"{CANARY} of Azure".encode()).decode(),
    "NAS_KUBEFLOW_TOKEN": f"{CANARY}-KUBEFLOW",
    "password": f"{CANARY}-PASSWORD",
}
CALLS: dict[str, Callable[[ObjectStore], object]] = {
    "get": lambda store: store.get("a/b"),
    "has": lambda store: store.has("a/b"),
    "create": lambda store: store.create("a/b", b"x"),
    "replace": lambda store: store.replace("a/b", b"x"),
    "delete": lambda store: store.delete("a/b"),
    "list": lambda store: store.list("a"),
    "get_many": lambda store: store.get_many(["a", "b"]),
}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mapping[str, str]:
    monkeypatch.setattr(network, "_GIVE_UP_AFTER_S", 0.2)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", "0.1")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return SECRETS


@contextmanager
def echoing(monkeypatch: pytest.MonkeyPatch, status: int) -> Iterator[str]:
    with running(EchoingServer, status=status, secrets=list(SECRETS.values())) as url:
        address = url.replace("://", f"://{CANARY}-user:{SECRETS['password']}@")
        for name in ENDPOINTS.values():
            monkeypatch.setenv(name, address)
        monkeypatch.setenv("GCE_METADATA_HOST", url.removeprefix("http://"))
        yield url


def silent(call: Callable[[], object]) -> str:
    with pytest.raises(NasError) as caught:
        call()
    assert leaks(all_of(caught.value), SECRETS) == []
    return str(caught.value)


@pytest.mark.parametrize("status", [400, 403, 404, 418, 500])
@pytest.mark.parametrize("uri", ENDPOINTS)
def test_no_call_tells_what_the_server_said(
    monkeypatch: pytest.MonkeyPatch, uri: str, status: int
) -> None:
    with echoing(monkeypatch, status):
        store = open_store(uri)
        for name, call in CALLS.items():
            if status == 404 and name in ("has", "delete"):
                continue  # is no error
            silent(lambda call=call: call(store))  # type: ignore[misc]


@pytest.mark.parametrize("uri", ENDPOINTS)
def test_nobody_listening_is_said_without_the_password(
    monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    address = f"http://{CANARY}:{SECRETS['password']}@127.0.0.1:1"
    monkeypatch.setenv(ENDPOINTS[uri], address)
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")
    silent(lambda: open_store(uri).get("a"))


@pytest.mark.parametrize("status", [400, 403, 418])
def test_setting_up_tells_nothing(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with running(EchoingS3, status=status, secrets=list(SECRETS.values())) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)  # minio takes no user and password there
        silent(lambda: init_store("s3://bucket/p"))


@pytest.mark.parametrize(
    ("uri", "settings"),
    [
        ("s3://b", {"AWS_ENDPOINT_URL": f"http://me:{CANARY}@h:x"}),
        ("s3://b", {"AWS_ENDPOINT_URL": f"http://me:{CANARY}/1@h"}),
        ("s3://b", {"AWS_ENDPOINT_URL": f"ftp://me:{CANARY}@h"}),
        ("s3://b", {"AWS_SESSION_TOKEN": f"{CANARY}\n"}),
        ("gs://b", {"GOOGLE_SERVICE_ACCOUNT_KEY": PEM}),
        ("gs://b", {"GOOGLE_SERVICE_ACCOUNT_KEY": f'{{"private_key": "{CANARY}", "a'}),
        ("gs://b", {"GOOGLE_SERVICE_ACCOUNT_KEY": f'"{CANARY}"'}),
        ("az://c", {"AZURE_STORAGE_ACCOUNT_KEY": f"{CANARY} no base64!"}),
        ("az://c", {"AZURE_STORAGE_ACCOUNT_KEY": f"{CANARY}-no-base64!"}),
        ("az://c", {"AZURE_STORAGE_ACCOUNT_KEY": "", "AZURE_STORAGE_SAS_TOKEN": f"?{CANARY}&"}),
        (f"s3://AKIA:{CANARY}@bucket/p", {}),
        (f"s3://AKIA:{CANARY}/a+b@bucket//p", {}),
        (f"s4://AKIA:{CANARY}@bucket/p", {}),
        (f"gs://{CANARY}@bucket/../p", {}),
    ],
)
def test_settings_that_are_none_are_not_repeated(
    monkeypatch: pytest.MonkeyPatch, uri: str, settings: Mapping[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    silent(lambda: open_store(uri).keys("") and None)
