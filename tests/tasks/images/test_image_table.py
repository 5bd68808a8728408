"""Tables of pictures and labels: CSV, JSON lines and Parquet."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from allowances import AMPLE
from image_files import random_images, write_png
from PIL import Image

from nas_lib.config import ImageTableData, ImageTaskConfig, SearchConfig
from nas_lib.errors import ConfigError, DataError
from nas_lib.tasks.images.preparation import prepare_images
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.readers import read_images
from nas_lib.tasks.images.readers.tables import open_table
from nas_lib.tasks.images.task import ImageTask

Rows = Sequence[Mapping[str, Any]]


def pixels(number: int) -> Any:
    return np.full((4, 4, 3), number, np.uint8)


def png(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels(number)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures, each of one level, which is its number."""
    for number in range(1, 7):
        write_png(tmp_path / "images" / f"{number}.png", pixels(number))
    return tmp_path


def lines(*numbers: int) -> list[dict[str, Any]]:
    """Return a line for each of these pictures, in the classes odd and even."""
    return [
        {"path": f"images/{number}.png", "class": ("even", "odd")[number % 2]} for number in numbers
    ]


def write_csv(path: Path, rows: Rows) -> Path:
    header = list(rows[0])
    text = [",".join(header), *(",".join(str(row[name]) for name in header) for row in rows)]
    path.write_text("\n".join(text) + "\n")
    return path


