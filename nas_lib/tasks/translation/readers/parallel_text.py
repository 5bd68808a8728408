"""Parallel text: columns with tabs between them, a pair a line, in one file or three."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import IO, Final

from nas_lib.config import ParallelTextData
from nas_lib.data.allowance import Allowance
from nas_lib.data.archives import SUFFIXES
from nas_lib.data.data_file import DataFile
from nas_lib.data.decoding import NUL, decoded
from nas_lib.data.file_sets import FileSet, choose, open_files
from nas_lib.data.paths import existing_file, kind_of, user_path
from nas_lib.errors import DataError, one_line
from nas_lib.tasks.translation.raw import PARTS, Fault, OnError, Pair, Part, RawPairs, WrongLines

_NAME: Final = re.compile(r"(train|valid|val|validation|dev|test)\.tsv")
_ROLES: Final = {"train": "train.tsv", "test": "test.tsv"}
_UNDECODED: Final = re.compile("[\udc80-\udcff]")
_LONGEST_LINE: Final = 2**20
_PAIR_BYTES: Final = 250  # what Python takes for a pair beside its characters, about
_HELD_OUT: Final = {0: "valid", 1: "test"}


def read_parallel_text(
    config: ParallelTextData, allowance: Allowance, *, on_error: OnError
) -> RawPairs:
    """Read the pairs, of one file split by a hash, or of three.

    Args:
        config: Where they are.
        allowance: How much memory they may take unpacked.
        on_error: What becomes of lines that are no pair.

    Raises:
        DataError: They are missing, larger than allowed, or not what their format promises.
    """
    path = user_path(config.path)
    if kind_of(path) == "a folder" or path.name.lower().endswith(SUFFIXES):
        return _three_files(config, allowance, on_error)
    return _one_file(config, allowance, on_error)


def _three_files(config: ParallelTextData, allowance: Allowance, on_error: OnError) -> RawPairs:
    wanted = FileSet(
        "three files (train.tsv, valid.tsv and test.tsv)",
        tuple(f"{name}.tsv" for name in PARTS),
        _role,
    )
    parts: dict[str, Part] = {}
    wrong: dict[str, WrongLines] = {}
    with open_files(config.path, allowance) as files:
        chosen = choose(config.path, files, wanted)
        for name, file in chosen.items():
            wrong[name] = _wrong_lines(file.where, config)
            pairs = [pair for pair, _ in _pairs(file, config, wrong[name])]
            parts[name] = Part(file.where, pairs)
        place = chosen[wanted.names[0]].place
    notices = tuple(each for name in wanted.names for each in wrong[name].settle(on_error))
    train, valid, test = (parts[name] for name in wanted.names)
    return RawPairs(f"pairs in {place}", train, valid, test, notices)


def _role(name: str) -> tuple[str, str] | None:
    if (match := _NAME.fullmatch(name)) is None:
        return None
    return "", _ROLES.get(match[1], "valid.tsv")


def _one_file(config: ParallelTextData, allowance: Allowance, on_error: OnError) -> RawPairs:
    path = existing_file(config.path)
    where = one_line(path)

    def stream() -> IO[bytes]:
        return path.open("rb")

    name, num_bytes = PurePosixPath(path.name), path.stat().st_size
    file = DataFile(name, where, one_line(path.parent), num_bytes, stream, allowance)
    wrong = _wrong_lines(where, config)
    pairs: dict[str, list[Pair]] = defaultdict(list)
    for pair, key in _pairs(file, config, wrong):
        pairs[_HELD_OUT.get(zlib.crc32(key.encode()) % config.parts, "train")].append(pair)
    notices = wrong.settle(on_error)
    train, valid, test = (Part(where, pairs[part]) for part in PARTS)
    return RawPairs(where, train, valid, test, notices)


def _wrong_lines(where: str, config: ParallelTextData) -> WrongLines:
    columns = f"columns {config.source} and {config.target}"
    return WrongLines(where, f"a sentence and its translation in {columns} of each line")


def _pairs(
    file: DataFile, config: ParallelTextData, wrong: WrongLines
) -> Iterator[tuple[Pair, str]]:
    """Yield the pairs of a file, and what decides of each which part it is of."""
    for number, line in enumerate(_lines(file), start=1):
        file.allowance.take(_PAIR_BYTES, file.where)
        columns = line.split("\t")
        if fault := _fault(line, columns, config):
            wrong.add(number, fault)
            continue
        pair = Pair(columns[config.source - 1].strip(), columns[config.target - 1].strip(), number)
        yield pair, "/".join(columns[at - 1] for at in config.split_by) or pair.source


def _fault(line: str, columns: Sequence[str], config: ParallelTextData) -> Fault | None:
    """Say why a line is no pair; None where it is one."""
    least = max(config.source, config.target, *config.split_by)
    if not line.strip():
        return "empty line", ""
    if _UNDECODED.search(line):
        return "line", " not in UTF-8"
    if NUL in line:
        return "line", " with a NUL, as of UTF-16 without a mark that says so"
    if len(columns) < least:
        return "line", " without a tab" if len(columns) == 1 else f" of fewer than {least} columns"
    empty = [at for at in (config.source, config.target) if not columns[at - 1].strip()]
    return ("line", f" with nothing in column {empty[0]}") if empty else None


def _lines(file: DataFile) -> Iterator[str]:
    """Yield the lines, without what ends them on Unix or on Windows.

    Raises:
        DataError: One is too long to be one, or there is none.
    """
    rest, is_empty = "", True
    for piece in decoded(file, by_line=True):
        is_empty = is_empty and not piece
        *whole, rest = (rest + piece).split("\n")
        if len(rest) > _LONGEST_LINE:
            raise DataError(f"{file.where}: expected lines, got one of a MiB or more")
        for line in whole:
            yield line.removesuffix("\r")
    if is_empty:
        raise DataError(f"{file.where}: expected pairs of sentences, got an empty file")
    if rest:
        yield rest
