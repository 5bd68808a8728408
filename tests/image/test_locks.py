"""What a release's images hold: the versions with which all is tested, each file by its hash."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CUDA = re.compile("nvidia-|cuda-|triton")
"""What torch brings with it, and pins itself."""


def known_as(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def constrained() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {known_as(name): version for name, version in pins}


def locked(torch: str) -> dict[str, str]:
    lines = (ROOT / "image" / f"{torch}.lock").read_text().splitlines()
    found = [
        re.fullmatch(r"(\S+)==([^\s+]+)\S* --hash=sha256:[0-9a-f]{64}", line) for line in lines
    ]
    assert None not in found
    return {known_as(match[1]): match[2] for match in found if match}


def held() -> list[str]:
    """Return which extras the image has."""
    (names,) = re.findall(r"names = \((.+?)\);", (ROOT / "Dockerfile").read_text())
    return re.findall(r'"(\w+)"', names)


def test_what_is_locked_is_what_the_image_is_built_with() -> None:
    assert {"kubeflow", "models", "serve"} <= {*held()}
    assert f"'.[{','.join(held())}]'" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("torch", ["cpu", "cuda"])
def test_its_versions_are_those_of_the_constraints(torch: str) -> None:
    others = locked(torch).items() - constrained().items()

    unknown = sorted(name for name, _ in others if not CUDA.match(name))
    assert unknown == ["setuptools"], "make locks"  # with which wheels are built


@pytest.mark.parametrize("torch", ["cpu", "cuda"])
def test_all_is_in_it_that_we_depend_on(torch: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for extra in held() for each in extras[extra])]

    names = {known_as(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in wanted}
    assert names <= locked(torch).keys(), "make locks"


def test_only_that_for_gpus_has_cuda() -> None:
    assert [name for name in locked("cpu") if CUDA.match(name)] == []
    assert "nvidia-cublas" in locked("cuda")


def test_a_lock_has_a_line_for_each_file_but_our_own() -> None:
    file = {"archive_info": {"hashes": {"sha256": "ab" * 32}}}
    report = {
        "install": [
            {"metadata": {"name": "Torch", "version": "2.13.0+cpu"}, "download_info": file},
            {"metadata": {"name": "click", "version": "8.5.1"}, "download_info": file},
            {"metadata": {"name": "kfp-nas"}, "download_info": {"dir_info": {}}},
        ]
    }

    lines = subprocess.run(
        [sys.executable, ROOT / "image" / "lock.py"],
        input=json.dumps(report),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert lines == [
        f"click==8.5.1 --hash=sha256:{'ab' * 32}",
        f"Torch==2.13.0+cpu --hash=sha256:{'ab' * 32}",
    ]
