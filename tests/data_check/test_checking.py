"""What `nas data check` finds in sets that were made for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nas_command import Nas
from own_data import write_pairs, write_table
from PIL import Image
from test_twins import changed, scenes

from nas_lib.config import ImageFolderData, ImageTaskConfig, NpzData, SearchConfig
from nas_lib.data_check import check_data
from nas_lib.data_check.found import DataCheck


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def save(image: Any, path: Path, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.transpose(1, 2, 0)).save(path, **options)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return 24 cats and 24 dogs, no two of which are alike."""
    for index, image in enumerate(scenes(48, side=40)):
        save(image, tmp_path / "photos" / ("cat", "dog")[index % 2] / f"{index}.png")
    return tmp_path / "photos"


def checked(folder: Path, *, with_pictures: bool = False, **data: Any) -> DataCheck:
    task = ImageTaskConfig(data=ImageFolderData(path=str(folder), **data))
    return check_data(SearchConfig(task=task), with_pictures=with_pictures)


def texts(check: DataCheck, level: str = "warning") -> str:
    return "\n".join(each.text for each in check.findings if each.level == level)


def test_data_in_which_nothing_is_wrong_have_no_findings(nas: Nas, photos: Path) -> None:
    code, said, errors = nas("data", "check", photos, "--strict")
    assert (code, errors) == (0, "")
    # 20 % of 48 are 10 for the test, 20 % of the other 38 are 8 for validation
    assert "30 training, 8 validation and 10 test images" in said
    assert "all is well" in said
    assert re.search(r"^cat +15 +4 +5$", said, re.MULTILINE)


def test_twins_are_found_where_the_search_of_this_seed_divides_them(photos: Path) -> None:
    for name in ("0", "2", "4", "6", "8", "10"):
        image = np.asarray(Image.open(photos / "cat" / f"{name}.png")).transpose(2, 0, 1)
        again = changed(image[np.newaxis], "saved again")[0]
        save(again, photos / "cat" / f"{name}_again.jpg", quality=90)
    found = {seed: _pairs(photos, seed) for seed in range(3)}
    assert len(set(map(frozenset, found.values()))) > 1  # each seed has a split of its own
    for pairs in found.values():
        assert pairs  # 6 pairs, of which a third of all images are held out
        for one, other in pairs:
            assert {one.removesuffix("_again"), other.removesuffix("_again")} == {
                one.removesuffix("_again")
            }


def _pairs(folder: Path, seed: int) -> list[tuple[str, str]]:
    task = ImageTaskConfig(data=ImageFolderData(path=str(folder)))
    found = check_data(SearchConfig(task=task, seed=seed))
    return [(Path(pair.one.name).stem, Path(pair.other.name).stem) for pair in found.pairs]


def test_groups_leave_no_twins_and_the_advice_says_so(photos: Path) -> None:
    for path in list((photos / "cat").iterdir()):
        (photos / "cat" / f"{path.stem}_copy.png").write_bytes(path.read_bytes())
    apart = checked(photos)
    assert "have a twin among the training images" in texts(apart)
    assert all(pair.is_equal for pair in apart.pairs)
    assert "task.data.group" in apart.of("warning")[0].advice

    together = checked(photos, group="^([0-9]+)")
    assert not together.pairs
    each_by_itself = checked(photos, group="^(.*)$")
    assert "they are of two groups" in each_by_itself.of("warning")[0].advice


def test_equal_images_of_two_classes_are_told(photos: Path) -> None:
    (photos / "dog" / "wrong.png").write_bytes((photos / "cat" / "4.png").read_bytes())
    assert "1 image is there with different classes: " in texts(checked(photos))
    assert "1 image of 49 repeat" in texts(checked(photos), "note")


def test_all_broken_files_are_named_and_stop_a_search_that_does_not_skip_them(
    nas: Nas, photos: Path
) -> None:
    for index in range(7):
        (photos / "cat" / f"broken{index}.jpg").write_bytes(b"no picture")
    arguments = ("data", "check", photos, "--json", "--set")

    code, said, errors = nas(*arguments, "task.data.on_error=refuse")
    found = json.loads(said)
    assert (code, errors) == (2, "nas: 7 files cannot be read\n")
    assert [re.search(r"broken\d", text)[0] for text in found["broken"]] == [  # type: ignore[index]
        f"broken{index}" for index in range(7)
    ]
    assert sum(found["counts"].values()) == 48  # all the rest is told as well

    assert nas(*arguments, "task.data.on_error=skip")[0] == 0
    assert nas(*arguments, "task.data.on_error=skip", "--strict")[0] == 1


