"""`nas init --data` and `nas search PATH`: from files to a search."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bucket_files import put_files
from nas_command import Nas
from own_data import write_photos

from nas_lib.config_file import read_config
from nas_lib.engine import crew
from nas_lib.store import SearchStore

SHORT = (
    *("children.epochs=1", "search.max_children=2", "search.children_per_round=2"),
    *("space.depth.start=2", "space.depth.max=2", "space.pool_layers=[]", "task.data.size=8"),
    *("children.min_steps=1", "final.follows=false"),
)
SETS = [word for override in SHORT for word in ("--set", override)]


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Nas:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(crew, "_is_inline", lambda *_: True)  # no process that loads torch anew
    write_photos(Path("pets"))
    return Nas(monkeypatch, capsys)


def test_init_writes_a_document_for_data_that_search_can_read(nas: Nas) -> None:
    code, output, _ = nas("init", "--data", "pets", "--hours", "2", "-o", "search.yaml", *SETS)

    assert code == 0
    assert output.splitlines()[0] == "pets: 18 pictures in 2 classes, a folder each"
    assert output.splitlines()[-1].startswith("search.yaml is written: edit it, then `nas search")
    config = read_config("search.yaml")
    assert (config.name, config.children.epochs) == ("pets", 1)


def test_data_are_searched_by_one_command_which_goes_on(nas: Nas) -> None:
    code, output, errors = nas("search", "pets", *SETS)

    assert code == 0, errors
    assert "Report: " in output
    assert "pets: 18 pictures in 2 classes" in errors
    assert read_config("runs/pets/search.yaml") == SearchStore.open("runs/pets").config()

    code, again, errors = nas("search", "pets", "--hours", "3")
    assert code == 0, errors
    assert "going on with runs/pets, a search of these data, for as long as it was begun" in errors
    assert again.splitlines()[-1].startswith("Report: ")

    code, by_place, errors = nas("search", "runs/pets")
    assert code == 0, errors
    assert "Winner " in by_place

    code, _, errors = nas("search", "runs/pets", "--store", "runs/other")
    assert (code, errors) == (
        2,
        "nas: runs/pets is a search, whose state lies there: leave out --store\n",
    )
    write_photos(Path("birds"))
    code, _, errors = nas("search", "birds", "--store", "runs/pets")
    assert (code, errors) == (
        2,
        "nas: runs/pets holds a search of other data: name another place\n",
    )


def test_data_in_a_bucket_are_searched_by_their_address(nas: Nas, s3_uri: str) -> None:
    put_files(Path("pets"), f"{s3_uri}/pets")

    code, output, _ = nas("init", "--data", f"{s3_uri}/pets", "-o", "search.yaml", *SETS)
    assert code == 0
    assert output.splitlines()[0] == f"{s3_uri}/pets: 18 pictures in 2 classes, a folder each"
    config = read_config("search.yaml")
    assert (config.name, config.task.data.path) == ("pets", f"{s3_uri}/pets")  # type: ignore[union-attr]
    assert "buckets" not in Path("search.yaml").read_text()  # where the copy lies

    code, _, errors = nas("search", f"{s3_uri}/pets/", *SETS)
    assert code == 0, errors
    assert read_config("runs/pets/search.yaml") == SearchStore.open("runs/pets").config() == config

    code, _, errors = nas("search", f"{s3_uri}/pets")
    assert code == 0, errors
    assert errors.startswith("going on with runs/pets, a search of these data\n")


def test_what_is_wrong_with_data_in_a_bucket_is_said_of_its_address(nas: Nas, s3_uri: str) -> None:
    put_files(Path("pets"), s3_uri)
    for arguments, sentence in (
        (["search", f"{s3_uri}/none"], "/none: expected data, got no object of that name or"),
        (["search", f"{s3_uri}/cat"], "/cat: found pictures that are not in several folders"),
        (["init", "--data", s3_uri, "--set", "sed=1"], ": unknown setting sed; did you mean"),
        (["init", "--data", s3_uri, "--hours", "1e-4"], ": the shortest search of 18 pictures"),
    ):
        code, _, errors = nas(*arguments)
        assert code == 2
        assert errors.startswith(f"nas: {s3_uri}")
        assert sentence in errors


def test_a_preset_stays_what_its_name_means_beside_a_folder_of_that_name(nas: Nas) -> None:
    write_photos(Path("digits"))

    code, _, errors = nas("search", "digits", "--set", "children.epochs=0")

    assert code == 2
    first, second = errors.splitlines()[:2]
    assert first == (
        "digits is the preset of that name: the folder here is meant by `nas search ./digits`"
    )
    assert second.startswith("nas: preset digits: children.epochs should be")

    code, _, errors = nas("search", "./digits", "--hours", "0.0001")
    assert "./digits: the shortest search of 18 pictures in 2 classes" in errors
    assert code == 2
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["init"], "name a PRESET to begin with, or --data of your own"),
        (["init", "digits", "--data", "pets"], "both say what to begin with: choose one"),
        (["init", "digits", "--hours", "1"], "--hours is for data of your own"),
        (["search", "digits", "--format", "npz"], "--format is for data of your own"),
        (["init", "--data", "nothing"], "nothing: expected data, got nothing"),
        (["init", "--data", ""], "expected a path, got an empty text"),
        (["init", "--data", "pets", "--set", "sed=1"], "unknown setting sed; did you mean seed?"),
        (["search", "nothing"], "cannot read the configuration nothing"),
    ],
)
def test_a_mistake_is_one_sentence(nas: Nas, arguments: list[str], sentence: str) -> None:
    code, _, errors = nas(*arguments)

    assert code == 2
    assert sentence in errors.splitlines()[-1]


def test_a_folder_in_the_place_of_a_document_is_told_what_makes_one_of_it(nas: Nas) -> None:
    assert nas("check", "pets") == (
        2,
        "",
        "nas: pets: expected a document, got a folder; of data, nas init --data pets -o "
        "search.yaml writes one\n",
    )
