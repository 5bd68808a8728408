"""Data in a bucket are checked like any others, and called by its address."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bucket_files import put_files
from nas_command import Nas
from own_data import write_photos


def test_pictures_in_a_bucket_are_checked_and_called_by_its_address(
    s3_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    folder = write_photos(tmp_path / "photos", {"cat": 24, "dog": 20})
    (folder / "cat" / "broken.jpg").write_bytes(b"no picture")
    put_files(folder, s3_uri)

    code, said, _ = Nas(monkeypatch, capsys)("data", "check", s3_uri, "--json")

    found = json.loads(said)
    assert (code, sum(found["counts"].values())) == (0, 44)
    assert found["source"] == f"image folder {s3_uri}"
    assert found["broken"][0].startswith(f"{s3_uri}/cat/broken.jpg: expected an image")
    assert str(tmp_path) not in said
