"""Without keys, a store is used under the identity that the cluster gives the pod."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_server import S3Server
from small_server import SmallServer, running

from nas_lib.errors import StoreError
from nas_lib.store.open import open_store
from nas_lib.store.setup import init_store

POD_TOKEN = "token-that-the-cluster-gave-the-pod"


class SmallAgent(SmallServer):
    """The agent on an Amazon node that gives a pod the keys of its role."""

    keys: dict[str, str]

    def get(self) -> None:
        if self.headers.get("Authorization") != POD_TOKEN:
            self.answer(401)
            return
        answer = {**self.keys, "Token": "", "Expiration": "2999-01-01T00:00:00Z"}
        self.answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def pod_of_amazon(
    s3_uri: str, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Return an empty place in S3, in the environment of a pod of EKS: no keys, but a token."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "pod-token").write_text(POD_TOKEN)
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "pod-token"))
    keys = {"AccessKeyId": s3_server.access_key, "SecretAccessKey": s3_server.secret_key}
    with running(SmallAgent, keys=keys) as url:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/v1/credentials")
        yield s3_uri


def test_a_pod_of_amazon_needs_no_keys(pod_of_amazon: str) -> None:
    assert init_store(pod_of_amazon, num_races=1).num_races == 1
    store = open_store(pod_of_amazon)
    assert store.create("a", b"x")
    assert store.get("a") == b"x"


def test_a_pod_of_azure_whose_identity_is_unknown_is_refused(
    azure_uri: str, tmp_path: Path
) -> None:
    (tmp_path / "pod-token").write_text("of another cluster")
    with pytest.raises(StoreError) as caught:
        open_store(azure_uri).get("a")
    assert str(caught.value) == (
        f"cannot read a in {azure_uri}: the credentials were refused; "
        "check the pod's identity or AZURE_STORAGE_ACCOUNT_KEY"
    )


@pytest.mark.parametrize(
    ("cloud", "settings", "reason"),
    [
        (
            "gcs_uri",
            {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json"},
            "unable to open service account file from /nowhere/key.json: "
            "No such file or directory (os error 2)",
        ),
        (
            "azure_uri",
            {"AZURE_FEDERATED_TOKEN_FILE": "", "AZURE_STORAGE_ACCOUNT_KEY": "no base64!"},
            "invalid Access Key: Invalid symbol 32, offset 2.",
        ),
        ("s3_uri", {"AWS_SECRET_ACCESS_KEY": None}, "missing SecretAccessKey"),
    ],
)
def test_credentials_that_are_none_are_one_sentence(
    cloud: str,
    settings: dict[str, str | None],
    reason: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = request.getfixturevalue(cloud)
    for name, value in settings.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(StoreError) as caught:
        open_store(uri)
    assert str(caught.value) == f"cannot use {uri}: {reason}"
