"""What lies at a path is told, whatever format it is of; and what cannot be told is said."""

from __future__ import annotations

import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from own_data import (
    write_cifar10,
    write_grey,
    write_idx,
    write_npz,
    write_pairs,
    write_photos,
    write_series_table,
    write_table,
    write_texts,
    write_ts,
)
from PIL import Image

from nas_lib.config import DataConfig, SeriesDataConfig, TextDataConfig
from nas_lib.data.allowance import Allowance
from nas_lib.errors import ConfigError, DataError
from nas_lib.starting_documents import FORMATS, is_data
from nas_lib.starting_documents.formats import look
from nas_lib.starting_documents.image_starter import ImageStarter
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.starter import Starter
from nas_lib.tasks import ImageTask

ALLOWANCE = Allowance(2**28)
MADE: dict[str, Callable[[Path], Path]] = {
    "image_folder": lambda path: write_photos(path / "photos"),
    "image_table": lambda path: write_table(path / "table"),
    "npz": lambda path: write_npz(path / "x.npz", x_train=(9, 8, 8), y_train=9),
    "ts": lambda path: write_ts(path / "ts"),
    "series_table": lambda path: write_series_table(path / "x.csv"),
    "series_npz": lambda path: write_npz(path / "x.npz", x_train=(9, 40), y_train=9),
    "idx": lambda path: write_idx(path / "mnist"),
    "cifar10": lambda path: write_cifar10(path / "cifar"),
    "text_files": lambda path: write_texts(path / "text"),
    "parallel_text": lambda path: write_pairs(path / "pairs.tsv"),
}


def looked_at(path: Path, name: str | None = None, *overrides: str) -> Starter:
    return look(str(path), ALLOWANCE, format_name=name, overrides=overrides)


def data_of(path: Path) -> dict[str, object]:
    """Return the settings of `task.data` that are proposed."""
    starter = looked_at(path)
    plain = starter.config(starter.sizes[-1]).task.data.model_dump(mode="json")
    return dict(plain)


@pytest.mark.parametrize("name", MADE)
def test_each_format_is_known_by_what_lies_there(name: str, tmp_path: Path) -> None:
    path = MADE[name](tmp_path)

    data = data_of(path)

    assert (data["format"], data["path"]) == (name, str(path))
    assert is_data(str(path))


def test_every_format_that_a_document_may_have_is_looked_for() -> None:
    readable = {
        part.model_fields["format"].default
        for union in (DataConfig, SeriesDataConfig, TextDataConfig)
        for part in get_args(get_args(union)[0])
    }
    with_path = readable - {"digits", "pydoc_topics"} | {"parallel_text"}

    assert MADE.keys() == {each.name for each in FORMATS} == with_path


@pytest.mark.parametrize(
    ("arrays", "name"),
    [
        ({"x_train": (9, 12), "y_train": 9}, "series_npz"),
        ({"x_train": (9, 4), "y_train": 9}, "npz"),
        ({"data": (9, 12), "labels": 9}, "series_npz"),
        ({"x_train": (9, 8, 40), "y_train": 9}, "npz"),  # of bytes: images
        ({"floats": (9, 8, 40), "labels": 9}, "series_npz"),
        ({"floats": (9, 20, 20), "labels": 9}, "npz"),
        ({"floats": (9, 20, 20, 3), "labels": 9}, "npz"),
    ],
)
def test_arrays_of_series_are_told_from_those_of_images(
    arrays: dict[str, tuple[int, ...] | int], name: str, tmp_path: Path
) -> None:
    path = write_npz(tmp_path / "x.npz", **arrays)
    known = [each.name for each in FORMATS if each.knows(Listing.of(str(path), ALLOWANCE))]

    assert known == [name]


def test_series_are_counted_and_measured(tmp_path: Path) -> None:
    folder = write_ts(tmp_path / "ts")
    (folder / "Toy_TRAIN.tsv").write_text("1\t2\t3\n")  # as UCR's archive has the same series

    starter = looked_at(folder)

    assert starter.what == "40 series of 16 steps and 2 channels in 3 classes"
    assert starter.num_train == 24
    table = looked_at(write_series_table(tmp_path / "x.csv"))
    assert table.what == "20 series of 10 to 12 steps and 1 channel in 2 classes"
    data = table.config(table.sizes[-1]).task.data.model_dump()
    assert (data["lengths"], data["missing"]) == ("pad", "interpolate")


def test_columns_of_a_table_of_series_may_be_named(tmp_path: Path) -> None:
    path = write_series_table(tmp_path / "x.csv")
    path.write_text(path.read_text().replace("label", "kind", 1))

    starter = look(str(path), ALLOWANCE, overrides=["task.data.label=kind"])

    assert starter.what == "20 series of 10 to 12 steps and 1 channel in 2 classes"


def test_a_table_of_few_numbers_or_of_pixels_is_taken_for_no_series(tmp_path: Path) -> None:
    columns = [f"pixel{number}" for number in range(9)]
    for name, head in (("few.csv", ["a", "b", "c"]), ("pixels.csv", columns)):
        row = ",".join("5" for _ in head)
        (tmp_path / name).write_text(f"label,{','.join(head)}\nx,{row}\ny,{row}\n")

        with pytest.raises(DataError, match="found text in "):
            looked_at(tmp_path / name)
        assert looked_at(tmp_path / name, "series_table").num_train == 2


