"""The study of presets for pictures: its sets as they are laid out, and what it tells."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies import own_sets
from benchmarks.studies.own_sets import REFERENCE, SETS, Trained, compared, difference
from benchmarks.studies.sets import WRITERS
from benchmarks.studies.sets.emoji import DESIGNERS, VERSION, group_of
from benchmarks.studies.sets.exercises import pieces
from benchmarks.studies.sets.sprites import MOST_OF_A_FIGURE, figure_of
from nas_lib.config import ImageFolderData, ImageTableData


def trained(network: str, *test: float, pictures: str = "emoji") -> Trained:
    return Trained(pictures, "photos", network, 1000, 2_000_000, test, test, {"search": 9.6})


def test_a_preset_is_told_by_its_points_ahead_of_the_known_network_on_the_same_set() -> None:
    rows = [
        trained("conv", 0.72, 0.73, 0.74),
        trained(REFERENCE, 0.71, 0.72, 0.73),
        trained("conv", 0.5, 0.6, pictures="sprites"),  # its reference has not been trained yet
    ]

    # equal variances of 1 point: 4 degrees of freedom, t 2.776, times sqrt(2 / 3)
    assert difference(rows[0], rows[1]) == "+1.0 (-1.3 to +3.3)"
    assert [*compared(rows)] == [["emoji", "photos", "+1.0 (-1.3 to +3.3)"]]
    assert rows[0].row[-3:] == ["73.0 +- 2.5", "73.0 +- 2.5", "10"]  # 4.303 / sqrt(3)


def test_a_document_says_where_a_set_lies_and_what_its_groups_are_and_no_more() -> None:
    documents = {name: own_sets.config(name, "photos", Path("/sets")) for name in SETS}

    assert set(SETS) <= set(WRITERS)
    sprites, emoji = documents["sprites"].task.data, documents["emoji"].task.data
    assert isinstance(sprites, ImageFolderData)
    assert isinstance(emoji, ImageTableData)
    assert (sprites.path, sprites.group) == ("/sets/sprites", "^(.*?)__")
    assert emoji.path == "/sets/emoji/labels.csv"
    assert len({document.children for document in documents.values()}) == 1


def test_minutes_of_a_stage_that_was_interrupted_add_up(tmp_path: Path) -> None:
    (tmp_path / own_sets.MINUTES).write_text('{"search": 2.0}', encoding="utf-8")

    with pytest.raises(KeyboardInterrupt), own_sets.timed(tmp_path, "search"):
        raise KeyboardInterrupt
    with own_sets.timed(tmp_path, "final"):
        pass

    spent = own_sets.minutes_of(tmp_path)
    assert 2.0 < spent["search"] < 2.1
    assert 0.0 < spent["final"] < 0.1


def test_both_pictures_of_an_emoji_and_those_of_a_woman_and_a_man_are_one_group(
    tmp_path: Path,
) -> None:
    emoji = [
        {"image": "a.png", "name": "WOMAN SURFING", "category": "People & Body"},
        {"image": "b.png", "name": "MAN SURFING", "category": "People & Body"},
        {"image": "c.png", "name": "SKIN", "category": "Component"},
    ]
    for designer in DESIGNERS:
        package = tmp_path / f"packages/emoji-datasource-{designer}@{VERSION}/package"
        pictures = package / "img" / designer / "64"
        pictures.mkdir(parents=True)
        told = [{**each, f"has_img_{designer}": True} for each in emoji]
        (package / "emoji.json").write_text(json.dumps(told), encoding="utf-8")
        for each in emoji:
            (pictures / each["image"]).write_bytes(b"picture")

    WRITERS["emoji"](tmp_path / "packages", tmp_path / "emoji")

    with (tmp_path / "emoji/labels.csv").open(encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    assert [row["path"] for row in rows] == [f"{d}/{p}.png" for d in DESIGNERS for p in "ab"]
    assert {row["group"] for row in rows} == {"surfing"}
    assert all((tmp_path / "emoji" / row["path"]).exists() for row in rows)
    assert group_of("WOMAN") == "woman"


def test_a_figure_has_at_most_a_dozen_pictures_which_begin_with_its_name(tmp_path: Path) -> None:
    package = tmp_path / "packages/wesnoth-1.16-data"
    folder = package / "usr/share/games/wesnoth/1.16/data/core/images/units/orcs/archer"
    folder.mkdir(parents=True)
    for number in range(30):
        (folder / f"archer-attack-{number:02}.png").write_bytes(b"")

    WRITERS["sprites"](tmp_path / "packages", tmp_path / "sprites")

    found = sorted(path.name for path in (tmp_path / "sprites/orcs").iterdir())
    assert len(found) == MOST_OF_A_FIGURE
    assert found[:2] == ["archer__archer-attack-00.png", "archer__archer-attack-02.png"]
    assert figure_of("fire-dragon.png") == "fire"


def test_a_recording_is_cut_into_pieces_that_overlap_by_half() -> None:
    recording_TC = np.arange(2 * 320).reshape(320, 2)

    found = [*pieces(recording_TC)]

    assert [piece[0, 0] for piece in found] == [0, 128, 256, 384]  # steps 0, 64, 128, 192
    assert {piece.shape for piece in found} == {(128, 2)}
