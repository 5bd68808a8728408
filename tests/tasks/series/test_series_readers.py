from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from allowances import AMPLE
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_series import toy_series, ts_text

from nas_lib.config import SeriesNpzData, SeriesTableData, TsData
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import RawImages
from nas_lib.tasks.series.readers import read_series

HEADER = "@problemName x\n@timeStamps false\n@classLabel true a b\n@data\n"


def read(config: Any) -> RawImages:
    return read_series(config, AMPLE)


def ts(folder: Path, text: str, **data: Any) -> RawImages:
    (folder / "x.ts").write_text(text)
    return read(TsData(path=str(folder / "x.ts"), **data))


def table(folder: Path, text: str, **data: Any) -> RawImages:
    (folder / "x.csv").write_text(text)
    return read(SeriesTableData(path=str(folder / "x.csv"), **data))


def values(raw: RawImages) -> list[Any]:
    found: list[Any] = np.asarray(raw.train.images[:])[:, :, 0].tolist()
    return found


# --- .ts ------------------------------------------------------------------------------------------


def test_ts_files_of_two_parts_are_read_with_their_channels_and_classes(tmp_path: Path) -> None:
    series, labels = toy_series(20, seed=1)
    (tmp_path / "Toy_TRAIN.ts").write_text(ts_text(series, labels))
    (tmp_path / "Toy_TEST.ts").write_text(ts_text(series[:5], labels[:5]))

    raw = read(TsData(path=str(tmp_path)))

    assert raw.class_names == ("noise", "quick", "slow")
    assert [raw.class_names[label] for label in raw.train.labels] == labels
    np.testing.assert_array_equal(raw.train.images[:], series[:, :, None].astype(np.float32))
    assert raw.test is not None
    np.testing.assert_array_equal(raw.test.images[:], raw.train.images[:5])
    assert raw.valid is None


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("1,2:a\n", "expected lines that begin with @, the last of them @data"),
        (HEADER, "expected series after the line @data, got none"),
        (f"{HEADER}1,2:c\n", "line 5: expected a class of the header (a b), got 'c'"),
        (f"{HEADER}1,x:a\n", "line 5: expected numbers with commas between them, got 'x'"),
        (f"{HEADER}1,2:a\n1:a\n", "1 of 2 series have not 2 steps, such as series 1, which has 1"),
        (f"{HEADER}1,?:a\n1,2:b\n", "1 value of 1 of 2 series missing, such as of series 0"),
        (f"@dimensions 2\n{HEADER}1,2:a\n", "line 6: expected 2 channels with colons between"),
        (f"{HEADER}1:2:a\n1:b\n", "series 1 has 1 channel, and series 0 2"),
        ("@timeStamps true\n@data\n(0,1):a\n", "line 1: expected series without times"),
        (f"{HEADER}(0,1),(1,2):a\n", "line 5: expected values with commas between them"),
        ("@targetLabel true\n@data\n1,2:0.5\n", "has a number to be told of each series"),
        ("@classLabel false\n@data\n1,2\n", "expected a class of each series"),
        (f"{HEADER}1,inf:a\n1,2:b\n", "training series must be finite numbers"),
        (f"{HEADER}1,2:a\n", "expected at least 2 classes, got 1"),
    ],
)
def test_a_ts_file_that_is_none_is_refused_with_its_line(
    tmp_path: Path, text: str, wrong: str
) -> None:
    with pytest.raises(DataError, match=re.escape(wrong)):
        ts(tmp_path, text)


def test_lengths_and_missing_values_are_made_whole_where_that_is_wanted_and_said(
    tmp_path: Path,
) -> None:
    text = f"{HEADER}1,?,3,NaN:a\n5,6:b\n"

    raw = ts(tmp_path, text, lengths="pad", missing="interpolate")
    assert values(raw) == [[[1, 2, 3, 3]], [[5, 6, 6, 6]]]
    assert raw.notices == (
        "of the training series 2 values of 1 of 2 series were missing and were interpolated",
        "1 of 2 series had other lengths and were padded to 4 steps",
    )
    assert values(ts(tmp_path, text, lengths="crop", missing="interpolate")) == [[[1, 2]], [[5, 6]]]
    resampled = ts(tmp_path, text, lengths="resample", length=3, missing="interpolate")
    assert values(resampled) == [[[1, 2.5, 3]], [[5, 5.5, 6]]]  # of 0 to 3 the places 0, 1.5, 3


