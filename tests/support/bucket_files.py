"""Files of a folder, put into a bucket."""

from __future__ import annotations

from pathlib import Path

from nas_lib.store.open import open_bucket


def put_files(folder: Path, uri: str) -> None:
    """Let each file below a folder be an object below an address, by the same name."""
    store = open_bucket(uri)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.replace(path.relative_to(folder).as_posix(), path.read_bytes())
