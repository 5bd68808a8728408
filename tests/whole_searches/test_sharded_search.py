"""Searches over a folder of pictures that lie in shards, as large data do."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest
from exports import searched
from shards import take_as_large

from nas_lib.data.tensors import MappedRows
from nas_lib.errors import CorruptStateError
from nas_lib.export.children import exporter_of
from nas_lib.open_search import OpenSearch
from nas_lib.records import Rewarded, TestReading
from nas_lib.steps import collect_garbage, prepare_data
from nas_lib.store import layout


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> OpenSearch:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        return searched(folder)


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> OpenSearch:
    folder = tmp_path_factory.mktemp("sharded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        take_as_large(patch, shard_bytes=7 * 8 * 8 * 3)  # seven pictures
        return searched(folder)


def manifest_of(search: OpenSearch) -> Any:
    return search.task.find_manifest(search.store)


def test_what_was_prepared_is_the_same_but_for_where_it_lies(
    whole: OpenSearch, sharded: OpenSearch
) -> None:
    mine, its = manifest_of(sharded), manifest_of(whole)
    changed = {"search_blob", "test_blob", "search_shards", "test_shards", "source"}
    changed |= {
        "mean",
        "std",
    }  # of large ones by whole numbers, in one pass: exact to the last digit
    assert (mine.mean, mine.std) == (
        pytest.approx(its.mean, rel=1e-13),
        pytest.approx(its.std, rel=1e-13),
    )
    for field in dataclasses.fields(mine):
        if field.name not in changed:
            assert getattr(mine, field.name) == getattr(its, field.name), field.name
    # 50 pictures: 10 for the test, 12 of the others for validation, 28 to train on
    assert (mine.num_train, mine.num_valid, mine.num_test) == (28, 12, 10)
    assert (len(mine.search_shards), len(mine.test_shards)) == (4 + 2, 2)
    assert sharded.store.find_search().identity == whole.store.find_search().identity


def test_children_and_rewards_are_the_same(whole: OpenSearch, sharded: OpenSearch) -> None:
    found, expected = (
        search.store.read(Rewarded, layout.round_state(0, 0, "rewarded"))
        for search in (sharded, whole)
    )
    assert len(found.rows) == 2
    for mine, its in zip(found.rows, expected.rows, strict=True):
        assert (mine.id, mine.architecture) == (its.id, its.architecture)
        assert (mine.score, mine.reward) == (its.score, its.reward)
    best = found.best[0].id
    key = layout.child_weights(best)
    assert sharded.store.objects.get(key) == whole.store.objects.get(key)
    readings = [s.store.read(TestReading, layout.child_test(best)) for s in (sharded, whole)]
    assert readings[0].score == readings[1].score
    assert readings[0].confusion == readings[1].confusion


def test_pictures_come_from_the_shards(sharded: OpenSearch) -> None:
    from nas_lib.tasks.images.batches import load_images

    _, data = sharded.task.fetched(sharded.store)  # type: ignore[attr-defined]
    assert isinstance(load_images(data).train.images, MappedRows)


def test_an_export_sees_the_same_validation_pictures(
    whole: OpenSearch, sharded: OpenSearch
) -> None:
    best = sharded.store.best(1)[0].id
    mine, its = (exporter_of(search, best)._valid for search in (sharded, whole))
    assert mine.tolist() == its.tolist()


def test_shards_are_no_garbage(sharded: OpenSearch) -> None:
    found = collect_garbage(sharded, older_than_s=-1)
    keys = [info.key for each in found for info in each.infos]
    assert [key for key in keys if key.startswith("data/")] == []


def test_a_damaged_shard_is_named(sharded: OpenSearch) -> None:
    objects, key = sharded.store.objects, layout.data_shard("search", 3)
    right = objects.get(key)
    objects.replace(key, right[:-1])
    with pytest.raises(CorruptStateError, match=f"{key} is damaged"):
        sharded.task.fetched(sharded.store)  # type: ignore[attr-defined]
    objects.replace(key, right)
    sharded.task.fetched(sharded.store)  # type: ignore[attr-defined]


def test_preparing_goes_on_where_it_was_killed(
    sharded: OpenSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = str(tmp_path / "killed")
    shutil.copytree(sharded.uri, uri)
    killed, manifest = OpenSearch(uri), manifest_of(sharded)
    for key in (layout.DATA_MANIFEST, layout.DATA_TEST, layout.data_shard("search", 4)):
        killed.store.objects.delete(key)
    killed.store.objects.replace(layout.data_shard("search", 3), b"half")
    take_as_large(monkeypatch, shard_bytes=7 * 8 * 8 * 3)

    assert prepare_data(OpenSearch(uri)) == manifest
    _, data = killed.task.fetched(killed.store)  # type: ignore[attr-defined]
    assert len(data.shards) == 6
