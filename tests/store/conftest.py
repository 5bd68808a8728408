"""Places in small clouds, with the environment of a pod there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import small_azure
import small_gcs
from small_server import running


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[str]:
    with running(small_gcs.SmallGCS) as url:
        yield url


@pytest.fixture(scope="session")
def azure_server() -> Iterator[str]:
    with running(small_azure.SmallAzure) as url:
        yield url


@pytest.fixture
def gcs_uri(gcs_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an empty place in Google Cloud Storage, as a pod of GKE sees it."""
    forget(monkeypatch, "GOOGLE_")
    monkeypatch.setenv("HOME", str(tmp_path))  # a user's own credentials lie there
    monkeypatch.setenv("GOOGLE_BASE_URL", gcs_server)
    monkeypatch.setenv("GCE_METADATA_HOST", gcs_server.removeprefix("http://"))
    return f"gs://{small_gcs.BUCKET}/{uuid4().hex}"


@pytest.fixture
def azure_uri(azure_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an empty place in Azure Blob Storage, as a pod of AKS sees it."""
    forget(monkeypatch, "AZURE_")
    (tmp_path / "pod-token").write_text(small_azure.POD_TOKEN)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azure_server)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"{azure_server}/")
    monkeypatch.setenv("AZURE_TENANT_ID", small_azure.TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", small_azure.CLIENT)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "pod-token"))
    return f"az://{small_azure.CONTAINER}/{uuid4().hex}"


def forget(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    for name in [name for name in os.environ if name.startswith(prefix)]:
        monkeypatch.delenv(name)
