"""Data in a bucket: read as the same files of a folder, and watched over like these."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bucket_files import put_files
from PIL import Image
from toy_text import write_toy_text

from nas_lib import pods, steps
from nas_lib.config import SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.errors import DataError, StoreError
from nas_lib.open_search import OpenSearch
from nas_lib.store import SearchStore
from nas_lib.store.open import open_bucket
from nas_lib.tasks import task_of


def write_pictures(folder: Path, *, seed: int = 0) -> None:
    """Write ten pictures of each of two classes, and a file that is none."""
    generator = np.random.default_rng(seed)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(10):
            pixels = generator.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "cat/notes.txt").write_text("none")


def write_table(folder: Path) -> None:
    """Write such pictures, and a table that says what is on them."""
    write_pictures(folder)
    lines = (f"{name}/{number}.png,{name}" for name in ("cat", "dog") for number in range(10))
    (folder / "labels.csv").write_text("\n".join(["image,label", *lines]))


def write_npz(folder: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    np.savez(folder / "images.npz", x_train=images, y_train=np.arange(40) % 4)


def write_pairs(folder: Path) -> None:
    lines = (f"the number {number}\tdie Zahl {number}" for number in range(400))
    (folder / "pairs.tsv").write_text("\n".join(lines))


FORMATS: dict[str, tuple[str, dict[str, Any], Any, str]] = {
    "image_folder": ("photos", {"task.data.size": 8}, write_pictures, ""),
    "image_table": ("photos", {"task.data": {"format": "image_table", "size": 8}}, write_table, ""),
    "npz": ("digits", {"task.data": {"format": "npz"}}, write_npz, "images.npz"),
    "text_files": (
        "nas-rnn-pydoc",
        {"task.data": {"format": "text_files"}},
        lambda folder: write_toy_text(folder),
        "",
    ),
    "parallel_text": ("translation", {"task.vocabulary": 300}, write_pairs, "pairs.tsv"),
}


def config_of(format_name: str, path: str) -> SearchConfig:
    preset, overrides, _, _ = FORMATS[format_name]
    config = resolve_config(preset, {**overrides, "task.data.path": path}, stored=None)
    assert config is not None
    return config


def photos(path: str) -> SearchConfig:
    return config_of("image_folder", path)


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_is_read_is_what_files_of_this_machine_hold(
    format_name: str, s3_uri: str, tmp_path: Path
) -> None:
    folder, name = tmp_path / "data", FORMATS[format_name][3]
    folder.mkdir()
    FORMATS[format_name][2](folder)
    put_files(folder, s3_uri)
    here, there = str(folder / name).rstrip("/"), f"{s3_uri}/{name}".rstrip("/")

    local = task_of(config_of(format_name, here)).prepare()
    remote = task_of(config_of(format_name, there)).prepare()

    assert (remote.search_blob, remote.test_blob) == (local.search_blob, local.test_blob)
    source = local.manifest.source.replace(str(folder), s3_uri)
    assert remote.manifest == dataclasses.replace(local.manifest, source=source)
    assert s3_uri in source


def test_a_folder_that_moved_into_a_bucket_is_the_same_search(s3_uri: str, tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos")
    uri = str(tmp_path / "state")
    prepared = steps.prepare_data(OpenSearch(uri), config=photos(str(tmp_path / "photos")))
    put_files(tmp_path / "photos", s3_uri)

    assert steps.prepare_data(OpenSearch(uri), config=photos(s3_uri)) == prepared


def test_a_table_of_this_machine_may_name_pictures_in_a_bucket(s3_uri: str, tmp_path: Path) -> None:
    write_table(tmp_path / "photos")
    local = task_of(config_of("image_table", str(tmp_path / "photos"))).prepare()
    put_files(tmp_path / "photos", s3_uri)
    table = tmp_path / "elsewhere.csv"
    (tmp_path / "photos/labels.csv").rename(table)
    overrides = {
        "task.data": {"format": "image_table", "size": 8, "path": str(table), "root": s3_uri}
    }
    config = resolve_config("photos", overrides, stored=None)
    uri, warnings = str(tmp_path / "state"), list[str]()

    prepared = steps.prepare_data(OpenSearch(uri), config=config)
    assert prepared is not None
    assert prepared.content_hash == local.manifest.content_hash
    open_bucket(s3_uri).replace("dog/0.png", (tmp_path / "photos/cat/0.png").read_bytes())
    steps.prepare_data(OpenSearch(uri), warn=warnings.append)
    open_bucket(s3_uri).replace("dog/0.png", b"no picture")

    assert "is not what this search stored: it goes on with" in warnings[0]
    with pytest.raises(DataError, match=rf"^{s3_uri}/dog/0\.png: expected an image"):
        task_of(config).prepare()


class TestOfASearchThatGoesOn:
    @pytest.fixture
    def uri(self, s3_uri: str, tmp_path: Path) -> str:
        write_pictures(tmp_path / "photos")
        put_files(tmp_path / "photos", s3_uri)
        uri = str(tmp_path / "state")
        steps.prepare_data(OpenSearch(uri), config=photos(s3_uri))
        return uri

    def warnings(self, uri: str, config: SearchConfig | None = None) -> list[str]:
        found: list[str] = []
        steps.prepare_data(OpenSearch(uri), config=config, warn=found.append)
        return found

    def test_nothing_is_fetched_where_nothing_changed(
        self, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("nas_lib.store.network.NetworkStore.part", None)

        assert self.warnings(uri) == []

    def test_another_picture_is_noticed(self, uri: str, s3_uri: str, tmp_path: Path) -> None:
        store = open_bucket(s3_uri)
        store.replace("dog/0.png", store.get("cat/0.png"))

        (warning,) = self.warnings(uri)

        assert warning.startswith(f"the data at {s3_uri} is not what this search stored: it goes")

    def test_a_bucket_that_is_empty_now_is_no_obstacle(self, uri: str, s3_uri: str) -> None:
        store = open_bucket(s3_uri)
        for key in store.keys(""):
            store.delete(key)

        assert self.warnings(uri) == []

    def test_a_bucket_that_may_not_be_read_from_here_is_said_and_no_obstacle(
        self, uri: str, s3_uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

        (warning,) = self.warnings(uri)

        assert warning.startswith(
            f"the data at {s3_uri} cannot be looked at: it goes on with what it stored (cannot "
            f"list {s3_uri}: the credentials were refused; "
        )
        with pytest.raises(StoreError, match="the credentials were refused"):
            self.warnings(uri, photos(f"{s3_uri}/cat"))  # which the user asks for now


def test_a_pod_says_in_one_sentence_that_nothing_lies_there(s3_uri: str, tmp_path: Path) -> None:
    uri = str(tmp_path / "state")
    overrides = {"task.data.path": f"{s3_uri}/photos"}

    with (
        pytest.raises(SystemExit, match=rf"^nas: {s3_uri}/photos: expected data, got no object of"),
        pods.pod_step(uri, "prepare_data", "run") as search,
    ):
        pods.prepare_data(search, preset="photos", overrides=overrides, run="run")
    (problem,) = SearchStore.open(uri).problems()
    assert (problem.step, problem.message.partition(":")[0]) == ("prepare_data", "s3")


def test_what_is_wrong_with_a_file_is_said_of_the_bucket(s3_uri: str, tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos")
    put_files(tmp_path / "photos", s3_uri)
    open_bucket(s3_uri).replace("cat/3.png", b"no picture")

    with pytest.raises(DataError, match=rf"^{s3_uri}/cat/3\.png: "):
        task_of(photos(s3_uri)).prepare()
