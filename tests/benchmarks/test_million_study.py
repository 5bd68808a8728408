"""The study of a million pictures, with few of them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.studies import million


def test_pictures_are_of_their_size_of_every_class_and_no_two_alike() -> None:
    made = million.pictures(0, 40)

    assert [name for _, name in made] == [*million.CLASSES] * 4
    assert len({data for data, _ in made}) == 40
    opened = [Image.open(io.BytesIO(data)) for data, _ in made]
    assert {(image.size, image.mode) for image in opened} == {((64, 64), "RGB")}


def test_what_is_prepared_can_be_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(million, "STEPS", 1)
    for number, (data, name) in enumerate(million.pictures(0, 60)):
        (tmp_path / "pictures" / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / name / f"{number}.jpg").write_bytes(data)

    made = million.prepare(tmp_path / "pictures", tmp_path / "state", grey=True)
    trained = million.train(tmp_path / "pictures", tmp_path / "state", grey=True)

    assert made == {"images": [43, 5, 12], "shards": 0}  # of 60: a fifth, a tenth of the rest
    assert trained["loss"] > 0
