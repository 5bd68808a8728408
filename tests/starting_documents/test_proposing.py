"""What is proposed for data: a whole document that fits them, this machine and the user's time."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from own_data import (
    write_cifar10,
    write_grey,
    write_idx,
    write_npz,
    write_pairs,
    write_photos,
    write_texts,
)

from nas_lib.config import ImageTaskConfig, SearchConfig
from nas_lib.config_file import parse_config, read_config
from nas_lib.errors import ConfigError
from nas_lib.open_search import OpenSearch
from nas_lib.starting_documents import StartingDocument, budget, starting_document
from nas_lib.starting_documents.budget import Pace
from nas_lib.starting_documents.starter import Starter
from nas_lib.steps import prepare_data

STEP_S = 0.004


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def steps_as_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a step take so long for 8 x 8 pixels, and more for more, so that fits do not differ."""

    def pace(config: SearchConfig, starter: Starter) -> Pace:
        shape = getattr(starter.manifest(config), "image_shape", (1, 8, 8))
        step_s = STEP_S * shape[1] * shape[2] / 64
        return Pace(step_s, 2 * step_s, workers=2)

    monkeypatch.setattr(budget.Pace, "of", pace)


def whole(document: StartingDocument) -> SearchConfig:
    """Return what the document says, read as a user's file is."""
    Path("search.yaml").write_text(document.yaml(), encoding="utf-8")
    config = read_config("search.yaml")
    assert config == document.config
    return config


def test_photos_have_a_document_with_a_line_above_each_choice(steps_as_of: None) -> None:
    write_photos(Path("my Pets"), {"cat": 60, "dog": 12})

    document = starting_document("my Pets")

    config, lines = whole(document), document.yaml().splitlines()
    assert config.name == "my-pets"
    assert (
        config.task.model_dump() | {"max_train": None}
        == ImageTaskConfig.model_validate(
            {
                "data": {"format": "image_folder", "path": "my Pets", "size": 32, "fit": "pad"},
                "valid_fraction": 0.2,
                "test_fraction": 0.2,
            }
        ).model_dump()
    )
    assert config.final.follows
    for place in ("name", "format", "size", "grey", "max_children", "flip", "batch_size"):
        (number, *_) = (n for n, line in enumerate(lines) if line.strip().startswith(f"{place}: "))
        assert lines[number - 1].strip().startswith("# "), place
    assert lines[0] == "# my Pets: 72 pictures in 2 classes, a folder each"
    # 60 / 12 = 5
    assert "the largest has 60 images, 5 times those of 'dog'" in lines[2]
    assert "1 of 2 classes has fewer than 20 images ('dog' 12)" in lines[1]


def test_broken_pictures_are_left_out_where_there_are_some(steps_as_of: None) -> None:
    write_photos(Path("pets"), size=(40, 40))
    Path("pets/cat/broken.png").write_bytes(b"no picture")

    document = starting_document("pets")

    data = whole(document).task.data.model_dump()
    assert (data["on_error"], data["fit"]) == ("skip", "stretch")
    assert document.why["task.data.on_error"].startswith("1 of 19 cannot be read, such as pets/cat")


def test_small_grey_pictures_stay_as_they_are(steps_as_of: None) -> None:
    write_grey(Path("letters"), {"a": 30, "b": 30}, size=8)

    config = whole(starting_document("letters"))

    data = config.task.data.model_dump()
    assert (data["size"], data["grey"]) == (8, True)
    assert config.space.model_dump()["pool_layers"] == ()
    assert config.children.augment.model_dump() == {  # type: ignore[union-attr]
        "pad": 1,
        "padding": "zeros",
        "flip": False,  # an a has a left and a right
        "cutout": 0,
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: write_npz(Path("x.npz"), data=(90, 16, 16, 3), target=90),
        lambda: write_idx(Path("x")),
        lambda: write_cifar10(Path("x")),
        lambda: write_texts(Path("x")),
        lambda: write_pairs(Path("x.tsv")),
    ],
    ids=["npz", "idx", "cifar10", "text_files", "parallel_text"],
)
def test_every_format_has_a_whole_document(make: object, steps_as_of: None) -> None:
    path = make()  # type: ignore[operator]

    document = starting_document(str(path))

    config = whole(document)
    assert config.name == "x"
    assert config.task.data.model_dump()["path"] == str(path)
    assert document.estimate is not None
    assert document.estimate.total_s <= 3600