def test_channels_of_a_line_that_end_early_have_missing_values(tmp_path: Path) -> None:
    raw = ts(tmp_path, f"{HEADER}1,2,3:4:a\n1,2,3:4,5,6:b\n", missing="interpolate")

    assert values(raw) == [[[1, 2, 3], [4, 4, 4]], [[1, 2, 3], [4, 5, 6]]]


def test_a_folder_of_which_nobody_knows_the_parts_is_refused(tmp_path: Path) -> None:
    for name in ("A_TRAIN.ts", "B_TRAIN.ts"):
        (tmp_path / name).write_text(HEADER)

    with pytest.raises(DataError, match="or one for each part whose name begins or ends with"):
        read(TsData(path=str(tmp_path)))


# --- tables ---------------------------------------------------------------------------------------


def test_a_row_is_a_series_and_named_columns_say_class_part_and_group(tmp_path: Path) -> None:
    raw = table(
        tmp_path,
        "id,t0,t1,label,split,group\n"
        "7,1,2,walk,train,ann\n8,3,4,run,train,bob\n9,5,6,run,test,cid\n",
        values=("t0", "t1"),
    )

    assert values(raw) == [[[1, 2]], [[3, 4]]]
    assert raw.class_names == ("run", "walk")
    assert raw.test is not None
    assert raw.test.images[:].tolist() == [[[[5, 6]]]]
    assert raw.train.groups is not None
    assert [raw.group_names[each] for each in raw.train.groups] == ["ann", "bob"]
    assert raw.train.name(0) == "line 2"
    assert "label as label, split as split, group as group" in raw.notices[0]


def test_a_group_on_two_sides_of_the_data_own_split_is_refused(tmp_path: Path) -> None:
    text = "a,b,label,split,group\n1,2,x,train,ann\n3,4,y,train,bob\n5,6,y,test,ann\n"

    with pytest.raises(DataError, match=r"1 group .* with series among both the training and t"):
        table(tmp_path, text)


def test_a_row_may_be_a_step_and_each_column_a_channel(tmp_path: Path) -> None:
    raw = table(
        tmp_path,
        "series,time,x,y,label\n"
        "one,2,12,22,a\none,1,11,21,a\none,10,13,23,a\n"
        "two,1,31,41,b\ntwo,2,32,42,b\ntwo,3,33,43,b\n",
    )

    assert values(raw) == [[[11, 12, 13], [21, 22, 23]], [[31, 32, 33], [41, 42, 43]]]
    assert raw.train.name(1) == "two"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("series,t,x,label\n1,0,5,a\n1,1,6,b\n2,0,1,b\n", "with another label, split or group"),
        ("series,t,x,label\n1,0,5,a\n1,0,6,a\n2,0,1,b\n", "1 line of series that have a time tw"),
        ("a,b,label\n1,2,x\n3,oh,y\n", "1 line with values that are no numbers: line 3 ('oh')"),
        ("a,b,label\n1,2,\n3,4,y\n", "1 line without a label that is a text or a whole number"),
        ("a,b,kind\n1,2,x\n", "expected one of label, labels, class, target, category, y"),
        ("city,a,b,label\nrome,1,2,x\n", "got other values in city"),
        ("a,b,label,split\n1,2,x,dawn\n", "whose split is none of train, val and test"),
        ("a,b,label,split\n1,2,x,test\n", "expected series to train on, got none"),
        ("a,b,label,split\n1,2,x,train\n3,4,y,train\n5,6,z,test\n", "test label z is none of"),
    ],
)
def test_a_table_that_is_not_as_it_should_be_is_refused(
    tmp_path: Path, text: str, wrong: str
) -> None:
    with pytest.raises(DataError, match=re.escape(wrong)):
        table(tmp_path, text)


