"""Parallel text: what is read of it, and each thing that may be wrong with a line."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from allowances import AMPLE
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nas_lib.config import ParallelTextData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.translation.raw import OnError, RawPairs
from nas_lib.tasks.translation.readers import read_parallel_text

GOOD = [f"s{number}\tt{number}" for number in range(40)]


def read(path: Path, on_error: OnError = "refuse", **settings: Any) -> RawPairs:
    config = ParallelTextData(**{"path": str(path), "parts": 4, **settings})
    return read_parallel_text(config, AMPLE, on_error=on_error)


def written(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    """Write good lines, and these after them: from line 41."""
    path.write_bytes("".join(f"{line}\n" for line in (*GOOD, *lines)).encode(encoding))
    return path


def all_pairs(raw: RawPairs) -> list[tuple[str, str]]:
    pairs = sorted((pair for part in raw.parts for pair in part.pairs), key=lambda each: each.line)
    return [(pair.source, pair.target) for pair in pairs]


class TestOneFile:
    def test_the_hash_of_a_sentence_says_which_part_its_line_is_of(self, tmp_path: Path) -> None:
        raw = read(written(tmp_path / "pairs.tsv"))

        assert all_pairs(raw) == [(f"s{number}", f"t{number}") for number in range(40)]
        for rest, part in ((0, raw.valid), (1, raw.test)):
            expected = [line.split("\t")[0] for line in GOOD]
            expected = [each for each in expected if zlib.crc32(each.encode()) % 4 == rest]
            assert [pair.source for pair in part.pairs] == expected != []

    def test_lines_with_the_same_values_in_some_columns_stay_together(self, tmp_path: Path) -> None:
        lines = [f"manual\t{name}\tword {n}\tWort {n}" for name in "abcdefgh" for n in range(3)]
        (tmp_path / "pairs.tsv").write_text("\n".join(lines))

        raw = read(tmp_path / "pairs.tsv", source=3, target=4, split_by=(1, 2))

        for number, part in enumerate((raw.valid, raw.test)):
            files = [
                each for each in "abcdefgh" if zlib.crc32(f"manual/{each}".encode()) % 4 == number
            ]
            assert len(part) == 3 * len(files) > 0

    def test_a_line_is_a_pair_whatever_ends_it_and_whatever_else_it_has(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "pairs.tsv"
        path.write_bytes("\ufeffein \u2028 Haus\t a  house \tx\r\nzwei\ttwo".encode())
        raw = read(path)
        assert all_pairs(raw) == [("ein \u2028 Haus", "a  house"), ("zwei", "two")]
        assert raw.notices == ()

    def test_the_end_of_a_line_is_no_part_of_its_last_column(self, tmp_path: Path) -> None:
        path = tmp_path / "pairs.tsv"
        path.write_bytes(b"".join(b"a\tb\tfile %d\r\n" % number for number in range(8)))
        windows = read(path, split_by=(3,))
        path.write_bytes(path.read_bytes().replace(b"\r", b""))
        assert windows.parts == read(path, split_by=(3,)).parts

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
    def test_a_mark_says_how_it_is_encoded(self, tmp_path: Path, encoding: str) -> None:
        raw = read(written(tmp_path / "pairs.tsv", "Gr\u00f6\u00dfe\tsize", encoding=encoding))
        assert all_pairs(raw)[40] == ("Gr\u00f6\u00dfe", "size")

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
    def test_it_may_be_packed(self, tmp_path: Path, pack: Any) -> None:
        path = written(tmp_path / "pairs.tsv")
        path.write_bytes(pack(path.read_bytes()))
        assert len(all_pairs(read(path))) == 40

    def test_it_may_not_take_more_memory_than_allowed(self, tmp_path: Path) -> None:
        config = ParallelTextData(path=str(written(tmp_path / "pairs.tsv")))
        with pytest.raises(DataError, match=r"set resources\.unpacked_mb"):
            read_parallel_text(config, Allowance(5_000), on_error="skip")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "pairs.tsv: expected pairs of sentences, got an empty file"),
            (b"a" * 2**21, "pairs.tsv: expected lines, got one of a MiB or more"),
            (b"\xff\xfea\x00\x00", r"expected text in UTF-16, got 00 at byte 4"),
            (lzma.compress(b"a\tb\n" * 9)[:-9], "pairs.tsv: cannot be read"),
        ],
    )
    def test_what_is_no_text_is_refused(self, tmp_path: Path, content: bytes, message: str) -> None:
        path = tmp_path / "pairs.tsv"
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read(path, "skip")

    def test_what_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"pairs\.tsv: expected a file, got nothing"):
            read(tmp_path / "pairs.tsv")

    def test_a_language_is_not_translated_into_itself(self) -> None:
        with pytest.raises(ValidationError, match="source and target are both column 2"):
            ParallelTextData(path="pairs.tsv", source=2)


WRONG = [
    (["", " \t "], "2 empty lines (lines 41 and 42)"),
    (["nothing beside it"], "1 line without a tab (line 41)"),
    (["\tohne"], "1 line with nothing in column 1 (line 41)"),
    (["without\t "], "1 line with nothing in column 2 (line 41)"),
    (["a\udcfc\tb"], "1 line not in UTF-8 (line 41)"),
    (
        ["\0a\0\t\0b\0"],
        "1 line with a NUL, as of UTF-16 without a mark that says so (line 41)",
    ),
    (["x", "a\tb", "y", "z", "x"], "4 lines without a tab (the first: lines 41, 43 and 44)"),
    (
        ["x", "", "\tx", ""],
        "1 line without a tab (line 41), 2 empty lines (lines 42 and 44) and "
        "1 line with nothing in column 1 (line 43)",
    ),
]


def write_lines(path: Path, lines: list[str]) -> None:
    """Write good lines, and these after them: from line 41; halves of characters as bytes."""
    text = "".join(f"{line}\n" for line in (*GOOD, *lines))
    path.write_bytes(text.encode(errors="surrogateescape"))


class TestWrongLines:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "pairs.tsv"

    @pytest.mark.parametrize(("lines", "found"), WRONG)
    def test_they_are_counted_in_one_sentence(
        self, path: Path, lines: list[str], found: str
    ) -> None:
        write_lines(path, lines)
        with pytest.raises(DataError) as err:
            read(path)
        assert str(err.value) == (
            f"{path}: expected a sentence and its translation in columns 1 and 2 of each line, got "
            f"{found}: correct them, or leave them out by task.on_error: skip"
        )

    @pytest.mark.parametrize(("lines", "found"), WRONG)
    def test_or_they_are_left_out_and_counted(
        self, path: Path, lines: list[str], found: str
    ) -> None:
        write_lines(path, lines)
        raw = read(path, "skip")
        was = "was" if found.startswith("1 ") and " and " not in found else "were"
        assert raw.notices == (f"{path}: {found} {was} left out",)
        kept = [pair for pair in all_pairs(raw) if not pair[0].startswith("s")]
        assert kept == [("a", "b")] * lines.count("a\tb")

    def test_each_line_has_all_the_columns_that_count(self, path: Path) -> None:
        path.write_text("a\tb\tc\nd\te\nf\n")
        found = r"1 line of fewer than 3 columns \(line 2\) and 1 line without a tab \(line 3\)"
        with pytest.raises(DataError, match=f"in columns 3 and 1 of each line, got {found}"):
            read(path, source=3, target=1)
        with pytest.raises(DataError, match=found):
            read(path, split_by=(3,))

    def test_latin_1_is_told_line_by_line(self, path: Path) -> None:
        written(path, "Gr\u00f6\u00dfe\tsize", "a\tb", "\u00dcbel\tevil", encoding="latin-1")
        with pytest.raises(DataError, match=r"got 2 lines not in UTF-8 \(lines 41 and 43\)"):
            read(path)
        assert all_pairs(read(path, "skip"))[40:] == [("a", "b")]

    @given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=12))
    @settings(max_examples=60)
    def test_each_line_is_a_pair_or_is_counted(
        self, tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "pairs.tsv"
        path.write_bytes(b"a\tb\n" + b"".join(line + b"\n" for line in lines))
        raw = read(path, "skip")
        counted = re.findall(r"(\d+) (?:empty )?lines?\b", " ".join(raw.notices))
        assert len(all_pairs(raw)) + sum(map(int, counted)) == len(lines) + 1


PARTS = {"train": ("a\tb", "c\td", "c\td"), "valid": ("e\tf",), "test": ("g\th", "i\tj")}


class TestThreeFiles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "pairs"
        folder.mkdir()
        for name, lines in PARTS.items():
            (folder / f"{name}.tsv").write_text("\n".join(lines))
        return folder

    def expect(self, raw: RawPairs) -> None:
        found = [[f"{pair.source}\t{pair.target}" for pair in part.pairs] for part in raw.parts]
        assert found == [list(lines) for lines in PARTS.values()]

    def test_a_folder_of_them(self, folder: Path) -> None:
        raw = read(folder)
        self.expect(raw)
        assert raw.source == f"pairs in {folder}"
        assert raw.test.where == str(folder / "test.tsv")

    @pytest.mark.parametrize("name", ["dev.tsv", "val.tsv", "validation.tsv"])
    def test_validation_has_other_names(self, folder: Path, name: str) -> None:
        (folder / "valid.tsv").rename(folder / name)
        self.expect(read(folder))

    def test_an_archive_of_them(self, folder: Path) -> None:
        zipped, packed = folder.with_suffix(".zip"), folder.with_suffix(".tar.gz")
        with zipfile.ZipFile(zipped, "w") as archive, tarfile.open(packed, "w:gz") as tar:
            for name in PARTS:
                archive.write(folder / f"{name}.tsv", f"x/{name}.tsv")
                tar.add(folder / f"{name}.tsv", f"x/{name}.tsv")
        self.expect(read(zipped))
        self.expect(read(packed))

    def test_one_that_is_missing_is_named(self, folder: Path) -> None:
        (folder / "valid.tsv").unlink()
        with pytest.raises(DataError, match=r"valid\.tsv is not there"):
            read(folder)

    def test_wrong_lines_are_told_of_each(self, folder: Path) -> None:
        for name in ("train", "test"):
            (folder / f"{name}.tsv").write_text("a\tb\n\nc\td\n")
        with pytest.raises(DataError, match=r"train.tsv: expected .*, got 1 empty line \(line 2\)"):
            read(folder)
        assert read(folder, "skip").notices == tuple(
            f"{folder}/{name}.tsv: 1 empty line (line 2) was left out" for name in ("train", "test")
        )
