"""Fixtures that tests of several packages share."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from s3_server import S3Server, running_s3_server
from searches import SMALL_SHARED, tabular

from nas_lib import steps
from nas_lib.config_file import resolve_config
from nas_lib.open_search import OpenSearch
from nas_lib.store import SearchStore
from nas_lib.store.patience import patience_with
from nas_lib.tasks import ImageTask, Task

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Two threads on busy cores make torch's small operations many times slower. Nothing above loads it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for tests that load onnxruntime themselves

_LONG = (
    "test_nas_search_runs.py",
    "test_enas_search_runs.py",
    "test_digits_search.py",
    "test_durability.py",
    "test_processes.py",
    "test_jobs.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes, so that no worker ends with one of them alone."""
    items.sort(key=lambda item: item.path.name not in _LONG)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the user's cache alone."""
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "nas-cache"))


@pytest.fixture(autouse=True)
def own_print(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print as it is: of tasks that kfp runs side by side on this machine one may leave its own."""
    monkeypatch.setattr(builtins, "print", builtins.print)


@pytest.fixture(autouse=True)
def no_store_known() -> None:
    """Begin as a process does: no store has answered yet."""
    patience_with.cache_clear()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Run one S3 server for the whole session."""
    with running_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3_uri(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an empty place in S3, with the environment set so that it can be used."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.bucket}/{uuid4().hex}"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the Chromium that `NAS_CHROMIUM` names, as `make test-report` does."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # What it shows was made here; a container of root's lets it have no sandbox of its own.
        browser = playwright.chromium.launch(
            executable_path=os.environ["NAS_CHROMIUM"], args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let searches train here: where a test is not about workers, none is started."""
    monkeypatch.setattr("nas_lib.engine.entry.num_processes", lambda *_: 0)


@pytest.fixture
def tabular_uri(tmp_path: Path) -> str:
    """Return a prepared search in a folder, whose children take no time."""
    uri = str(tmp_path / "state")
    steps.prepare_data(OpenSearch(uri), config=tabular())
    return uri


@pytest.fixture
def shared_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a prepared search by shared weights whose super-network takes no time.

    It lies in a folder. Each tick does one of its two epochs.
    """
    from toy_workload import ToyWorkload  # loads torch

    def build(task: Task, store: SearchStore) -> ToyWorkload:
        return ToyWorkload(OpenSearch(store.objects.uri).space.decisions(1))

    monkeypatch.setattr(ImageTask, "workload", build)
    uri = str(tmp_path / "state")
    overrides = {**SMALL_SHARED, "search.tick_minutes": 1e-9}
    steps.prepare_data(
        OpenSearch(uri), config=resolve_config("enas-macro-digits", overrides, stored=None)
    )
    return uri
