"""Whole searches on real digits, small ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from searches import account, store_of

import nas_lib
from nas_lib.config import SearchConfig
from nas_lib.config_file import apply_overrides, parse_config, to_yaml
from nas_lib.data import LocalData
from nas_lib.engine import SearchHandle, search
from nas_lib.errors import ConfigError
from nas_lib.open_search import OpenSearch
from nas_lib.presets import preset
from nas_lib.records import ChildResult
from nas_lib.steps import view_search
from nas_lib.store import SearchStore, layout
from nas_lib.tasks.images.batches import load_images
from nas_lib.tasks.images.trainer import evaluate

SMALL = [
    "search.max_children=6",
    "search.children_per_round=3",
    "space.depth.start=2",
    "space.depth.max=2",
    "children.epochs=2",
    "children.keep=2",
    "children.checkpoint_every_s=0",
]


def small(*overrides: str) -> SearchConfig:
    document = preset("digits").model_dump(mode="json")
    return parse_config(apply_overrides(document, [*SMALL, *overrides]), source="test")


def weights(store: SearchStore) -> dict[str, bytes]:
    keys = [info.key for info in store.objects.list("children") if "weights" in info.key]
    return {key: store.objects.get(key) for key in keys}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SearchHandle:
    """A small search that nothing disturbed."""
    folder = tmp_path_factory.mktemp("digits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        return search(small(), store=str(folder / "state"), workers=2)


def test_children_are_trained_and_judged(finished: SearchHandle) -> None:
    for row in finished.children:
        result = store_of(finished).read(ChildResult, layout.child_result(row.id))
        assert result.status == "ok"
        assert len(result.epochs) == 2
        best = max(metrics.score for metrics in result.epochs)
        assert (result.score, result.reward) == (best, pytest.approx(best**3))
        assert row.num_parameters
        assert row.num_multiply_adds


def test_the_winners_test_accuracy_is_read_once(finished: SearchHandle) -> None:
    (reading,) = finished.view.test
    assert finished.best is not None
    assert reading.child == finished.best.id
    assert reading.num_examples == 359  # a fifth of 1,797
    assert 0 < reading.score <= 1

    again = search(small(), store=finished.uri, workers=1)

    assert again.view.test == (reading,)


def test_only_the_best_childrens_weights_are_kept(finished: SearchHandle) -> None:
    kept = {key.split("/")[1] for key in weights(store_of(finished))}

    assert kept == {row.id for row in finished.leaderboard(2)}
    assert list(store_of(finished).objects.list("checkpoints")) == []


def test_a_reopened_search_is_what_it_was_and_nothing_is_searched(finished: SearchHandle) -> None:
    before = store_of(finished).objects.keys("")

    again = nas_lib.open(Path(finished.uri))

    assert (again.uri, again.children, again.best) == (
        *(finished.uri, finished.children, finished.best),
    )
    assert again.finals == ()
    assert store_of(finished).objects.keys("") == before


def test_the_best_network_scores_what_the_search_says(finished: SearchHandle) -> None:
    assert finished.best is not None
    task, store = OpenSearch(finished.uri).task, store_of(finished)
    manifest = task.find_manifest(store)
    images = load_images(LocalData(Path(finished.uri) / layout.DATA_SEARCH)).valid

    network = finished.best.network()

    assert not network.training
    validation = evaluate(network, images, mean=manifest.mean, std=manifest.std)
    assert validation.score == pytest.approx(finished.best.score, abs=1e-9)


def test_a_network_whose_weights_were_not_kept_is_told(finished: SearchHandle) -> None:
    with pytest.raises(ConfigError) as error:
        finished.leaderboard()[2].network()

    assert str(error.value).startswith(
        f"the weights of {finished.leaderboard()[2].id} in {finished.uri} were not kept: only those"
    )


def test_the_model_of_a_search_says_what_its_best_network_does(finished: SearchHandle) -> None:
    assert finished.best is not None
    images = load_images(LocalData(Path(finished.uri) / layout.DATA_SEARCH)).valid

    model = finished.model()

    assert repr(model) == f"ImageModel(digits, {finished.best.id}, 10 labels)"
    found = model.predict(images.images.permute(0, 2, 3, 1).numpy())
    right = [int(label) == index for label, index in zip(found.labels, images.labels, strict=True)]
    assert sum(right) / len(right) == pytest.approx(finished.best.score, abs=1e-9)
    before = store_of(finished).objects.keys("")
    assert finished.model().info == model.info
    assert store_of(finished).objects.keys("") == before


def test_no_child_ever_saw_a_test_image(finished: SearchHandle) -> None:
    """The test images lie in an object of their own, which workers do not fetch."""
    cache = Path(finished.uri).parent / "cache" / "data"

    names = sorted(path.name for path in cache.rglob("*.safetensors"))

    assert names == ["search.safetensors", "test.safetensors"]
    data = store_of(finished).objects
    assert data.get(layout.DATA_TEST) not in data.get(layout.DATA_SEARCH)


def test_killed_in_the_middle_of_training_it_ends_the_same(
    finished: SearchHandle, tmp_path: Path
) -> None:
    """Rewards and weights are bit-equal, though children went on from checkpoints."""
    config = tmp_path / "search.yaml"
    config.write_text(to_yaml(small()))
    state = tmp_path / "state"
    command = [sys.executable, "-m", "nas_lib.cli", "search", config, "--store", state]
    for kill_after in ("checkpoints", "rounds/r000/000000.rewarded.json"):
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        wait_for(state / kill_after)
        process.kill()
        process.communicate()
    subprocess.run(command, check=True, capture_output=True)

    view = view_search(OpenSearch(str(state)))
    assert [(row.id, row.architecture.config, row.reward) for row in view.rows] == account(finished)
    assert weights(SearchStore.open(str(state))) == weights(store_of(finished))


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)


def test_a_search_in_s3_gives_the_same(
    finished: SearchHandle, s3_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = search(small(), store=s3_uri, workers=2)

    assert account(handle) == account(finished)
    assert handle.view.test[0].score == finished.view.test[0].score


def test_a_search_begun_in_a_folder_can_be_finished_in_s3(
    finished: SearchHandle, s3_uri: str, tmp_path: Path
) -> None:
    begun = search(small(), store=str(tmp_path), workers=2, rounds=1)
    there = SearchStore.open(s3_uri).objects
    for info in store_of(begun).objects.list(""):
        there.create(info.key, store_of(begun).objects.get(info.key))

    assert account(search(small(), store=s3_uri, workers=1)) == account(finished)


def test_children_that_diverge_do_not_end_the_search(tmp_path: Path) -> None:
    config = small("children.learning_rate=1e6", "children.nesterov=false")

    handle = search(config, store=str(tmp_path), workers=2)

    assert {row.status for row in handle.children} == {"diverged"}
    assert handle.best is None
    assert handle.view.test == ()


def test_a_search_is_moved_with_its_data(finished: SearchHandle, tmp_path: Path) -> None:
    """What is stored is all that a search needs: the user's files may be gone."""
    import numpy as np

    archive = tmp_path / "images.npz"
    images = np.random.default_rng(0).integers(0, 255, (200, 8, 8), dtype=np.uint8)
    np.savez(archive, x_train=images, y_train=np.arange(200) % 4)
    config = small(f"task.data={{format: npz, path: {archive}}}")
    begun = search(config, store=str(tmp_path / "state"), workers=2, rounds=1)
    archive.unlink()

    handle = search(config, store=begun.uri, workers=2)

    assert len(handle.children) == 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small file system")
def test_a_full_disk_is_one_sentence_and_loses_nothing(
    finished: SearchHandle, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    config = tmp_path / "search.yaml"
    config.write_text(to_yaml(small()))
    command = [sys.executable, "-m", "nas_lib.cli", "search", config, "--store", disk / "state"]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=420k", "tmpfs", disk], check=True)
    try:
        stopped = subprocess.run(command, capture_output=True, text=True, check=False)

        assert stopped.returncode == 1
        assert "no space left on device" in stopped.stderr.splitlines()[-1].lower()
        assert "Traceback" not in stopped.stderr

        subprocess.run(["mount", "-o", "remount,size=9m", disk], check=True)
        subprocess.run(command, capture_output=True, check=True)
        view = view_search(OpenSearch(str(disk / "state")))
        rewards = [(row.id, row.architecture.config, row.reward) for row in view.rows]
        assert rewards == account(finished)
    finally:
        subprocess.run(["umount", disk], check=True)
