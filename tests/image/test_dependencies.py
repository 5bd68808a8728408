"""How the image gets what it depends on: the script itself, with a Python that only says so."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "image" / "dependencies.sh"
PYTHON = '#!/bin/sh\necho "$@"; cat wheels/constraints.txt\n'
PINS = "click==8.5.1\ntorch==2.13.0\n"
INSTALL = (
    "-m pip --python /opt/nas/bin/python3 install --no-cache-dir --find-links wheels"
    " --constraint wheels/constraints.txt --requirement requirements.txt"
)
FOR_CPUS, FOR_CUDA = "wheels/torch-2.13.0+cpu-cp311.whl", "wheels/torch-2.13.0-cp311.whl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/constraints.txt").write_text(PINS)
    (tmp_path / "python3").write_text(PYTHON)
    (tmp_path / "python3").chmod(0o755)
    return tmp_path


def said(folder: Path, **arguments: str) -> str:
    """Return which calls of pip the script makes, each with the constraints that it has by then."""
    path = os.pathsep.join((str(folder), os.environ["PATH"]))
    done = subprocess.run(
        ["sh", SCRIPT], cwd=folder, env={"PATH": path, **arguments}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_pytorch_for_gpus_is_that_of_the_index_of_all_else(folder: Path) -> None:
    """No TORCH_INDEX is named, not even an empty one."""
    (folder / FOR_CPUS).touch()

    assert said(folder, TORCH="cuda") == f"{INSTALL}\n{PINS}"


@pytest.mark.parametrize(
    ("torch", "wheels", "taken"),
    [
        ("cpu", [FOR_CPUS, FOR_CUDA], FOR_CPUS),
        ("cpu", [FOR_CUDA], FOR_CUDA),
        ("cuda", [FOR_CPUS, FOR_CUDA], FOR_CUDA),
    ],
)
def test_a_wheel_of_torch_is_taken_whatever_its_version(
    folder: Path, torch: str, wheels: list[str], taken: str
) -> None:
    for wheel in wheels:
        (folder / wheel).touch()

    assert said(folder, TORCH=torch) == f"{INSTALL} {taken}\nclick==8.5.1\n"


@pytest.mark.parametrize(
    ("arguments", "index"),
    [
        ({"TORCH": "cpu"}, "https://download.pytorch.org/whl/cpu"),
        ({"TORCH": "cuda", "TORCH_INDEX": "https://example.com/whl"}, "https://example.com/whl"),
    ],
)
def test_where_there_is_no_wheel_it_comes_from_its_index(
    folder: Path, arguments: dict[str, str], index: str
) -> None:
    download, *_ = said(folder, **arguments).splitlines()

    assert download.endswith(f"--dest wheels --index-url {index} torch==2.13.0")
