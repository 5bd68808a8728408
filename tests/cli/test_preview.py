"""What `nas check` says of a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from exports import SMALL, write_pictures
from searches import SMALL_DIGITS
from shards import take_as_large
from toy_text import write_toy_text

from nas_lib.cli.preview import preview
from nas_lib.config import (
    EnasRnnSpaceConfig,
    HiddenConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
    TextChildrenConfig,
    TextFilesData,
    TextTaskConfig,
)
from nas_lib.config_file import parse_config, resolve_config
from nas_lib.engine import search
from nas_lib.errors import ConfigError, DataError
from nas_lib.store import SearchStore, layout
from nas_lib.tasks import ImageTask


def config(folder: str) -> SearchConfig:
    return SearchConfig(
        task=TextTaskConfig(data=TextFilesData(path=folder)),
        space=EnasRnnSpaceConfig(nodes=2, child=HiddenConfig(hidden=4)),
        controller=RandomConfig(),
        children=TextChildrenConfig(epochs=2, batch_size=4),
        search=RoundsConfig(max_children=4, children_per_round=2),
    )


def test_a_text_is_read_and_the_training_of_language_models_timed(tmp_path: Path) -> None:
    for part, words in (("train", "a b " * 200), ("valid", "a b a"), ("test", "b c")):
        (tmp_path / f"{part}.txt").write_text(words)

    facts = preview(config(str(tmp_path)))

    # with an <eos> at the end of each; c is not in the training text
    assert "401 training, 4 validation and 3 test words" in facts["data"]
    assert "32 architectures" in facts["space"]  # 4^2 functions x 2! previous nodes
    assert facts["time"].startswith("about 0.")


def test_a_target_is_told_with_the_size_that_it_becomes(tmp_path: Path) -> None:
    document = config(str(tmp_path)).model_dump(mode="json", exclude={"final"})
    child = {"layers": 1, "parameters": 1000}
    space = {"kind": "nas-rnn", "base": 2, "child": child}
    write_toy_text(tmp_path)

    facts = preview(parse_config({**document, "space": space}, source="test"))

    # 10 words x 15, and 2 leaves with 2 x 15^2; with 14 units it were 924
    assert facts["size"] == "15 hidden, which is 1,050 parameters for the 1,000 that are asked for"
    assert facts["time"].startswith("about 0.")


def digits(**overrides: Any) -> SearchConfig:
    small = {f"space.{name}": [1, 3] for name in ("filter_heights", "filter_widths")}
    found = resolve_config("digits", {**SMALL_DIGITS, **small, **overrides}, stored=None)
    assert found is not None
    return found


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_here_is_refused_as_the_search_would_refuse_it(tmp_path: Path) -> None:
    config = digits(**{"children.device": "cuda:7"})

    with pytest.raises(ConfigError, match=r"children\.device must be auto or cpu") as refused:
        preview(config)

    with pytest.raises(ConfigError) as as_well:
        search(config, store=str(tmp_path / "runs"))
    assert str(as_well.value) == str(refused.value)
    assert not (tmp_path / "runs").exists()


def test_children_that_no_memory_holds_are_not_built() -> None:
    facts = preview(
        digits(
            **{
                "space.num_filters": [65_536],
                "space.filter_heights": [1, 4096],
                "final.size.more_filters": None,
            }
        )
    )

    assert facts["time"].startswith("unknown: the weights of a child and their gradients take ")


def test_a_long_step_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas_lib.steps.timing._PATIENCE_S", 0.0)
    steps: list[object] = []
    monkeypatch.setattr(ImageTask, "timed_step", lambda _, plan, __: lambda: steps.append(plan))

    preview(digits())

    assert len(steps) == 2  # one of the search, and one of its final training


def test_spaces_of_more_architectures_than_a_float_holds_are_told() -> None:
    depth = {"start": 2, "step": 58, "every_children": 1, "max": 60}

    facts = preview(
        digits(**{"space.depth": depth, "final.top": 1, "final.size.more_filters": None})
    )

    # 2 x 2 x 4 options in each layer, and a bit for each layer before it: 2^(4 x 60 + 60 x 59 / 2)
    assert facts["space"] == "cnn, depth 2 to 60, 5.1e+02 to 1e+605 architectures"


def test_a_text_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder or an archive, got nothing"):
        preview(config(str(tmp_path / "nowhere")))


def test_a_final_training_is_counted_and_timed_at_its_own_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plans: list[object] = []
    monkeypatch.setattr(ImageTask, "timed_step", lambda _, plan, __: lambda: plans.append(plan))
    grid = {"learning_rate": [0.1, 0.02], "epochs": [3, 4]}

    final = {"grid": grid, "size": {"more_filters": 100}, "references": ["resnet-20"]}
    found = preview(digits(final=final))

    assert found["final training"].startswith(
        "36 trainings (3 networks x 3 seeds x 4 points), and the best once more on all data, about"
    )
    assert found["final training"].endswith(
        "on CPUs here; it begins with `nas train`; beside it 12 trainings of references"
    )
    sizes = [max(layer.num_filters for layer in plan.layers) for plan in plans]  # type: ignore[attr-defined]
    assert min(sizes) < 100 < max(sizes)


def test_shards_of_large_data_are_not_taken_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_as_large(monkeypatch, shard_bytes=7 * 8 * 8 * 3)
    monkeypatch.setattr("secrets.token_hex", lambda _: "here")
    data = {"format": "image_folder", "path": str(write_pictures(tmp_path / "data")), "size": 8}
    document = {**SMALL, "task": {"kind": "images", "data": data}}

    facts = preview(parse_config(document, source="test"))

    assert "test images of 8x8x3 in 2 classes" in facts["data"]

    keys = SearchStore.open("memory://preview-here").objects.keys("data")
    assert [key for key in keys if key.endswith(".safetensors")] == [
        layout.DATA_SEARCH,
        layout.DATA_TEST,
    ]
