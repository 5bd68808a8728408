"""Tables of pictures with several labels, or with a number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from allowances import AMPLE
from image_files import write_png

from nas_lib.config import ImageTableData, ImageTarget
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import RawImages
from nas_lib.tasks.images.readers import read_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures."""
    for number in range(4):
        write_png(tmp_path / f"{number}.png", np.full((4, 4, 3), number, np.uint8))
    return tmp_path


def csv_of(folder: Path, header: str, cells: Sequence[str]) -> Path:
    lines = [f"{number}.png,{cell}" for number, cell in enumerate(cells)]
    path = folder / "table.csv"
    path.write_text("\n".join([f"path,{header}", *lines]) + "\n")
    return path


def read(path: Path, target: ImageTarget, **settings: Any) -> RawImages:
    return read_images(ImageTableData(path=str(path), size=4, **settings), AMPLE, target)


LISTS = [["cat", "dog"], [], ["cat"], ["bird"]]
ROWS = [[0, 1, 1], [0, 0, 0], [0, 1, 0], [1, 0, 0]]


def test_the_labels_of_a_cell_stand_between_separators_and_an_empty_one_has_none(
    folder: Path,
) -> None:
    raw = read(csv_of(folder, "labels", ["dog| cat", "", "cat|", "bird"]), "labels")
    assert (raw.class_names, raw.train.labels.tolist()) == (("bird", "cat", "dog"), ROWS)

    path = csv_of(folder, "labels", ["cat dog", "", "cat", "bird"])
    spaced = read(path, "labels", separator=" ")
    assert spaced.train.labels.tolist() == ROWS


def test_lists_of_labels_are_read_from_json_lines_and_parquet(folder: Path) -> None:
    rows = [{"path": f"{number}.png", "labels": each} for number, each in enumerate(LISTS)]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")

    for name in ("a.jsonl", "a.parquet"):
        raw = read(folder / name, "labels")
        assert (raw.class_names, raw.train.labels.tolist()) == (("bird", "cat", "dog"), ROWS)
        assert raw.train.labels.dtype == np.uint8


def test_a_column_for_each_label_has_zeros_and_ones(folder: Path) -> None:
    path = csv_of(folder, "dog,cat,bird", ["1,1,0", "0,0,0", "false,True,0.0", "0,0,1"])
    raw = read(path, "labels", label_columns=("bird", "cat", "dog"))
    assert (raw.class_names, raw.train.labels.tolist()) == (("bird", "cat", "dog"), ROWS)


def test_pictures_beside_a_table_in_the_folder_where_one_is_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "more").mkdir()
    write_png(folder / "more" / "5.png", np.zeros((4, 4, 3), np.uint8))
    path = csv_of(folder, "value", ["1", "2", "3", "4"])

    (_, unnamed) = read(Path(path.name), "number").notices

    assert unnamed == "1 picture file in . named by no line, such as more/5.png"


def test_numbers_are_what_their_column_has(folder: Path) -> None:
    raw = read(csv_of(folder, "value", ["1", "-2.5", " 1e3 ", "0.125"]), "number")

    assert raw.class_names == ("value",)
    assert raw.train.labels.tolist() == [1, -2.5, 1000, 0.125]
    assert raw.notices == ("columns were taken by their names: path as image, value as label",)
    assert read(csv_of(folder, "age", ["1", "2", "3", "4"]), "number", label="age").class_names == (
        "age",
    )


@pytest.mark.parametrize(
    ("target", "header", "cells", "settings", "sentence"),
    [
        (
            "number",
            "y",
            ["1", "", "3", "4"],
            {},
            "1 line without a finite number in 'y': line 3 (n",
        ),
        (
            "number",
            "y",
            ["1", "nan", "inf", "x"],
            {},
            "'y': line 3 ('nan'), line 4 ('inf'), line 5",
        ),
        ("number", "y", ["1", "2", "3", "4,5"], {}, "line 5 (3)"),
        (
            "labels",
            "a,b",
            ["1,0", "0,2", "0,1", "1,1"],
            {"label_columns": ("a", "b")},
            "with something else than 0 or 1 in a column of task.data.label_columns: line 3",
        ),
        ("labels", "a,b", ["1,0"] * 4, {"label_columns": ("a", "c")}, "expected a column 'c', got"),
        (
            "labels",
            "y,split",
            ["a,train", "b,test", "a|b,train", "c,val"],
            {},
            "of the validation images with a label that training lacks: line 5 ('c')",
        ),
        ("labels", "y", ["", "", "", ""], {}, "expected at least 1 label, got 0"),
    ],
)
def test_lines_that_tell_no_such_thing_are_refused_with_their_numbers(
    folder: Path,
    target: ImageTarget,
    header: str,
    cells: list[str],
    settings: dict[str, Any],
    sentence: str,
) -> None:
    with pytest.raises(DataError) as caught:
        read(csv_of(folder, header, cells), target, **settings)

    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
