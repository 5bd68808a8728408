"""What the pipelines' tests share: tasks that run on this machine, each in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from warm_python import warm_python


@pytest.fixture(scope="session")
def warm_program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm_python(tmp_path_factory.mktemp("python")) as program:
        yield program


@pytest.fixture
def warm(warm_program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each process that is started have its imports done."""
    monkeypatch.setattr(sys, "executable", str(warm_program))
