"""prepare_data with data in files: moved, damaged, or only half stored."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from nas_lib import engine, pods, steps
from nas_lib.config import SearchConfig
from nas_lib.config_file import apply_overrides, parse_config, with_changes
from nas_lib.data import Prepared
from nas_lib.errors import ConfigError, DataError, SearchMismatchError
from nas_lib.open_search import OpenSearch
from nas_lib.presets import preset
from nas_lib.store import SearchStore, layout
from nas_lib.tasks import ImageTask


def archive(path: Path, seed: int = 0) -> Path:
    images = np.random.default_rng(seed).integers(0, 255, (100, 8, 8), dtype=np.uint8)
    np.savez(path, x_train=images, y_train=np.arange(100) % 4)
    return path


def config_of(path: Path) -> SearchConfig:
    document = preset("digits").model_dump(mode="json")
    override = f"task.data={{format: npz, path: {path}}}"
    return parse_config(apply_overrides(document, [override]), source="test")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "state")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return archive(tmp_path / "images.npz")


def test_data_that_moved_is_the_same_search(uri: str, path: Path, tmp_path: Path) -> None:
    prepared = steps.prepare_data(OpenSearch(uri), config=config_of(path))
    moved = path.rename(tmp_path / "moved.npz")

    assert steps.prepare_data(OpenSearch(uri), config=config_of(moved)) == prepared


def test_data_that_moved_before_it_was_stored_is_found(
    uri: str, path: Path, tmp_path: Path
) -> None:
    steps.prepare_data(OpenSearch(uri), config=config_of(path))
    objects = SearchStore.open(uri).objects
    for key in (layout.DATA_MANIFEST, layout.DATA_TEST):  # as after a kill in between
        objects.delete(key)
    objects.replace(layout.DATA_SEARCH, b"written by another release")
    moved = path.rename(tmp_path / "moved.npz")

    prepared = steps.prepare_data(OpenSearch(uri), config=config_of(moved))

    assert prepared is not None
    assert len(objects.get(layout.DATA_SEARCH)) == prepared.search_blob.num_bytes


def test_data_that_is_gone_is_no_obstacle(uri: str, path: Path) -> None:
    prepared = steps.prepare_data(OpenSearch(uri), config=config_of(path))
    path.unlink()

    assert (
        steps.prepare_data(OpenSearch(uri), config=config_of(path.with_name("elsewhere.npz")))
        == prepared
    )


def test_a_start_that_is_none_of_the_space_is_told_before_data_are_read(
    uri: str, tmp_path: Path
) -> None:
    document = config_of(tmp_path / "large.npz").model_dump(mode="json")  # which there is not
    config = parse_config(with_changes(document, [("search.start_from", "nas-cell")]), source="x")

    with pytest.raises(ConfigError, match=r"^search\.start_from: 1 of 1 architectures are none"):
        steps.prepare_data(OpenSearch(uri), config=config)


def test_other_data_is_another_search(uri: str, path: Path, tmp_path: Path) -> None:
    steps.prepare_data(OpenSearch(uri), config=config_of(path))

    with pytest.raises(SearchMismatchError, match="the same settings on other data"):
        steps.prepare_data(
            OpenSearch(uri), config=config_of(archive(tmp_path / "other.npz", seed=1))
        )


def test_damaged_data_is_named_on_a_stored_search_too(uri: str, path: Path, tmp_path: Path) -> None:
    steps.prepare_data(OpenSearch(uri), config=config_of(path))
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(b"PK no archive")

    with pytest.raises(DataError, match=r"damaged\.npz"):
        steps.prepare_data(OpenSearch(uri), config=config_of(damaged))


def test_a_pod_says_what_to_do_about_data_that_lies_elsewhere(uri: str) -> None:
    overrides = {"task.data": {"format": "image_folder", "path": "/home/me/photos"}}

    with (
        pytest.raises(SystemExit, match=r"this pod \(/home/me/photos\).*`nas prepare`"),
        pods.pod_step(uri, "prepare_data", "run") as search,
    ):
        pods.prepare_data(search, preset="digits", overrides=overrides, run="run")


class StoppedError(Exception):
    pass


class Told(engine.Listener):
    """Notes what a search warns of, and stops it before it trains."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, message: str) -> None:
        self.warnings.append(message)

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        raise StoppedError


