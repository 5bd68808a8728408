"""A folder with train.txt, valid.txt and test.txt, as Penn Treebank and WikiText come."""

from __future__ import annotations

from pathlib import Path

from nas_lib.config import TextFilesData
from nas_lib.data.allowance import Allowance
from nas_lib.data.paths import existing_file, existing_folder
from nas_lib.errors import DataError
from nas_lib.tasks.text.raw import END, RawText


def read_text_files(config: TextFilesData, allowance: Allowance) -> RawText:
    """Read the three texts: words between blanks, and an `<eos>` at the end of each line.

    Raises:
        DataError: A file is missing, empty, or not in UTF-8.
    """
    folder = existing_folder(config.path)
    train, valid, test = (_read(folder / f"{part}.txt") for part in ("train", "valid", "test"))
    return RawText(f"text folder {folder}", train, valid, test)


def _read(path: Path) -> list[str]:
    data = existing_file(str(path)).read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError as err:
        raise DataError(
            f"{path}: expected text in UTF-8, got {data[err.start : err.end].hex()} "
            f"at byte {err.start}"
        ) from err
    if not text.strip():
        raise DataError(f"{path}: expected words, got an empty file")
    lines = text.removesuffix("\n").split("\n")
    return [word for line in lines for word in (*line.split(), END)]