def test_broken_files_are_named_where_a_class_has_no_others(photos: Path) -> None:
    (photos / "eel").mkdir()
    for index in range(2):
        (photos / "eel" / f"{index}.jpg").write_bytes(b"no picture")
    found = checked(photos)
    assert "eel: expected images, got 2 files that cannot be read" in found.refusal
    assert len(found.broken) == 2
    assert not found.counts


def test_what_pictures_are_is_counted(photos: Path) -> None:
    (photos / "cat" / "phone.heic").write_bytes(b"none that is read")
    turned = Image.Exif()
    turned[0x0112] = 6  # on its side: 40 x 200 as stored, 200 x 40 upright
    Image.new("L", (40, 200), 90).save(photos / "dog" / "long.jpg", exif=turned)
    Image.new("RGBA", (10, 8), (9, 9, 9, 0)).save(photos / "dog" / "seen_through.png")

    found = checked(photos)

    assert found.facts["files"] == "49 PNG, 1 JPEG"
    assert found.facts["sizes"] == "from 10x8 to 200x40, in the middle 40x40"
    assert found.facts["proportions"].startswith("from 1.00 to 5.00")
    assert found.facts["of them"] == "1 stored in grey, 1 transparent, 1 turned by EXIF"
    assert "1 file of a type that is not read: 1 .heic" in texts(found)
    assert "2 images are of one colour" in texts(found)


def test_few_images_and_rare_classes_are_told(photos: Path) -> None:
    rare = scenes(4, seed=5, side=40)
    save(rare[0], photos / "eel" / "a.png")
    found = checked(photos)
    assert "1 class has one image only: 'eel'" in texts(found)
    assert "the largest class, 'cat', has 24 times as many images as the smallest, 'eel'" in texts(
        found
    )
    for image, name in zip(rare[1:], "bcd", strict=True):
        save(image, photos / "eel" / f"{name}.png")
    found = checked(photos)
    assert "1 class has fewer than 20 images: 'eel'" in texts(found, "note")
    assert "6 times as many" in texts(found, "note")  # 24 / 4


def test_arrays_are_checked_by_their_numbers(tmp_path: Path) -> None:
    images, tests = scenes(40, side=32), scenes(10, seed=1, side=32)
    tests[3] = images[7]
    labels = np.arange(40) % 2
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=tests, y_test=labels[:10])
    task = ImageTaskConfig(data=NpzData(path=str(tmp_path / "a.npz"), axes="NCHW"))
    found = check_data(SearchConfig(task=task))
    [pair] = [each for each in found.pairs if each.one.part == "test"]
    assert (pair.one.name, pair.is_equal) == ("image 3", True)
    assert pair.other.name == "image 7"
    assert "the data come divided" in found.of("warning")[0].advice


@pytest.mark.parametrize(("side", "num"), [(12, 0), (16, 8)])
def test_nearly_equal_images_of_few_pixels_are_no_twins(
    tmp_path: Path, side: int, num: int
) -> None:
    images = scenes(40, side=side)
    tests = np.minimum(images[:8], 250) + 2
    labels = np.arange(40) % 2
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=tests, y_test=labels[:8])
    task = ImageTaskConfig(
        data=NpzData(path=str(tmp_path / "a.npz"), axes="NCHW"), valid_fraction=0.05
    )
    found = check_data(SearchConfig(task=task))
    assert len({pair.one.name for pair in found.pairs if pair.one.part == "test"}) == num


def test_a_table_of_pictures_is_checked_with_its_parts(nas: Nas, tmp_path: Path) -> None:
    code, said, _ = nas("data", "check", write_table(tmp_path) / "labels.csv", "--json")
    assert code == 0
    assert json.loads(said)["counts"]["test"] == 6  # lines 18 to 23 of 0 to 23


def test_pairs_of_sentences_are_counted_and_what_reading_notes_is_told(
    nas: Nas, tmp_path: Path
) -> None:
    path = write_pairs(tmp_path / "pairs.tsv")
    with path.open("a", encoding="utf-8") as file:
        file.write("a line without a translation\n")
    code, said, _ = nas("data", "check", path)
    assert code == 0
    assert re.search(r"split +\d+ training, \d+ validation and \d+ test pairs", said)
    assert "note: " in said


