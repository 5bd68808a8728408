from __future__ import annotations

from uuid import uuid4

import pytest
from store_contract import StoreContract

from nas_lib.store.folder import FolderStore
from nas_lib.store.obstores import MemoryStore
from nas_lib.store.s3 import S3Store


class TestFolderStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path):
        return FolderStore(tmp_path / "search")


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore(uuid4().hex)


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, s3_uri):
        return S3Store(s3_uri)
