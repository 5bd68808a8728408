"""What `make dist` has built is whole, and works where nothing else is.

`make test-install` runs this: it fills a folder with wheels, which takes a package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import nas_lib

pytestmark = [pytest.mark.install, pytest.mark.timeout(600)]

_ROOT = Path(__file__).parents[2]
_TOOLS = _ROOT / ".venv-release/bin"
_NAME = f"kfp_nas-{nas_lib.__version__}"
_WHEEL = _ROOT / "dist" / f"{_NAME}-py3-none-any.whl"
_EXTRAS = "digits,models,serve"
_MADE = {"PKG-INFO", "setup.cfg"}  # with the sdist


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with nothing in it."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=True)
    return folder / "bin/python"


@pytest.fixture(scope="module")
def wheels(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheels of all that it takes, in the versions we test with."""
    folder = tmp_path_factory.mktemp("wheels")
    _run(
        *(python, "-m", "pip", "download", "--quiet", f"{_WHEEL}[{_EXTRAS}]"),
        *("--constraint", _ROOT / "constraints.txt", "--find-links", _ROOT / "wheels"),
        *("--dest", folder),
    )
    return folder


def test_the_sdist_has_what_git_has() -> None:
    with tarfile.open(_ROOT / f"dist/{_NAME}.tar.gz") as sdist:
        files = {each.name.removeprefix(f"{_NAME}/") for each in sdist if each.isfile()}
    tracked = {*_run("git", "-C", _ROOT, "ls-files", "-z").split("\0")} - {""}

    assert {file for file in files if ".egg-info/" not in file} - _MADE == tracked


def test_the_wheel_has_the_library_its_licence_and_all_that_is_no_code() -> None:
    names = {*zipfile.ZipFile(_WHEEL).namelist()}
    library = {
        path.relative_to(_ROOT).as_posix()
        for path in _ROOT.glob("nas_lib/**/*")
        if path.is_file() and path.suffix != ".pyc"
    }

    assert {name for name in names if name.startswith("nas_lib/")} == library
    assert f"{_NAME}.dist-info/licenses/LICENSE" in names
    assert {"kfp_nas/pipelines/nas_search/pipeline.py", "nas_lib/py.typed"} <= names
    assert not [name for name in names if "test" in name or name.startswith("benchmarks")]


def test_its_description_has_no_link_into_the_repository() -> None:
    description = zipfile.ZipFile(_WHEEL).read(f"{_NAME}.dist-info/METADATA").decode()

    assert "What is read of images (docs/data.md)" in description
    assert "](" not in description.replace("](http", "")


def test_pip_installs_it_from_a_folder_and_the_demo_finds_a_network(
    python: Path, wheels: Path, tmp_path: Path
) -> None:
    _run(
        *(python, "-m", "pip", "install", "--quiet", "--no-index", "--find-links", wheels),
        f"kfp-nas[{_EXTRAS}]",
    )

    nas = python.with_name("nas")
    told = _run(
        *(nas, "search", "digits", "--workers", "2", "--set", "search.max_children=8"),
        *("--set", "children.epochs=1"),
        folder=tmp_path,
    )

    assert _run(nas, "--version") == f"kfp-nas, version {nas_lib.__version__}\n"
    assert "8 of 8 children" in told
    assert Path(told.splitlines()[-1].removeprefix("Report: ")).is_relative_to(tmp_path)
    assert list(tmp_path.glob("runs/digits/reports/*/report.html"))

    _run(nas, "export", "runs/digits", "-o", "model", folder=tmp_path)
    served = "application(open_model('model'))"
    _run(
        *(python, "-c", f"from nas_lib.models import *; from nas_lib.serving import *; {served}"),
        folder=tmp_path,
    )


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("uv", ("tool", "install", "--no-index", "--find-links={}")),
        ("pipx", ("install", "--pip-args=--no-index --find-links={}")),
    ],
)
def test_it_is_a_tool_in_an_environment_of_its_own(
    tool: str, arguments: tuple[str, ...], wheels: Path, tmp_path: Path
) -> None:
    places = ("PIPX_HOME", "PIPX_BIN_DIR", "UV_TOOL_DIR", "UV_TOOL_BIN_DIR", "UV_CACHE_DIR")
    where = {name: str(tmp_path / name) for name in places}
    filled = (argument.format(wheels) for argument in arguments)

    _run(
        _TOOLS / tool, *filled, "--python", sys.executable, f"kfp-nas[{_EXTRAS}]", environment=where
    )

    nas = tmp_path / {"uv": "UV_TOOL_BIN_DIR", "pipx": "PIPX_BIN_DIR"}[tool] / "nas"
    assert "digits" in _run(nas, "presets")


def _run(
    *command: str | Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a command that finds nothing of ours but what it is given; return what it says."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if "download" not in command:  # what is configured helps to fill the folder, and nothing else
        own = {name: value for name, value in own.items() if not name.startswith(("PIP_", "UV_"))}
        own["PIP_CONFIG_FILE"] = os.devnull
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=own | dict(environment or {})
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