def test_a_page_has_pictures_of_each_class_and_twins_side_by_side(
    nas: Nas, photos: Path, tmp_path: Path
) -> None:
    for path in list((photos / "cat").iterdir()):
        (photos / "dog" / f"{path.stem}_copy.png").write_bytes(path.read_bytes())
    page = tmp_path / "sheet.html"

    code, said, errors = nas("data", "check", photos, "--html", page)

    text = page.read_text(encoding="utf-8")
    assert code == 0
    assert errors == f"Page: {page}\n"
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)  # one file, fetches nothing
    twins = text[text.index('class="twins"') : text.index("<h2>Classes</h2>")]
    samples = text[text.index("<h2>Classes</h2>") :]
    assert twins.count("<img") == 2 * twins.count("<li>") > 0
    assert samples.count("<img") == 16  # 8 of each of two classes
    assert "of different classes" in twins
    assert "twin among the training images" in said


def test_names_are_told_as_text_whatever_is_in_them(nas: Nas, photos: Path, tmp_path: Path) -> None:
    (photos / "cat").rename(photos / "<b>cat")
    for path in list((photos / "<b>cat").iterdir()):
        (photos / "dog" / f"{path.stem}\x1b<i>.png").write_bytes(path.read_bytes())
    _, said, _ = nas("data", "check", photos, "--html", tmp_path / "sheet.html")
    text = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "<b>cat" not in text
    assert "<i>" not in text
    assert "\x1b" not in said


def test_a_path_without_data_is_refused(nas: Nas, tmp_path: Path) -> None:
    assert nas("data", "check", tmp_path / "nothing")[0] == 2
    code, _, errors = nas("data", "check", "digits", "--format", "npz")
    assert code == 2
    assert "--format is for a PATH of data" in errors


# --- labels and numbers --------------------------------------------------------------------------


def written(path: Path, labels: Any) -> Path:
    images = scenes(len(labels), side=20).transpose(0, 2, 3, 1)
    np.savez(path, x_train=images, y_train=labels, label_names=np.array(["cat", "dog", "owl"]))
    return path


def test_labels_are_counted_each_by_itself(tmp_path: Path, nas: Nas) -> None:
    labels = np.zeros((40, 3), np.uint8)
    labels[:30, 0], labels[10:30, 1], labels[:3, 2] = 1, 1, 1
    path = written(tmp_path / "x.npz", labels)
    sheet = tmp_path / "sheet.html"

    _, said, _ = nas("data", "check", path, "--html", sheet)
    data = NpzData(path=str(path))
    check = check_data(SearchConfig(task=ImageTaskConfig(target="labels", data=data)))

    assert {name: sum(each.values()) for name, each in check.classes.items()} == {
        "cat": 30,
        "dog": 20,
        "owl": 3,
    }
    assert all(num > 0 for num in check.classes["owl"].values())
    # (30 + 20 + 3) / 40
    assert "labels  3; an image has 1.32 of them on average, at most 2, and 10 of 40 have" in said
    assert re.search(r"^cat +\d+ +\d+ +\d+$", said, re.MULTILINE)
    assert "1 label has fewer than 20 images: 'owl'" in said
    assert "the most common label, 'cat', has 10 times as many images as the rarest, 'owl'" in said
    page = sheet.read_text()
    assert "<h2>Labels</h2>" in page
    assert "A picture of cat, dog" in page


def test_numbers_are_told_by_their_quartiles(tmp_path: Path, nas: Nas) -> None:
    numbers = np.arange(41) / 2  # 0 to 20
    path, sheet = written(tmp_path / "x.npz", numbers), tmp_path / "sheet.html"

    code, said, _ = nas("data", "check", path, "--html", sheet)

    assert code == 0
    assert "0 to 20; quartiles 5, 10 and 15; mean 10, deviation 5.9" in said
    page = sheet.read_text()
    assert "<h3>The highest</h3>" in page
    assert "A picture of 20" in page


def test_equal_images_with_different_numbers_are_found(tmp_path: Path) -> None:
    images = scenes(30, side=20).transpose(0, 2, 3, 1)
    images[7] = images[3]
    numbers = np.arange(30) + 0.5
    np.savez(tmp_path / "x.npz", x_train=images, y_train=numbers)
    data = NpzData(path=str(tmp_path / "x.npz"))

    check = check_data(SearchConfig(task=ImageTaskConfig(target="number", data=data)))

    assert "1 image is there with different numbers: " in texts(check)
    assert "(3.5)" in texts(check)
    assert "(7.5)" in texts(check)
