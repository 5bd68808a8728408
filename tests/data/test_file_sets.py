"""Which files are meant: those with the right names, and never one of several by chance."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest

from nas_lib.data.allowance import Allowance
from nas_lib.data.file_sets import FileSet, choose, open_files
from nas_lib.errors import DataError


def role_of(name: str) -> tuple[str, str] | None:
    match = re.fullmatch(r"(.*)(left|right)[-.]shoe", name)
    return (match[1], f"{match[2]}-shoe") if match else None


SHOES = FileSet("a pair of shoes", ("left-shoe", "right-shoe"), role_of)


def chosen(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    with open_files(str(folder), Allowance(0)) as files:
        return {role: str(file.name) for role, file in choose(str(folder), files, SHOES).items()}


@pytest.mark.parametrize(
    "pair",
    [
        ("left-shoe", "right-shoe"),
        ("left.shoe", "right-shoe"),
        ("left-shoe.gz", "right-shoe.bz2"),
        ("red-left-shoe", "red-right-shoe"),
        ("box/left-shoe", "box/right-shoe"),
        ("a/b/c/left-shoe", "a/b/c/right-shoe"),
        ("left-shoe/left-shoe", "right-shoe/right-shoe"),
    ],
)
def test_the_only_pair_is_found(tmp_path: Path, pair: tuple[str, str]) -> None:
    assert set(chosen(tmp_path, *pair, "other", "box/other").values()) == set(pair)


def test_the_pair_in_the_folder_itself_comes_before_those_below(tmp_path: Path) -> None:
    names = ("left-shoe", "right-shoe")
    below = [f"{folder}/{name}" for folder in ("old", "new") for name in names]
    kaggle = [f"{name}/{name}" for name in ("left.shoe", "right.shoe")]
    assert set(chosen(tmp_path, *names, *below, *kaggle).values()) == set(names)


def test_of_a_file_and_its_packed_form_the_file_is_taken(tmp_path: Path) -> None:
    found = chosen(tmp_path, "left-shoe", "left-shoe.gz", "right-shoe.gz", "right-shoe")
    assert found == {"left-shoe": "left-shoe", "right-shoe": "right-shoe"}


def test_files_are_given_in_the_order_in_which_they_lie(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in ("right-shoe", "left-shoe"):
            archive.addfile(tarfile.TarInfo(name))
    with open_files(str(tmp_path / "x.tar"), Allowance(0)) as files:
        assert list(choose("x.tar", files, SHOES)) == ["right-shoe", "left-shoe"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ("a/left-shoe", "a/right-shoe", "b/left-shoe", "b/right-shoe"),
            "expected a pair of shoes once, got a/left-shoe, b/left-shoe with the files",
        ),
        (
            ("red-left-shoe", "red-right-shoe", "left-shoe", "right-shoe"),
            "once, got left-shoe, red-left-shoe with the files that belong to each: leave one",
        ),
        (
            ("left-shoe", "left.shoe", "right-shoe"),
            "expected one of these files, got left-shoe and left.shoe: leave one",
        ),
        (
            ("left-shoe.gz", "left-shoe.bz2", "right-shoe"),
            "expected one of these files, got left-shoe.bz2 and left-shoe.gz",
        ),
    ],
)
def test_what_may_mean_several_is_refused(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        chosen(tmp_path, *names)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            (),
            "expected a pair of shoes, but left-shoe, right-shoe are not there; there is no other",
        ),
        (
            ("left-shoe", "hat", "box/right_shoe"),
            "but right-shoe is not there; the nearest name there is box/right_shoe",
        ),
        (
            ("a/left-shoe", "b/right-shoe"),
            "but right-shoe is not there; the nearest name there is ",
        ),
        (("shoes.tar.gz",), "shoes.tar.gz is an archive: give it as the path"),
    ],
)
def test_where_there_is_no_pair_the_nearest_name_is_told(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        chosen(tmp_path, *names)