def test_tables_without_names_have_their_class_first_as_ucrs_or_last_as_kaggles(
    tmp_path: Path,
) -> None:
    (tmp_path / "X_TRAIN.tsv").write_text("1\t0.5\t0.25\n2\t0.1\t0.75\n1\t0.3\t0.5\n2\t0.9\t0.1\n")
    (tmp_path / "X_TEST.tsv").write_text("2\t0.7\t0.6\n")
    first = read(SeriesTableData(path=str(tmp_path)))
    last = table(tmp_path, "0.5,0.25,1\n0.1,0.75,0\n0.3,0.5,1.0\n0.9,0.1,0\n")

    assert first.class_names == ("1", "2")
    assert first.test is not None
    assert values(first)[1] == [[np.float32(0.1), 0.75]]
    assert last.class_names == ("0", "1")
    assert values(last)[0] == [[0.5, 0.25]]
    with pytest.raises(DataError, match="both the first and the last column may be classes"):
        table(tmp_path, "1,5,1\n1,6,1\n2,7,2\n2,8,2\n")
    assert values(table(tmp_path, "1,5,1\n1,6,1\n2,7,2\n2,8,2\n", label="last"))[2] == [[2, 7]]
    with pytest.raises(DataError, match="should be first or last, got 'class'"):
        table(tmp_path, "1,5,1\n2,7,2\n", label="class")


def test_names_of_columns_may_be_the_numbers_of_steps(tmp_path: Path) -> None:
    raw = table(tmp_path, "label,0,1,2\na,5,6,7\nb,8,9,1\n")

    assert values(raw) == [[[5, 6, 7]], [[8, 9, 1]]]


def test_empty_cells_at_the_end_of_a_row_are_none_of_its_steps(tmp_path: Path) -> None:
    raw = table(tmp_path, "label,p,q,r\na,5,,7\nb,8,9,\n", missing="interpolate", lengths="pad")

    assert values(raw) == [[[5, 6, 7]], [[8, 9, 9]]]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_json_lines_and_parquet_are_tables_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix == "jsonl":
        path.write_text('{"a": 1, "b": 2.5, "label": "x"}\n{"a": 3, "b": null, "label": "y"}\n')
    else:
        pyarrow = pytest.importorskip("pyarrow")
        rows = pyarrow.table({"a": [1.0, 3.0], "b": [2.5, None], "label": ["x", "y"]})
        pytest.importorskip("pyarrow.parquet").write_table(rows, path)

    raw = read(SeriesTableData(path=str(path), lengths="pad"))

    assert values(raw) == [[[1, 2.5]], [[3, 3]]]


# --- npz ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "axes", "channels"),
    [((4, 9), None, 1), ((4, 2, 9), None, 2), ((4, 9, 2), None, 2), ((4, 3, 3), "NTC", 3)],
)
def test_an_archive_has_its_channels_before_its_steps_or_behind_them(
    tmp_path: Path, shape: tuple[int, ...], axes: Any, channels: int
) -> None:
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.savez(tmp_path / "x.npz", x_train=array, y_train=["a", "b", "a", "b"])

    raw = read(SeriesNpzData(path=str(tmp_path / "x.npz"), axes=axes))

    found = np.asarray(raw.train.images[:])[:, :, 0]
    is_last = len(shape) == 3 and shape[2] == channels
    wanted = array.reshape(4, -1, shape[-1]) if not is_last else array.transpose(0, 2, 1)
    assert found.shape[1] == channels
    np.testing.assert_array_equal(found, wanted)


def test_an_archive_whose_axes_may_be_either_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x_train=np.zeros((4, 3, 3)), y_train=[0, 1, 0, 1])

    with pytest.raises(DataError, match=r"may be \[N, C, T\] or \[N, T, C\]: set task.data.axes"):
        read(SeriesNpzData(path=str(tmp_path / "x.npz")))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3), min_size=4, max_size=6
    )
)
def test_all_formats_give_the_same_series(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]]
) -> None:
    folder, labels = tmp_path_factory.mktemp("series"), ["u", "v"] * 3
    named = list(zip(rows, labels, strict=False))
    series = np.array(rows, np.float32)
    np.savez(folder / "x.npz", x_train=series, y_train=labels[: len(rows)])
    lines = "".join(f"{','.join(map(repr, row))}:{label}\n" for row, label in named)
    wide = "".join(f"{label},{','.join(map(repr, row))}\n" for row, label in named)
    long = "".join(
        f"{number},{time},{value!r},{label}\n"
        for number, (row, label) in enumerate(named)
        for time, value in reversed(list(enumerate(row)))
    )

    found = [
        ts(folder, f"@classLabel true u v\n@data\n{lines}"),
        table(folder, f"label,a,b,c\n{wide}"),
        table(folder, f"series,time,x,label\n{long}"),
        read(SeriesNpzData(path=str(folder / "x.npz"))),
    ]

    for raw in found:
        np.testing.assert_array_equal(raw.train.images[:][:, 0, 0], series)
        assert [raw.class_names[label] for label in raw.train.labels] == labels[: len(rows)]
