"""Files of which each is a part: train.csv and test.csv, or NAME_TRAIN.ts and NAME_TEST.ts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nas_lib.data.paths import entries, existing_file, kind_of, user_path
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.images.readers.class_folders import PARTS
from nas_lib.tasks.series.found import PartName

CALLED: Final[dict[str, PartName]] = {"train": "training", "valid": "validation", "test": "test"}
_MOST_NAMED: Final = 5


def part_of_file(path: Path) -> PartName | None:
    """Return the part that a file's name begins or ends with, None where it names none."""
    words = re.split(r"[-_. ]", path.stem.lower())
    found = next((PARTS[word] for word in (words[0], words[-1]) if word in PARTS), None)
    return None if found is None else CALLED[found]


def part_files(text: str, suffixes: Sequence[str]) -> dict[PartName, Path]:
    """Return the files of the parts that lie at a path, training first.

    A single file is trained on, and with it `others_beside` it are read.

    Raises:
        DataError: There are none, or nobody can tell which parts they are.
    """
    path = user_path(text)
    if kind_of(path) != "a folder":
        file = existing_file(path)
        return {"training": file, **others_beside(file)}
    found = _files(path, suffixes)
    if len(found) == 1:
        return {"training": found[0]}
    parts = [part_of_file(each) for each in found]
    by_part = {part: each for part, each in zip(parts, found, strict=True) if part is not None}
    if len(by_part) != len(found) or "training" not in by_part:
        got = ", ".join(each.name for each in found[:_MOST_NAMED]) or "none"
        raise DataError(
            f"{one_line(path)}: expected one file ({', '.join(suffixes)}), or one for each part "
            "whose name begins or ends with train, valid and test, got "
            f"{one_line(got, 200)}: give the path of the one that is meant"
        )
    return {part: by_part[part] for part in CALLED.values() if part in by_part}


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    try:
        found = [Path(each.path) for each in entries(folder) if each.is_file()]
    except OSError as err:
        raise DataError(f"{one_line(folder)}: cannot be listed: {one_line(err)}") from err
    return [each for each in found if each.suffix.lower() in map(str.lower, suffixes)]


def others_beside(train: Path) -> dict[PartName, Path]:
    """Return the files beside one to train on that have its name, but for the part in it.

    None of a folder, or of a file whose name does not say that it is trained on.
    """
    if part_of_file(train) != "training" or kind_of(train) != "a file":
        return {}
    rest = _without_part(train)
    same = [each for each in _files(train.parent, [train.suffix]) if _without_part(each) == rest]
    found = {part_of_file(each): each for each in same if each != train}
    return {part: found[part] for part in CALLED.values() if part in found and part != "training"}


def beside_notice(text: str, files: dict[PartName, Path]) -> tuple[str, ...]:
    """Return what is said of files that were read and not named."""
    path = user_path(text)
    others = [each.name for each in files.values() if each != path]
    if kind_of(path) == "a folder" or not others:
        return ()
    return (f"beside {one_line(path.name, 60)}, {one_line(' and '.join(others), 120)} was read",)


def _without_part(path: Path) -> str:
    words = re.split(r"([-_. ])", path.stem.lower())
    return "".join(word for word in words if word not in PARTS)