def write_jsonl(path: Path, rows: Rows) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def write_parquet(path: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


WRITERS: dict[str, Callable[[Path, Rows], Path]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}


def read(path: Path, **settings: Any) -> RawImages:
    return read_images(ImageTableData(path=str(path), size=4, **settings), AMPLE)


def refused(path: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


def levels(part: LabelledImages | None) -> list[int]:
    """Return which pictures these are."""
    assert part is not None
    return [int(image[0, 0, 0]) for image in part.images[:]]


def with_column(rows: Rows, name: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    return [{**row, name: value} for row, value in zip(rows, values, strict=True)]


class TestForms:
    @pytest.mark.parametrize("kind", WRITERS)
    def test_paths_labels_parts_and_groups(self, folder: Path, kind: str) -> None:
        rows = with_column(
            lines(1, 2, 3, 4, 5, 6), "split", ["train", "train", "train", "train", "val", "test"]
        )
        rows = with_column(rows, "group", ["p1", "p1", "p2", "", "p3", "p4"])
        raw = read(WRITERS[kind](folder / "labels", rows))

        assert raw.class_names == ("even", "odd")
        assert levels(raw.train) == [1, 2, 3, 4]
        assert raw.train.labels.tolist() == [1, 0, 1, 0]
        assert (levels(raw.valid), levels(raw.test)) == ([5], [6])
        assert raw.train.names.tolist() == [f"images/{number}.png" for number in range(1, 5)]
        assert raw.train.groups is not None
        assert [raw.group_names[each] for each in raw.train.groups] == ["p1", "p1", "p2", ""]
        assert raw.notices == (
            "columns were taken by their names: path as image, class as label, split as split, "
            "group as group",
            "6 images are 5 groups (task.data.group) of up to 2 images, each on one side of the "
            "split; 1 of them have images of several classes",
        )

    def test_all_three_are_the_same_data(self, folder: Path) -> None:
        rows = lines(1, 2, 3, 4, 5, 6)
        found = set()
        for kind, write in WRITERS.items():
            data = ImageTableData(path=str(write(folder / kind, rows)), size=4)
            task = ImageTaskConfig(data=data, valid_fraction=0.3, test_fraction=0.3)
            found.add(prepare_images(task, seed=0, allowance=AMPLE).manifest.content_hash)
        assert len(found) == 1

    @pytest.mark.parametrize(
        ("kind", "given"),
        [
            ("parquet", png),
            ("parquet", lambda number: {"bytes": png(number), "path": f"{number}.png"}),
            ("jsonl", lambda number: base64.b64encode(png(number)).decode()),
            ("jsonl", lambda number: {"bytes": base64.b64encode(png(number)).decode()}),
            ("csv", lambda number: base64.b64encode(png(number)).decode()),
            ("jsonl", lambda n: "data:image/png;base64," + base64.b64encode(png(n)).decode()),
        ],
    )
    def test_pictures_may_lie_in_the_table(
        self, tmp_path: Path, kind: str, given: Callable[[int], Any]
    ) -> None:
        rows = [{"label": number % 2, "image": given(number)} for number in range(1, 41)]
        raw = read(WRITERS[kind](tmp_path / "photos.x", rows))
        assert levels(raw.train) == list(range(1, 41))
        unit = "row" if kind == "parquet" else "line"
        first = 2 if kind == "csv" else 1
        assert raw.train.names[0] == f"photos.x {unit} {first}"

    def test_names_of_classes_that_hugging_face_notes_are_taken(self, tmp_path: Path) -> None:
        rows = [{"label": number % 2, "image": png(number)} for number in range(6)]
        table = pa.Table.from_pylist(rows)
        features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
        noted = json.dumps({"info": {"features": features}})
        pq.write_table(table.replace_schema_metadata({"huggingface": noted}), tmp_path / "x")
        assert read(tmp_path / "x").class_names == ("cat", "dog")

    def test_pictures_of_32_bits_in_a_table_are_scaled_together(self, tmp_path: Path) -> None:
        rows = []
        for number, level in enumerate((0.2, 600.0, 10.0)):
            file = io.BytesIO()
            deep = np.full((4, 4), level, np.float32)
            deep[0, 0] = 0
            Image.fromarray(deep).save(file, "TIFF")
            rows.append({"label": number % 2, "image": file.getvalue()})
        raw = read(write_parquet(tmp_path / "x", [*rows, {"label": 1, "image": png(9)}]))
        # 0 to 65,535 becomes 0 to 255: 600 / 257 = 2.3
        assert [int(image[0, 3, 3]) for image in raw.train.images[:]] == [0, 2, 0, 9]

    @pytest.mark.parametrize(
        "text", ["\ufeffpath;class\r\n%s;a\r\n%s;b\r\n", "path\tclass\n%s\ta\n\n%s\tb"]
    )
    def test_tables_of_spreadsheets_are_read(self, folder: Path, text: str) -> None:
        (folder / "x.csv").write_text(text % ("images/1.png", r"images\2.png"), newline="")
        assert read(folder / "x.csv").train.names.tolist() == ["images/1.png", "images/2.png"]

    def test_a_cell_may_have_commas_and_lines(self, folder: Path) -> None:
        write_png(folder / "a,b.png", pixels(7))
        (folder / "x.csv").write_text(
            'path,class,note\n"a,b.png",a,"one\ntwo"\nimages/1.png,b,\nx,b,\n'
        )
        assert "x (line 5)" in refused(
            folder / "x.csv"
        )  # which the cell of two lines is counted in

    def test_labels_that_are_numbers_are_in_their_order(self, folder: Path) -> None:
        rows = [
            {"file": f"images/{n}.png", "label": label} for n, label in ((1, 10), (2, 9), (3, 2))
        ]
        assert read(write_csv(folder / "x", rows)).class_names == ("2", "9", "10")
        assert read(write_jsonl(folder / "y", rows)).class_names == ("2", "9", "10")


class TestColumns:
    def test_settings_name_columns(self, folder: Path) -> None:
        rows = [
            {"path": "nowhere", "where": f"images/{n}.png", "what": n % 2, "label": 7, "split": "x"}
            for n in range(1, 5)
        ]
        raw = read(write_csv(folder / "x", rows), image="where", label="what", split="", group="")
        assert raw.class_names == ("0", "1")
        assert raw.notices == (
            f"2 picture files in {folder}/images named by no line, such as images/5.png",
        )

    def test_what_was_taken_and_what_was_not_is_said(self, folder: Path) -> None:
        rows = with_column(lines(1, 2, 3, 4, 5, 6), "age", [30] * 6)
        assert read(write_csv(folder / "x", rows)).notices == (
            "columns were taken by their names: path as image, class as label; not used: age",
        )

    def test_a_column_that_is_not_there_is_refused_with_those_that_are(self, folder: Path) -> None:
        path = write_csv(folder / "x", lines(1, 2))
        assert refused(path, label="kind").endswith("x: expected a column 'kind', got path, class")

    def test_a_table_without_a_header_is_refused(self, folder: Path) -> None:
        (folder / "x.csv").write_text("images/1.png,cat\nimages/2.png,dog\n")
        assert refused(folder / "x.csv").endswith(
            "expected a column for task.data.image (image, img, picture, photo, path, ...), got "
            "images/1.png, cat; the first line has to name the columns"
        )


class TestDisk:
    def test_missing_files_are_counted_and_the_first_ones_named(self, folder: Path) -> None:
        path = write_csv(folder / "x.csv", lines(1, 12, 2, 13, 14, 15))
        assert refused(path) == (
            f"image table {path}: 4 lines whose files are not there: images/12.png (line 3), "
            f"images/13.png (line 5), images/14.png (line 6) and 1 more; paths are relative to "
            f"{folder} (task.data.root)"
        )

    def test_missing_and_broken_files_are_left_out_by_option(self, folder: Path) -> None:
        (folder / "images" / "6.png").write_text("no picture")
        (folder / "images" / "7").write_text("not even by its name")
        rows = [*lines(1, 2, 3, 9, 6), {"path": "images/7", "class": "odd"}]
        raw = read(write_csv(folder / "x.csv", rows), on_error="skip")
        assert levels(raw.train) == [1, 2, 3]
        assert raw.notices[1:] == (
            "1 line whose files are not there: images/9.png (line 5); they were left out",
            f"2 picture files in {folder}/images named by no line, such as images/4.png",
            "2 of 5 files were left out, which cannot be read: images/6.png, images/7",
        )
        assert "2 files cannot be read: images/6.png, images/7" in refused(
            write_csv(folder / "y.csv", [*lines(1, 2, 6), rows[-1]])
        )

    def test_a_root_of_its_own(
        self, folder: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("tables")
        path = write_csv(elsewhere / "x.csv", lines(1, 2))
        assert "whose files are not there" in refused(path)
        assert levels(read(path, root=str(folder)).train) == [1, 2]

    def test_absolute_paths_within_the_root_are_read(self, folder: Path) -> None:
        rows = [{"path": folder / "images" / f"{n}.png", "label": n} for n in (1, 2)]
        assert levels(read(write_csv(folder / "x.csv", rows)).train) == [1, 2]

    @pytest.mark.parametrize("name", ["../secret.png", "images/../../secret.png", "{}/secret.png"])
    def test_no_path_leads_out_of_the_root(self, folder: Path, name: str) -> None:
        root = folder / "images"
        write_png(folder / "secret.png", pixels(9))
        rows = [{"path": "1.png", "label": 1}, {"path": name.format(folder), "label": 2}]
        assert f"1 line whose paths lead out of {root}" in refused(write_csv(root / "x.csv", rows))

    @pytest.mark.parametrize("link", ["a link.png", "linked/secret.png"])
    def test_nor_does_a_link(self, folder: Path, link: str) -> None:
        root = folder / "images"
        write_png(folder / "secrets" / "secret.png", pixels(9))
        (root / "a link.png").symlink_to(folder / "secrets" / "secret.png")
        (root / "linked").symlink_to(folder / "secrets")
        rows = [{"path": "1.png", "label": 1}, {"path": link, "label": 2}]
        assert f"that lead out of {root} by a link" in refused(write_csv(root / "x.csv", rows))

    def test_what_is_no_file_is_refused(self, folder: Path) -> None:
        os.mkfifo(folder / "images" / "pipe.png")
        rows = [*lines(1, 2), {"path": "images/pipe.png", "class": "odd"}]
        assert "1 line that name no file: images/pipe.png" in refused(write_csv(folder / "x", rows))

    def test_a_picture_that_became_another_is_noticed_by_the_next_run(self, folder: Path) -> None:
        config = ImageTableData(path=str(write_csv(folder / "x.csv", lines(1, 2))))
        task = ImageTask(SearchConfig(name="x", task=ImageTaskConfig(data=config)))
        before = task.files_hash()
        assert before == task.files_hash() != ""
        write_png(folder / "images" / "3.png", random_images(9, 9, 3))  # which no line names
        assert task.files_hash() == before
        write_png(folder / "images" / "2.png", random_images(9, 9, 3))
        assert task.files_hash() != before


class TestSplits:
    def test_tables_of_a_folder_are_of_the_parts_that_their_names_say(self, folder: Path) -> None:
        write_csv(folder / "train.csv", lines(1, 2))
        write_csv(folder / "val.csv", lines(3))
        write_csv(folder / "test-00000-of-00001.csv", lines(4, 5))
        raw = read(folder)
        assert (levels(raw.train), levels(raw.valid), levels(raw.test)) == ([1, 2], [3], [4, 5])
        write_csv(folder / "val.csv", lines(30))
        assert "images/30.png (val.csv line 2)" in refused(folder)
        write_csv(folder / "labels.csv", lines(1, 2))
        assert "got labels.csv, test-00000-of-00001.csv, train.csv, val.csv" in refused(folder)

    def test_a_folder_with_one_table(self, folder: Path) -> None:
        write_csv(folder / "metadata.csv", lines(1, 2))
        assert levels(read(folder).train) == [1, 2]

    def test_a_group_on_two_sides_is_refused(self, folder: Path) -> None:
        rows = with_column(lines(1, 2, 3, 4), "split", ["train", "train", "test", "test"])
        path = write_csv(folder / "x.csv", with_column(rows, "group", ["p1", "p2", "p2", "p3"]))
        assert refused(path) == (
            f"image table {path}: 1 group (task.data.group) with images among both the training "
            "and the test images, such as 'p2': a group has to be on one side of the split"
        )

    def test_other_names_of_parts_are_refused(self, folder: Path) -> None:
        rows = with_column(lines(1, 2, 3, 4), "split", ["train", "Dev", "holdout", ""])
        assert refused(write_csv(folder / "x.csv", rows)).endswith(
            "x.csv: 2 lines whose split is none of train, val and test: line 4 ('holdout'), line 5 "
            "('')"
        )

    def test_nothing_to_train_on_is_refused(self, folder: Path) -> None:
        rows = with_column(lines(1, 2), "split", ["val", "test"])
        assert "of which none is to train on (test and validation only)" in refused(
            write_csv(folder / "x.csv", rows)
        )

    def test_a_class_that_training_lacks_is_refused(self, folder: Path) -> None:
        rows = with_column(lines(1, 3, 2), "split", ["train", "train", "test"])
        assert refused(write_csv(folder / "x.csv", rows)).endswith(
            "x.csv: 1 line of the test images with a class that training lacks: line 4 ('even')"
        )

    def test_a_class_whose_pictures_are_all_broken_is_refused(self, folder: Path) -> None:
        (folder / "images" / "2.png").write_text("no picture")
        path = write_csv(folder / "x.csv", lines(1, 2, 3))
        assert "class 'even' has no picture to train on" in refused(path, on_error="skip")
        (folder / "images" / "2.png").unlink()
        assert "none of the files to train on of class 'even' is there" in refused(
            path, on_error="skip"
        )


class TestBadTables:
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "expected a first line with the names of columns"),
            (b"path,class\n", "expected lines with pictures, got none"),
            (
                b"path,class\na\nb,c,d\nx,y\n",
                "2 lines without the 2 cells of the first line: line 2 (1), line 3 (3)",
            ),
            (
                b"path,class,class\n1,2,3\n",
                "expected a name once in the first line, got class more",
            ),
            (b'path,class\n"a,b\n', "line 2: unexpected end of data"),
            (
                b"path,class\nok,b\ncaf\xe9,a\n\xff,b\n",
                "2 lines not in UTF-8: line 3, line 4; save the table as UTF-8",
            ),
            ("path,class\na,b\n".encode("utf-16"), "got text in UTF-16: save it as UTF-8"),
            (b"\x00\x01\x02", "expected CSV, JSON lines or Parquet, got other bytes"),
            (b'[{"path": "a"}]', "expected an object a line, got a list in JSON"),
            (
                b'{"path": "a", "class": "b"}\n{"path"\n7\n',
                "2 lines that are no object in JSON: line 2, line 3",
            ),
            (b'{"path": "a"}\n', "expected a column for task.data.label (label, labels, class"),
            (b"PAR1 and nothing else", "expected a Parquet file, cannot be read"),
            (
                b'{"path": "a", "class": null}\n{"path": "b", "class": 1.5}\n'
                b'{"path": [], "class": 1}\n',
                "2 lines without a label that is a text or a whole number: line 1, line 2; 1 line "
                "without an image",
            ),
            (b'{"path": "a", "class": "\\ud800"}\n', "1 line without a label that is a text"),
        ],
    )
    def test_are_told_in_one_sentence(self, tmp_path: Path, content: bytes, told: str) -> None:
        (tmp_path / "x.csv").write_bytes(content)
        assert told in refused(tmp_path / "x.csv")

    def test_a_file_with_two_labels_is_refused_and_one_named_twice_counts_once(
        self, folder: Path
    ) -> None:
        rows = lines(1, 2, 1, 3, 4)
        raw = read(write_csv(folder / "x.csv", rows))
        assert levels(raw.train) == [1, 2, 3, 4]
        assert "1 line of 5 repeat others" in raw.notices
        rows += [{"path": "./images/2.png", "class": "odd"}]
        assert (
            "1 line that name a file again with another label, split or group: images/2.png (line "
            "3 and line 7)" in refused(write_csv(folder / "x.csv", rows))
        )

    def test_no_table_in_a_folder(self, folder: Path) -> None:
        assert "expected one table (.csv, .tsv, .jsonl, .ndjson, .parquet)" in refused(folder)

    def test_without_pyarrow_the_extra_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_parquet(tmp_path / "x", [{"path": "a", "label": 1}])
        monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
        with pytest.raises(ConfigError, match=r"pip install 'kfp-nas\[tables\]'"):
            read(path)


def test_a_parquet_file_is_read_a_piece_at_a_time_though_it_is_one_row_group(
    tmp_path: Path,
) -> None:
    contents = [os.urandom(2**13) for _ in range(2**13)]  # 64 MiB
    pq.write_table(pa.table({"image": contents}), tmp_path / "one.parquet")
    before = pa.total_allocated_bytes()

    rows = open_table(tmp_path / "one.parquet").rows(["image"], at_once=16)
    taken = [(pa.total_allocated_bytes() - before, cell) for _, (cell,) in rows]

    assert [cell for _, cell in taken] == contents
    assert max(num_bytes for num_bytes, _ in taken) < 2**25
