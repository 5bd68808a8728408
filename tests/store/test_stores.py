from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from faulty_store import DiskWithoutLinks
from store_contract import StoreContract

from nas_lib.store import folder, parts
from nas_lib.store.clouds import AzureStore, GCSStore, S3Store
from nas_lib.store.folder import FolderStore
from nas_lib.store.obstores import MemoryStore


class TestFolderStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FolderStore:
        return FolderStore(tmp_path / "search")


class TestFolderStoreWithoutHardLinks(StoreContract):
    """As on exFAT: links are refused, and renaming can be told not to replace."""

    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
        monkeypatch.setattr(folder, "os", DiskWithoutLinks())
        monkeypatch.setattr(parts, "os", DiskWithoutLinks())
        return FolderStore(tmp_path / "search")


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore(uuid4().hex)


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, s3_uri: str) -> S3Store:
        return S3Store(s3_uri)


class TestGCSStore(StoreContract):
    @pytest.fixture
    def store(self, gcs_uri: str) -> GCSStore:
        return GCSStore(gcs_uri)


class TestAzureStore(StoreContract):
    @pytest.fixture
    def store(self, azure_uri: str) -> AzureStore:
        return AzureStore(azure_uri)