def test_an_archive_of_known_files_is_one_of_its_format(tmp_path: Path) -> None:
    folder = write_cifar10(tmp_path / "cifar")
    with tarfile.open(tmp_path / "cifar.tar.gz", "w:gz") as archive:
        archive.add(folder, "cifar-10-batches-bin")

    assert data_of(tmp_path / "cifar.tar.gz")["format"] == "cifar10"


def seen_of(path: Path) -> ImageStarter:
    starter = looked_at(path)
    assert isinstance(starter, ImageStarter)
    return starter


def test_pictures_are_counted_by_class_and_measured(tmp_path: Path) -> None:
    write_photos(tmp_path / "train", size=(100, 40))
    write_photos(tmp_path / "val", {"cat": 2, "dog": 1})

    seen = seen_of(tmp_path).seen

    assert seen.counts == {"train": {"cat": 12, "dog": 6}, "valid": {"cat": 2, "dog": 1}}
    assert (seen.side, seen.is_grey, seen.all_square) == (40, False, False)
    assert seen.what == "21 pictures in 2 classes, a folder each, with folders for train and valid"


def test_grey_pictures_are_known_however_they_are_stored(tmp_path: Path) -> None:
    assert seen_of(write_grey(tmp_path, {"a": 4, "b": 4}, size=8)).seen.is_grey

    Image.new("RGB", (8, 8), (200, 10, 10)).save(tmp_path / "a/red.png")
    assert not seen_of(tmp_path).seen.is_grey


def test_a_table_in_a_folder_or_by_itself_says_classes_and_parts(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "table")

    for path in (folder, folder / "labels.csv"):
        seen = seen_of(path).seen
        assert seen.data["path"] == str(path)
        # of 24, every third is a dog; 18 to 23 are for the test
        assert seen.counts == {"train": {"dog": 6, "cat": 12}, "test": {"dog": 2, "cat": 4}}
        assert (seen.side, seen.num_looked_at) == (40, 24)
    assert is_data(str(folder / "labels.csv"))


def test_many_pictures_are_counted_and_a_few_of_them_opened(tmp_path: Path) -> None:
    first = write_grey(tmp_path / "a", {"a": 1, "b": 1}, size=8)
    for name in "ab":
        for index in range(3_000):
            (first / name / f"link-{index}.png").hardlink_to(first / name / "0.png")
    started_s = time.process_time()

    seen = seen_of(first).seen

    assert seen.num("train") == 6_002
    assert seen.num_looked_at == 200
    assert time.process_time() - started_s < 2


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"x_train": (9, 8, 8, 3), "y_train": 9}, ("x_train", "y_train", "x_test")),
        (
            {"train_images": (9, 8, 8), "train_labels": 9},
            ("train_images", "train_labels", "x_test"),
        ),
        ({"data": (9, 8, 8), "target": 9}, ("data", "target", "x_test")),
        (
            {"X": (9, 3, 8, 8), "y": 9, "X_test": (6, 3, 8, 8), "y_test": 6},
            ("X", "y", "X_test"),
        ),
    ],
)
def test_arrays_of_images_and_labels_are_found(
    arrays: dict[str, tuple[int, ...] | int], named: tuple[str, str, str], tmp_path: Path
) -> None:
    starter = seen_of(write_npz(tmp_path / "own.npz", **arrays))
    config = starter.config(0)
    data = config.task.data.model_dump()

    assert (data["images"], data["labels"], data["test_images"]) == named
    assert starter.seen.counts["train"] == {"0": 3, "1": 3, "2": 3}
    assert starter.seen.shape in ((1, 8, 8), (3, 8, 8))


def test_arrays_that_may_be_anything_are_listed(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "odd.npz", left=(9, 8, 8), right=(9, 8, 8), labels=9)

    with pytest.raises(DataError, match=r"got left \[9, 8, 8\] uint8, .*: name them, as --set"):
        looked_at(path)


