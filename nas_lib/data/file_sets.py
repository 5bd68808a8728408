"""The files of a data set, found by the names under which it is published."""

from __future__ import annotations

import difflib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Final

from nas_lib.data import archives
from nas_lib.data.allowance import Allowance
from nas_lib.data.data_file import DataFile, readable
from nas_lib.data.paths import entries, file_within, kind_of, user_path
from nas_lib.errors import DataError, one_line

_DEEPEST: Final = 3  # torchvision's root has MNIST/raw below it
_MOST_FILES: Final = 100_000
_MOST_COMPARED: Final = 1_000
_PACKED: Final = (".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class FileSet:
    """What a data set is made of.

    Attributes:
        what: What it is, for errors.
        names: Its files, by the names that they are asked for.
        role_of: Tells of the name of a file, without a suffix for packing, which set it belongs
            to and which of `names` it is; None for any other file.
    """

    what: str
    names: tuple[str, ...]
    role_of: Callable[[str], tuple[str, str] | None]


@contextmanager
def open_files(text: str, allowance: Allowance) -> Iterator[list[DataFile]]:
    """List the files of a folder and those below it, or of an archive.

    Args:
        text: The path; `~` is the home folder.
        allowance: What the files may take unpacked.

    Raises:
        DataError: It is neither, cannot be read, or holds too much.
    """
    path = user_path(text)
    kind, where = kind_of(path), one_line(path)
    with ExitStack() as stack:
        with readable(where):
            if kind == "a folder":
                found = _in_folder(path, allowance)
            elif kind == "a file":
                found = archives.in_archive(path, allowance, stack)
            else:
                raise DataError(f"{where}: expected a folder or an archive, got {kind}")
            files = list(islice(found, _MOST_FILES + 1))
        if len(files) > _MOST_FILES:
            raise DataError(
                f"{where}: expected at most {_MOST_FILES:,} files in it, got more: give the folder "
                "that holds the data"
            )
        yield files


def _in_folder(root: Path, allowance: Allowance) -> Iterator[DataFile]:
    """Yield the files of a folder, and some levels below it; linked folders are passed over."""

    def in_one(folder: Path, depth: int) -> Iterator[DataFile]:
        for entry in entries(folder):
            path = folder / entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield _file(root, path, allowance)
            elif depth < _DEEPEST and os.access(path, os.R_OK | os.X_OK):
                yield from in_one(path, depth + 1)

    return in_one(root, 0)


def _file(root: Path, path: Path, allowance: Allowance) -> DataFile:
    def stream() -> IO[bytes]:
        return file_within(root, path).open("rb")

    name = PurePosixPath(path.relative_to(root).as_posix())
    if path.is_dir():  # a link; it is listed for the sentence on what was found
        name = name.with_name(f"{name.name} (a link to a folder)")
    num_bytes = path.stat().st_size if path.exists() else 0
    where, place = one_line(path), one_line(path.parent)
    return DataFile(name, where, place, num_bytes, stream, allowance)


# --- which of them are meant --------------------------------------------------------------------


def choose(path: str, files: Sequence[DataFile], wanted: FileSet) -> dict[str, DataFile]:
    """Return the file of each name, in the order of `files`.

    All lie in one folder, that which is the least deep; or they are the only ones that there are.

    Args:
        path: What the user gave, for errors.
        files: All that was found there.
        wanted: What is looked for.

    Raises:
        DataError: There is no such set, or more than one that may be meant.
    """
    path = one_line(path)
    sets = _sets(files, wanted)
    whole = [found for found in sets.values() if len(found) == len(wanted.names)]
    if not whole:
        raise DataError(_missing(path, files, wanted, max(sets.values(), key=len, default={})))
    least = min(map(_depth, whole))
    nearest = [found for found in whole if _depth(found) == least]
    if len(nearest) > 1:
        firsts = ", ".join(str(found[wanted.names[0]][0].name) for found in nearest)
        raise DataError(
            f"{path}: expected {wanted.what} once, got {one_line(firsts, 300)} with the files that "
            "belong to each: leave one of them there, or give its folder"
        )
    chosen = {_the_one(path, nearest[0][name]): name for name in wanted.names}
    return {chosen[file]: file for file in files if file in chosen}


_Found = dict[str, list[DataFile]]


def _sets(files: Sequence[DataFile], wanted: FileSet) -> dict[tuple[PurePosixPath, str], _Found]:
    """Return the files that may be meant: by the folder and set that they are of, by role."""
    sets: dict[tuple[PurePosixPath, str], _Found] = defaultdict(lambda: defaultdict(list))
    for file in files:
        stem, folder = _stem(file.name.name), file.name.parent
        if stem and folder.name == stem:  # unpacked into a folder of its own, as some programs do
            folder = folder.with_name("*")
        if found := wanted.role_of(stem):
            which, role = found
            sets[folder, which][role].append(file)
    return sets


def _stem(name: str) -> str:
    return next((name.removesuffix(each) for each in _PACKED if name.endswith(each)), name)


def _depth(found: _Found) -> int:
    return min(len(file.name.parts) for files in found.values() for file in files)


def _the_one(path: str, files: list[DataFile]) -> DataFile:
    """Return the file of a name: the only one, or that which is not packed of two of that name."""
    plain = [file for file in files if file.name.name == _stem(file.name.name)]
    stems = {_stem(file.name.name) for file in files}
    if len(files) == 1 or (len(plain) == 1 and len(stems) == 1):
        return plain[0] if plain else files[0]
    names = " and ".join(str(file.name) for file in files)
    raise DataError(
        f"{path}: expected one of these files, got {one_line(names, 300)}: leave one of them there"
    )


def _missing(path: str, files: Sequence[DataFile], wanted: FileSet, best: _Found) -> str:
    missing = [name for name in wanted.names if name not in best]
    are = "is" if len(missing) == 1 else "are"
    found = f"{path}: expected {wanted.what}, but {', '.join(missing)} {are} not there"
    packed = [file.where for file in files if file.name.name.lower().endswith(archives.SUFFIXES)]
    if packed:
        return f"{found}; {packed[0]} is an archive: give it as the path"
    used = {id(file) for role in best.values() for file in role}
    others = {file.name.name: file for file in files[:_MOST_COMPARED] if id(file) not in used}
    near = difflib.get_close_matches(missing[0], others, n=1, cutoff=0.0)
    if not near:
        return f"{found}; there is no other file"
    return f"{found}; the nearest name there is {one_line(others[near[0]].name)}"