@pytest.mark.parametrize("hours", [0.05, 0.3, 1.0, 8.0])
def test_a_search_and_its_final_training_fit_into_the_hours(
    hours: float, steps_as_of: None
) -> None:
    write_photos(Path("photos-of-us"), {"cat": 500, "dog": 700}, size=(70, 66))

    document = starting_document("photos-of-us", hours=hours)

    assert document.estimate is not None
    assert 0.3 * 3600 * min(hours, 1) < document.estimate.total_s <= 3600 * hours


def test_more_time_is_used_for_larger_pictures_then_for_more_networks(steps_as_of: None) -> None:
    write_photos(Path("us"), {"cat": 60, "dog": 70}, size=(70, 66))

    found = [starting_document("us", hours=hours).config for hours in (0.1, 1, 6)]

    sizes = [config.task.data.model_dump()["size"] for config in found]
    networks = [config.search.max_children for config in found]  # type: ignore[union-attr]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (32, 64)
    assert networks[-1] == 192


def test_of_too_many_images_some_are_used(steps_as_of: None) -> None:
    write_idx(Path("mnist"), num_train=30_000)

    document = starting_document("mnist", hours=0.03)

    most = document.config.task.max_train  # type: ignore[union-attr]
    assert most is not None
    assert 200 <= most < 30_000
    assert "All 30,000 images take longer than there is time for." in document.yaml()
    assert document.estimate is not None
    assert document.estimate.total_s <= 108  # 0.03 x 3,600


def test_a_time_in_which_nothing_can_be_done_is_refused(steps_as_of: None) -> None:
    write_photos(Path("us"))

    with pytest.raises(
        ConfigError, match=r"takes about .* here: expected more than --hours 0\.001"
    ):
        starting_document("us", hours=0.001)


def test_a_busy_machine_is_said_to_be_why_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget.Pace, "of", lambda *_: Pace(0.1, 0.2, workers=2, busy=7.2))
    write_photos(Path("us"))

    busy = "the machine is busy with other work, and steps took 7 times as long"
    assert busy in starting_document("us").facts[-1]
    with pytest.raises(ConfigError, match=f"more than --hours 0.01; {busy}"):
        starting_document("us", hours=0.01)


def test_what_the_user_sets_counts_and_has_no_reason_of_ours(steps_as_of: None) -> None:
    write_photos(Path("us"))

    document = starting_document(
        "us", overrides=["children.epochs=400", "task.data.grey=true", "search.max_children=160"]
    )

    config = whole(document)
    assert (config.children.epochs, config.search.max_children) == (400, 160)  # type: ignore[union-attr]
    assert {"children.epochs", "search.max_children", "task.data.grey"}.isdisjoint(document.why)
    assert "task.data.size" in document.why
    assert "more than --hours 1: settings of yours ask for it" in document.facts[-1]


def test_another_kind_of_search_may_be_set(steps_as_of: None) -> None:
    write_photos(Path("us"))

    document = starting_document(
        "us",
        overrides=["space.kind=enas-macro", "search.kind=shared", "final.size.more_filters=null"],
    )

    assert document.config.search.kind == "shared"
    assert document.facts[-1] == "time: nas check says how long it may take"


def test_a_name_is_of_the_path_and_taken_by_no_other_search(steps_as_of: None) -> None:
    for place in ("digits", "Größe ÄÖ.v2", "%%%"):
        write_photos(Path(place))
    names = [starting_document(path).config.name for path in ("digits", "Größe ÄÖ.v2/", "%%%")]
    assert names == ["own-digits", "grosse-ao-v2", "search"]

    taken = starting_document("digits").config
    prepare_data(OpenSearch("runs/own-digits"), config=taken)
    assert starting_document("digits").config.name == "own-digits-2"


def test_steps_are_timed_on_this_machine() -> None:
    write_grey(Path("letters"), {"a": 30, "b": 30}, size=8)

    document = starting_document("letters", hours=24)

    assert document.estimate is not None
    assert document.estimate.search_s > 0.1
    assert document.estimate.total_s < 24 * 3600
    parse_config(yaml.safe_load(document.yaml()), source="test")
