"""Which folders of an image folder are of which part and class, and what lies beside them."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final, Literal

from nas_lib.data.paths import entries, file_within, folder_within, is_of_a_system
from nas_lib.errors import DataError, one_line, plural
from nas_lib.tasks.images.readers.pictures import picture_suffixes

PartName = Literal["train", "valid", "test"]

PARTS: Final[dict[str, PartName]] = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}
"""What folders with the parts of a data set are called."""
_LONGEST_NAME = 40
_MOST_NAMED = 6  # folders in a sentence
_EXPECTED = (
    "expected one subfolder of images per class, or train, val (or valid) and test with such "
    "subfolders in each"
)


@dataclass(frozen=True)
class ClassFolder:
    """A folder whose pictures are of one class.

    Attributes:
        path: The folder.
        class_name: Its name in Unicode's composed form: some systems store `é` as two characters.
        files: Their names in it, pictures or not.
        num_deeper: Files in its subfolders.
    """

    path: Path
    class_name: str
    files: tuple[str, ...]
    num_deeper: int


@dataclass(frozen=True)
class ClassFolders:
    """All the folders of classes in an image folder.

    Attributes:
        parts: Of each part that there is, in order of their names.
        num_beside: Files that lie in no folder of a class, by where they lie.
    """

    parts: dict[PartName, tuple[ClassFolder, ...]]
    num_beside: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[ClassFolder]:
        """Yield the folders of all parts."""
        return chain.from_iterable(self.parts.values())


def find_class_folders(root: Path) -> ClassFolders:
    """Find `<class>/`, or `train/<class>/` and the like for validation and test.

    Nothing of what systems leave in folders is looked at.

    Raises:
        DataError: There are no classes; a part is there twice; it is a mixture of both; a folder
            cannot be listed; or there is anything but files and folders of this image folder (a
            pipe, a link out of it).
    """
    folders, files = _entries(root, root)
    part_folders = _part_folders(root, folders)
    found = ClassFolders(parts={})
    found.num_beside["beside the folders"] += len(files)
    if not part_folders:
        found.parts["train"] = tuple(_class_folders(root, root, found))
        return found
    for part, folder in part_folders.items():
        found.parts[part] = tuple(_class_folders(root, folder, found))
    for folder in folders:
        if folder not in part_folders.values():
            name = one_line(folder.name, _LONGEST_NAME)
            found.num_beside[f"in the folder {name}"] += _num_files(folder)
    return found


def _part_folders(root: Path, folders: list[Path]) -> dict[PartName, Path]:
    """Return the folder of each part; none where the folders themselves are classes.

    "train" may be a class: cars, planes, trains. It is one where it has files, and no subfolders,
    beside other folders, none of which is called as another part is.
    """
    found = _called_as_parts(root, folders)
    others = [folder for folder in folders if folder not in found.values()]
    if not found:
        return {}
    if "train" not in found:
        raise _mixture(root, folders, "none of training images")
    has_classes = bool(_entries(root, found["train"])[0])
    if not has_classes and others and len(found) == 1:
        return {}
    if not has_classes:
        raise _mixture(root, folders, f"no subfolders in {found['train'].name}")
    if mixed := _like_classes(root, found, others):
        name = one_line(mixed.name, _LONGEST_NAME)
        raise _mixture(root, folders, f"{name} beside {found['train'].name}")
    return found


def _called_as_parts(root: Path, folders: list[Path]) -> dict[PartName, Path]:
    found: dict[PartName, Path] = {}
    for folder in folders:
        part = PARTS.get(folder.name.lower())
        if part is None:
            continue
        if part in found:
            raise DataError(
                f"{one_line(root)}: expected one folder of {part} images, got {found[part].name} "
                f"and {folder.name}"
            )
        found[part] = folder
    return found


def _like_classes(root: Path, parts: dict[PartName, Path], others: list[Path]) -> Path | None:
    """Return a folder beside those of parts that has pictures, or classes of theirs, in it."""
    classes = {folder.name for part in parts.values() for folder in _entries(root, part)[0]}
    for folder in others:
        folders, files = _entries(root, folder)
        if any(file.suffix.lower() in picture_suffixes() for file in files):
            return folder
        if any(each.name in classes for each in folders):
            return folder
    return None


def _mixture(root: Path, folders: list[Path], what: str) -> DataError:
    """Return the error for folders that are neither all classes nor all parts."""
    shown = [_described(root, folder) for folder in folders[:_MOST_NAMED]]
    more = len(folders) - len(shown)
    got = ", ".join([*shown, f"{more:,} more"] if more else shown)
    return DataError(
        f"{one_line(root)}: {_EXPECTED}, got {what}: there are {got}; move away, or rename, what "
        "is neither"
    )


def _described(root: Path, folder: Path) -> str:
    folders, files = _entries(root, folder)
    name = one_line(folder.name, _LONGEST_NAME)
    has = [plural(len(folders), "folder")] if folders else []
    has += [plural(len(files), "file")] if files or not folders else []
    return f"{name} ({' and '.join(has)})"


def _class_folders(root: Path, part: Path, found: ClassFolders) -> Iterator[ClassFolder]:
    folders, files = _entries(root, part)
    if not folders:
        raise DataError(f"{one_line(part)}: expected one subfolder of images per class, got none")
    if part != root:
        found.num_beside["beside the folders"] += len(files)
    for folder in folders:
        deeper, within = _entries(root, folder)
        num_deeper = sum(map(_num_files, deeper))
        names = tuple(file.name for file in within)
        yield ClassFolder(folder, _class_name(folder), names, num_deeper)


def _class_name(folder: Path) -> str:
    try:
        folder.name.encode()
    except UnicodeEncodeError as err:
        where = one_line(folder)
        raise DataError(f"{where}: expected a name in UTF-8: rename the folder") from err
    return unicodedata.normalize("NFC", folder.name)


def _entries(root: Path, folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder by name, but for those of systems."""
    try:
        folders, files = [], []
        for entry in entries(folder):
            path = folder / entry.name
            if entry.is_dir():
                folders.append(folder_within(root, path) if entry.is_symlink() else path)
            else:
                is_plain = entry.is_file(follow_symlinks=False)
                files.append(path if is_plain else file_within(root, path))
    except OSError as err:
        raise DataError(
            f"{one_line(folder)}: expected a folder, but it cannot be listed: {one_line(err)}"
        ) from err
    return folders, files


def _num_files(folder: Path) -> int:
    """Return how many files lie in a folder, however deep, but for those of systems."""
    count = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_of_a_system(name)]
        count += sum(not is_of_a_system(name) for name in files)
    return count
