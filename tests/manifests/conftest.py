"""The base as a user has it who has made `minio.env`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from kustomized import BASE, Resource, kustomized


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manifests") / "base"
    shutil.copytree(BASE, folder, ignore=shutil.ignore_patterns("minio.env"))
    (folder / "minio.env").write_text("accesskey=nas\nsecretkey=of this test alone\n")
    return folder


@pytest.fixture
def base(base_folder: Path) -> list[Resource]:
    return kustomized(base_folder)