class TestChangedData:
    """The data under the path that a search stored became another."""

    SENTENCE = r"the data at .*images\.npz is not what this search stored.*: it goes on with what"

    def warnings(self, uri: str, config: SearchConfig | None) -> list[str]:
        found: list[str] = []
        steps.prepare_data(OpenSearch(uri), config=config, warn=found.append)
        return found

    def is_read(self, uri: str, config: SearchConfig, monkeypatch: pytest.MonkeyPatch) -> bool:
        read = []
        prepare = ImageTask.prepare

        def noting(task: ImageTask) -> Prepared:
            read.append(task)
            return prepare(task)

        monkeypatch.setattr(ImageTask, "prepare", noting)
        assert self.warnings(uri, config) == []
        monkeypatch.undo()
        return bool(read)

    @pytest.mark.parametrize("named", [True, False])
    def test_is_said_and_the_search_goes_on_with_its_own(
        self, uri: str, path: Path, named: bool
    ) -> None:
        prepared = steps.prepare_data(OpenSearch(uri), config=config_of(path))
        archive(path, seed=1)

        (warning,) = self.warnings(uri, config_of(path) if named else None)

        assert re.match(self.SENTENCE, warning)
        assert warning.endswith("on the new data start another search in another folder")
        assert steps.prepare_data(OpenSearch(uri), config=config_of(path)) == prepared

    def test_that_cannot_be_read_is_said_with_the_reason(self, uri: str, path: Path) -> None:
        steps.prepare_data(OpenSearch(uri), config=config_of(path))
        path.write_bytes(b"PK no archive")

        (warning,) = self.warnings(uri, config_of(path))

        assert re.match(self.SENTENCE, warning)
        assert "expected a numpy archive" in warning

    def test_files_as_they_were_are_not_read_again(
        self, uri: str, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps.prepare_data(OpenSearch(uri), config=config_of(path))

        assert not self.is_read(uri, config_of(path), monkeypatch)

    def test_copies_are_read_once_to_see_that_they_are_the_same(
        self, uri: str, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps.prepare_data(OpenSearch(uri), config=config_of(path))
        os.utime(path, (1, 1))

        assert self.is_read(uri, config_of(path), monkeypatch)
        assert not self.is_read(uri, config_of(path), monkeypatch)

    def test_searches_that_did_not_note_their_files_go_on(self, uri: str, path: Path) -> None:
        steps.prepare_data(OpenSearch(uri), config=config_of(path))
        objects = SearchStore.open(uri).objects
        for key in objects.keys(layout.DATA_FILES):
            objects.delete(key)
        archive(path, seed=1)

        assert self.warnings(uri, config_of(path)) == []

    def test_is_told_to_who_listens_and_noted_for_the_report_by_pods_too(
        self, uri: str, path: Path
    ) -> None:
        steps.prepare_data(OpenSearch(uri), config=config_of(path))
        archive(path, seed=1)
        pods.prepare_data(OpenSearch(uri), preset="", overrides={}, run="pod")

        listener = Told()
        with pytest.raises(StoppedError):
            engine.search(config_of(path), store=uri, listener=listener)

        first, second, _ = SearchStore.open(uri).problems()
        assert (first.run, first.step) == ("pod", "prepare_data")
        assert [second.message] == listener.warnings == [first.message]
        assert re.match(self.SENTENCE, first.message)


@pytest.mark.parametrize("where", ["space.child", "final.size"])
def test_images_that_networks_would_halve_too_often_in_search_or_end_are_refused(
    uri: str, where: str
) -> None:
    stack = {"cells": 1, "filters": 4, "large_stem": 4}
    document = with_changes({"space": {"kind": "nasnet"}}, [(where, stack)])
    config = parse_config(document, source="test")
    # 19 pixels, unpadded: 9, and halved four times 5, 3, 2, 1; of 18 the last would be of one pixel
    sentence = (
        "networks of space.kind nasnet halve images of this size too often: "
        "expected 19x19 pixels or more, got 8x8"
    )

    with pytest.raises(ConfigError, match=f"^{re.escape(sentence)}$"):
        steps.prepare_data(OpenSearch(uri), config=config)

    assert SearchStore.open(uri).find_search() is None
