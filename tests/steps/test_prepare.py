"""prepare_data with data in files: moved, damaged, or only half stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas_lib import pods, steps
from nas_lib.config import SearchConfig
from nas_lib.config_file import apply_overrides, parse_config
from nas_lib.errors import DataError, SearchMismatchError
from nas_lib.open_search import OpenSearch
from nas_lib.presets import preset
from nas_lib.store import SearchStore, layout


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
