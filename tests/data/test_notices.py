"""What a user would not guess of the data is said wherever the data is spoken of."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nas_command import Nas
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import Progress

from nas_lib import engine, kubeflow_artifacts, pods
from nas_lib.cli.preview import preview
from nas_lib.cli.progress import LiveProgress, PlainProgress
from nas_lib.config import SearchConfig
from nas_lib.config_file import resolve_config, to_yaml
from nas_lib.data import Manifest
from nas_lib.open_search import OpenSearch
from nas_lib.records import from_json, to_json
from nas_lib.report import search_page
from nas_lib.steps import prepare_data, view_search
from nas_lib.tasks.images import preparation
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.images.readers import read_images

NOTICES = ("15 of 115 files were left out: 15 .heic", "the [first] of 3 frames was read")


@pytest.fixture
def overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    images = np.random.default_rng(0).integers(0, 255, (100, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "d.npz", x_train=images, y_train=np.arange(100) % 4)

    def noticed(*args: Any) -> Any:
        return dataclasses.replace(read_images(*args), notices=NOTICES)

    monkeypatch.setattr(preparation, "read_images", noticed)
    return {"task.data": {"format": "npz", "path": str(tmp_path / "d.npz")}}


@pytest.fixture
def config(overrides: dict[str, Any]) -> SearchConfig:
    found = resolve_config("digits", overrides, stored=None)
    assert found is not None
    return found


@pytest.fixture
def prepared(config: SearchConfig) -> ImageManifest:
    manifest = prepare_data(OpenSearch("memory://notices"), config=config)
    assert isinstance(manifest, ImageManifest)
    return manifest


def test_they_are_stored_and_no_part_of_the_content(
    config: SearchConfig, prepared: ImageManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert from_json(ImageManifest, to_json(prepared), key="data").notices == NOTICES
    monkeypatch.setattr(preparation, "read_images", read_images)
    same = prepare_data(OpenSearch("memory://without-notices"), config=config)
    assert same is not None
    assert same.notices == ()
    assert same.content_hash == prepared.content_hash


def test_a_manifest_from_before_there_were_any_is_read(prepared: ImageManifest) -> None:
    fields = dataclasses.asdict(prepared)
    del fields["notices"]
    assert TypeAdapter(ImageManifest).validate_python(fields).notices == ()


def test_nas_check_says_them(config: SearchConfig) -> None:
    assert preview(config)["notices"] == "; ".join(NOTICES)


def test_a_search_tells_them_before_it_trains(config: SearchConfig) -> None:
    class StoppedError(Exception):
        pass

    class Told(engine.Listener):
        notices: tuple[str, ...] = ()

        def prepared(self, manifest: Manifest) -> None:
            self.notices = manifest.notices
            raise StoppedError

    listener = Told()
    with pytest.raises(StoppedError):
        engine.search(config, store="memory://told-of-notices", listener=listener)
    assert listener.notices == NOTICES


def test_both_displays_of_a_search_show_them(config: SearchConfig, prepared: ImageManifest) -> None:
    for live in (False, True):
        console = Console(file=io.StringIO(), width=200)
        with Progress(console=console, disable=True) as bar:
            shown = LiveProgress(config, bar) if live else PlainProgress(config, console)
            shown.prepared(prepared)
        assert isinstance(console.file, io.StringIO)
        assert console.file.getvalue() == "".join(f"data: {notice}\n" for notice in NOTICES)


def test_nas_prepare_says_them(
    config: SearchConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nas = Nas(monkeypatch, capsys)
    (tmp_path / "search.yaml").write_text(to_yaml(config))
    code, _, err = nas("prepare", tmp_path / "search.yaml", "--store", tmp_path / "store")
    assert code == 0
    assert err.splitlines() == [f"data: {notice}" for notice in NOTICES]


def test_the_pod_that_prepares_says_them(
    overrides: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    search = OpenSearch("memory://pod")
    prepared = pods.prepare_data(search, preset="digits", overrides=overrides, run="run")
    markdown = kubeflow_artifacts.prepared_text(search, prepared)
    said = [line.strip() for line in capsys.readouterr().out.splitlines()]  # kfp may indent it
    assert said == [f"data: {notice}" for notice in NOTICES]
    assert markdown.endswith(NOTICES[0] + "\n\n" + r"the \[first\] of 3 frames was read")


def test_the_report_says_them(prepared: ImageManifest) -> None:
    page = search_page(view_search(OpenSearch("memory://notices")))
    assert f"{NOTICES[0]}. {NOTICES[1]}." in page
