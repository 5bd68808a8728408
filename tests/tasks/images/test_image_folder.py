"""Which files of a folder are read, and what is said of the others."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from allowances import AMPLE
from image_files import random_images, write_png
from PIL import Image

from nas_lib.config import ImageFolderData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import RawImages
from nas_lib.tasks.images.readers import read_images

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100)
"""How a photo of a phone begins that Pillow cannot read."""


def read(folder: Path, allowance: Allowance = AMPLE) -> RawImages:
    return read_images(ImageFolderData(path=str(folder), size=4), allowance)


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(folder)
    return str(caught.value)


def write(folder: Path, *names: str) -> None:
    for name in names:
        write_png(folder / name, random_images(4, 4, 3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    write(root, "a/1.png", "a/2.png", "b/1.png")
    return root


class TestFiles:
    def test_the_content_decides_and_not_the_suffix(self, folder: Path) -> None:
        for name in ("3.jfif", "4.JPE", "5", "6.txt", "7.heic"):
            Image.new("RGB", (4, 4)).save(folder / "b" / name, "JPEG")
        Image.new("L", (4, 4)).save(folder / "b" / "8.webp", "TIFF")
        raw = read(folder)
        assert len(raw.train) == 3 + 6
        assert raw.notices == ()

    def test_what_is_no_picture_is_left_out_and_counted_by_suffix(self, folder: Path) -> None:
        for name in ("3.heic", "4.HEIC", "notes.txt", "LICENSE"):
            (folder / "b" / name).write_bytes(HEIC)
        raw = read(folder)
        assert len(raw.train) == 3
        assert raw.notices == ("4 of 7 files were left out: 2 .heic, 1 without suffix, 1 .txt",)

    def test_many_kinds_of_other_files_are_summed_up(self, folder: Path) -> None:
        for kind in "abcdefgh":
            (folder / "a" / f"x.{kind}").touch()
        (folder / "a" / "y.a").touch()
        (notice,) = read(folder).notices
        assert notice.startswith("9 of 12 files were left out: 2 .a, 1 .b, ")
        assert notice.endswith(", 3 others")

    def test_what_lies_too_deep_or_beside_the_classes_is_counted(self, folder: Path) -> None:
        write(folder, "a/session/1.png", "a/session/day/2.png", "3.png")
        (folder / "labels.csv").touch()
        raw = read(folder)
        assert len(raw.train) == 3
        assert raw.notices == (
            "4 of 7 files were left out: 2 in subfolders of classes, 2 beside the folders",
        )

    def test_what_systems_leave_in_folders_is_passed_over(self, folder: Path) -> None:
        for name in (
            *("a/._1.png", "a/.DS_Store", "a/Thumbs.db", "b/desktop.ini", ".cache/x.png"),
            *("__MACOSX/a/._1.png", "@eaDir/1.png", "a/@eaDir/1.png", "a/deep/.DS_Store"),
        ):
            (folder / name).parent.mkdir(exist_ok=True, parents=True)
            (folder / name).write_bytes(b"\x00\x05\x16\x07")
        raw = read(folder)
        assert raw.class_names == ("a", "b")
        assert raw.notices == ()

    def test_a_file_of_a_pictures_name_that_is_none_is_an_error(self, folder: Path) -> None:
        (folder / "b" / "2.jfif").write_bytes(HEIC)
        assert str(folder / "b" / "2.jfif") in refused(folder)

    def test_broken_files_are_all_told_in_one_go(self, folder: Path) -> None:
        for number in range(3, 8):
            (folder / "b" / f"{number}.png").write_text("no picture")
        assert refused(folder) == (
            f"image folder {folder}: 5 files cannot be read: b/3.png, b/4.png, b/5.png and 2 more; "
            f"the first one: {folder}/b/3.png: expected an image, but it cannot be read: it is of "
            "no known format; task.data.on_error: skip leaves out what cannot be read"
        )

    def test_broken_files_are_left_out_by_option_and_counted(self, folder: Path) -> None:
        (folder / "a" / "1.png").write_bytes((folder / "a" / "1.png").read_bytes()[:40])
        (folder / "b" / "2.jpg").write_text("no picture")
        (folder / "b" / "notes.txt").write_text("no picture, and none by its name")
        config = ImageFolderData(path=str(folder), size=4, on_error="skip")
        raw = read_images(config, AMPLE)
        assert raw.train.names.tolist() == ["a/2.png", "b/1.png"]
        assert raw.train.labels.tolist() == [0, 1]
        assert raw.notices == (
            "1 of 5 files were left out: 1 .txt",
            "2 of 5 files were left out, which cannot be read: a/1.png, b/2.jpg",
        )

    def test_a_class_of_broken_files_alone_is_refused(self, folder: Path) -> None:
        (folder / "b" / "1.png").write_text("no picture")
        with pytest.raises(DataError, match=r"/b: expected images, got 1 file that cannot be read"):
            read_images(ImageFolderData(path=str(folder), size=4, on_error="skip"), AMPLE)

    def test_no_memory_for_a_picture_is_not_its_fault(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object, **options: object) -> None:
            raise MemoryError

        monkeypatch.setattr(Image.Image, "resize", fail)
        with pytest.raises(DataError, match="there is no memory left to read it"):
            read_images(ImageFolderData(path=str(folder), size=4, on_error="skip"), AMPLE)

    def test_a_class_without_a_picture_says_what_it_has(self, folder: Path) -> None:
        write(folder, "c/deeper/1.png")
        assert refused(folder).endswith(
            "/c: expected images, got subfolders with 1 files, which are not read"
        )
        (folder / "c" / "1.heic").write_bytes(HEIC)
        assert "got other files (1 .heic) and subfolders" in refused(folder)

    def test_a_file_that_may_not_be_read_is_named(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deny(path: Path, *args: object, **options: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", deny)
        assert "Permission denied" in refused(folder)

    def test_memory_is_asked_for_before_anything_is_decoded(self, folder: Path) -> None:
        (folder / "a" / "1.png").write_bytes(b"damaged")
        # three files of 4 x 4 pixels in 3 channels
        with pytest.raises(DataError, match=r"resources\.unpacked_mb"):
            read(folder, Allowance(3 * 4 * 4 * 3 - 1))


class TestParts:
    @pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
    def test_validation_images_are_taken_as_such(self, tmp_path: Path, name: str) -> None:
        write(tmp_path, "train/a/1.png", "train/b/1.png", f"{name}/b/1.png", "test/a/1.png")
        raw = read(tmp_path)
        assert raw.valid is not None
        assert raw.valid.labels.tolist() == [1]
        assert raw.test is not None
        assert raw.test.labels.tolist() == [0]
        assert raw.notices == ()

    def test_parts_may_have_other_usual_names(self, tmp_path: Path) -> None:
        write(tmp_path, "Training/a/1.png", "Training/b/1.png", "Testing/b/1.png")
        raw = read(tmp_path)
        assert raw.class_names == ("a", "b")
        assert raw.test is not None

    def test_a_part_that_is_there_twice_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path, "train/a/1.png", "train/b/1.png", "val/a/1.png", "valid/a/1.png")
        assert "expected one folder of valid images, got val and valid" in refused(tmp_path)

    def test_validation_images_beside_classes_are_not_ignored(self, folder: Path) -> None:
        write(folder, "val/a/1.png", "val/b/1.png")
        assert refused(folder).endswith(
            "photos: expected one subfolder of images per class, or train, val (or valid) and test "
            "with such subfolders in each, got none of training images: there are a (2 files), b "
            "(1 file), val (2 folders); move away, or rename, what is neither"
        )

    @pytest.mark.parametrize(
        ("names", "got"),
        [
            (["train/a/1.png", "train/b/1.png", "a/1.png"], "got a beside train: there are a (1 f"),
            (["train/a/1.png", "train/b/1.png", "more/b/1.png"], "got more beside train: there ar"),
            (["train/1.png", "test/1.png"], "got no subfolders in train: there are test (1 file)"),
            (["train/1.png", "val/a/1.png"], "got no subfolders in train: there are train (1 fil"),
            (["train/1.png", "test/1.png", "car/1.png"], "got no subfolders in train: there are c"),
            (["train/1.png"], "got no subfolders in train: there are train (1 file)"),
            (["test/1.png", "car/1.png"], "got none of training images: there are car (1 file), t"),
            (["valid/1.png", "test/1.png"], "got none of training images: there are test (1 file)"),
        ],
    )
    def test_any_other_mixture_is_refused_with_what_lies_there(
        self, tmp_path: Path, names: list[str], got: str
    ) -> None:
        write(tmp_path, *names)
        assert got in refused(tmp_path)

    def test_a_class_may_be_called_train(self, tmp_path: Path) -> None:
        write(tmp_path, "car/1.png", "plane/1.png", "train/1.png")
        assert read(tmp_path).class_names == ("car", "plane", "train")

    def test_a_test_folder_without_classes_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path, "train/a/1.png", "train/b/1.png", "test/1.png")
        assert "/test: expected one subfolder of images per class" in refused(tmp_path)

    def test_other_folders_beside_the_parts_are_named(self, tmp_path: Path) -> None:
        write(tmp_path, "train/a/1.png", "train/b/1.png", "unlabelled/x/1.png", "train/2.png")
        assert read(tmp_path).notices == (
            "2 of 4 files were left out: 1 beside the folders, 1 in the folder unlabelled",
        )

    def test_a_validation_class_that_training_lacks_is_refused(self, tmp_path: Path) -> None:
        write(tmp_path, "train/a/1.png", "train/b/1.png", "val/c/1.png")
        assert "class 'c' has no folder of training images" in refused(tmp_path)

    def test_names_of_classes_are_compared_in_composed_form(self, tmp_path: Path) -> None:
        decomposed = unicodedata.normalize("NFD", "caf\u00e9")
        assert decomposed != "caf\u00e9"
        write(tmp_path, "train/caf\u00e9/1.png", "train/b/1.png", f"test/{decomposed}/1.png")
        raw = read(tmp_path)
        assert raw.class_names == ("b", "caf\u00e9")
        assert raw.test is not None
        assert raw.test.labels.tolist() == [1]

    def test_a_name_that_is_no_text_is_refused(self, folder: Path) -> None:
        os.mkdir(os.fsencode(folder) + b"/caf\xe9")
        assert "expected a name in UTF-8" in refused(folder)


class TestPlaces:
    def test_a_pipe_is_refused_and_not_waited_for(self, folder: Path) -> None:
        os.mkfifo(folder / "a" / "3.png")
        assert "a/3.png: expected a file, got a pipe" in refused(folder)

    @pytest.mark.parametrize("what", ["a/3.png", "c"])
    def test_links_that_leave_the_folder_are_refused(
        self, folder: Path, tmp_path: Path, what: str
    ) -> None:
        write(tmp_path, "elsewhere/3.png")
        target = tmp_path / "elsewhere" / "3.png"
        (folder / what).symlink_to(target if what.endswith(".png") else target.parent)
        assert f"{what}: is a link that leaves" in refused(folder)

    def test_links_within_the_folder_are_followed(self, folder: Path) -> None:
        (folder / "b" / "2.png").symlink_to("../a/1.png")
        (folder / "c").symlink_to("a")
        assert read(folder).train.labels.tolist() == [0, 0, 1, 1, 2, 2]

    def test_a_path_of_two_lines_is_told_in_one(self, tmp_path: Path) -> None:
        write(tmp_path / "two\nlines", "a/1.png", "b/1.png")
        assert read(tmp_path / "two\nlines").source == f"image folder {tmp_path}/two lines"
        (tmp_path / "two\nlines" / "a" / "2.png").write_text("no picture")
        assert "two lines/a/2.png: expected an image" in refused(tmp_path / "two\nlines")

    def test_a_folder_that_may_not_be_listed_is_named(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deny(path: Path) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(os, "scandir", deny)
        assert "cannot be listed" in refused(folder)