def test_a_text_without_blanks_is_told_by_characters(tmp_path: Path) -> None:
    words = "".join(chr(0x4E00 + number % 50) for number in range(60))

    starter = looked_at(write_texts(tmp_path / "text", words))

    assert starter.config(0).task.level == "characters"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "data: expected a folder with one subfolder of images per class, .*: is empty"),
        (
            {"a.png": b"", "b.png": b""},
            r"found pictures that are not in several folders, such as a\.png",
        ),
        (
            {"book.txt": b"It was"},
            r"found text in book\.txt: expected for a language model a folder",
        ),
        ({"a.bin": b"\0"}, r"expected .*: got a\.bin; --format says which it is"),
        ({"photos/cat/1.png": b"", "photos/dog/1.png": b""}, "one folder with folders in it: try "),
        ({"cat/1.png": b"", "dog/1.png": b""}, "1.png: expected an image, but it cannot be read"),
    ],
)
def test_what_is_no_data_is_said_with_what_could_be_done(
    files: dict[str, bytes], sentence: str, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    with pytest.raises(DataError, match=sentence):
        looked_at(folder)


def test_a_book_is_no_pairs_and_is_said_to_be_a_text(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("It was a dark night.\nAnd so on.\n")

    with pytest.raises(DataError, match=r"found text in .*three parts of it; for translations"):
        looked_at(tmp_path / "book.txt")


def test_of_two_formats_the_user_says_which(tmp_path: Path) -> None:
    write_photos(tmp_path / "both")
    write_texts(tmp_path / "both/text")

    with pytest.raises(
        DataError, match=r"may be a folder with one .* and train.txt, .*: say which"
    ):
        looked_at(tmp_path / "both")
    assert looked_at(tmp_path / "both", "text_files").config(0).task.kind == "text"
    with pytest.raises(
        ConfigError, match="--format tiff: expected one of image_folder, image_table"
    ):
        looked_at(tmp_path / "both", "tiff")


def test_a_document_and_what_is_not_there_are_no_data(tmp_path: Path) -> None:
    (tmp_path / "search.yaml").write_text("seed: 1")
    np.save(tmp_path / "x.npy", np.zeros(3))

    assert not is_data(str(tmp_path / "search.yaml"))
    assert not is_data(str(tmp_path / "nothing.npz"))
    assert not is_data(str(tmp_path / "x.npy"))


# --- labels and numbers --------------------------------------------------------------------------


def write_cells(folder: Path, header: str, cells: list[str]) -> Path:
    """Write 24 pictures, and a table of them with these cells in turn."""
    write_photos(folder, {"images": 24})
    lines = [f"images/{n}.png,{cells[n % len(cells)]}" for n in range(24)]
    (folder / "table.csv").write_text(f"path,{header}\n" + "\n".join(lines) + "\n")
    return folder / "table.csv"


@pytest.mark.parametrize(
    ("header", "cells", "target", "what", "why"),
    [
        ("label", ["1", "2"], "class", "24 pictures in 2 classes", ""),
        ("label", ["1.5", "2"], "number", "with a number each (label)", "some are not whole."),
        ("value", ["1.5", "2"], "number", "with a number each (value)", "All cells of 'value' are"),
        ("tags,note", ["a|b,x", "a,y", ",z"], "labels", "with 2 labels", "several labels, | betw"),
        ("ink", ["1.5", "2"], "number", "with a number each (ink)", "All cells of 'ink' are numb"),
        ("species", ["ape", "bee"], "class", "24 pictures in 2 classes", ""),
        ("a,b,note", ["0,1,x", "1,1,y", "0,0,z"], "labels", "with 2 labels", "0 and 1 only: a, b."),
    ],
)
def test_what_a_table_tells_is_seen_in_its_cells(
    tmp_path: Path, header: str, cells: list[str], target: str, what: str, why: str
) -> None:
    starter = looked_at(write_cells(tmp_path, header, cells))
    config = starter.config(starter.sizes[-1])
    reasons = {choice.place: choice.why for choice in starter.choices(starter.sizes[-1])}

    assert config.task.target == target
    assert what in starter.what
    assert why in reasons.get("task.target", "")
    assert starter.num_train == 24
    prepared = ImageTask(config).prepare()  # as proposed, it can be read
    assert prepared.manifest.num_train == starter.manifest(config).num_train


def test_a_table_that_may_tell_several_things_is_refused_with_its_columns(tmp_path: Path) -> None:
    path = write_cells(tmp_path, "shape,colour", ["x,red", "y,blue"])
    with pytest.raises(
        DataError, match=r"a column for task\.data\.label .*, got path, shape, colour"
    ):
        looked_at(path)


def test_what_the_user_says_of_a_table_is_heeded_before_it_is_read(tmp_path: Path) -> None:
    path = write_cells(tmp_path, "age,colour", ["7,red", "64,blue"])

    ages = looked_at(path, None, "task.target=number", "task.data.label=age")
    colours = looked_at(path, None, "task.data.label=colour")

    assert "with a number each (age)" in ages.what
    assert "24 pictures in 2 classes" in colours.what
    assert colours.config(colours.sizes[-1]).task.data.label == "colour"


def test_of_numbers_a_few_may_be_wrong_which_reading_tells_with_their_lines(tmp_path: Path) -> None:
    path = write_cells(tmp_path, "ink", [*(f"{n}.5" for n in range(23)), "nan"])
    with pytest.raises(DataError, match="1 line without a finite number in 'ink': line 25"):
        looked_at(path)


def test_what_an_archive_tells_is_seen_in_its_arrays(tmp_path: Path) -> None:
    images, rng = np.zeros((20, 8, 8), np.uint8), np.random.default_rng(1)
    told = {
        "labels": rng.integers(0, 2, (20, 3)),
        "number": rng.uniform(0, 1, 20),
        "class": np.eye(4)[np.arange(20) % 4],
    }
    for target, labels in told.items():
        np.savez(tmp_path / "x.npz", x_train=images, y_train=labels)
        starter = looked_at(tmp_path / "x.npz")
        assert starter.config(0).task.target == target
        assert starter.num_train == 20
