"""What is proposed for series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_data import write_npz, write_series_table, write_ts

from nas_lib.config import SearchConfig, SeriesTableData
from nas_lib.config_file import read_config
from nas_lib.starting_documents import budget, starting_document
from nas_lib.starting_documents.budget import Pace
from nas_lib.starting_documents.starter import Starter
from nas_lib.tasks import task_of

STEP_S = 2e-5  # a step of a series


@pytest.fixture(autouse=True)
def steps_as_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training take as long as there are steps in a series."""

    def pace(config: SearchConfig, starter: Starter) -> Pace:
        step_s = STEP_S * starter.manifest(config).image_shape[2]  # type: ignore[attr-defined]
        return Pace(step_s, 2 * step_s, workers=2)

    monkeypatch.setattr(budget.Pace, "of", pace)
    monkeypatch.chdir(tmp_path)


def test_series_have_a_document_with_a_line_above_each_choice_which_reads_them() -> None:
    write_ts(Path("my gestures"))

    document = starting_document("my gestures")

    Path("search.yaml").write_text(document.yaml(), encoding="utf-8")
    config, lines = read_config("search.yaml"), document.yaml().splitlines()
    assert config == document.config
    assert config.name == "my-gestures"
    assert (config.task.kind, config.space.kind, config.children.kind) == (
        "series",
        "series-cnn",
        "series",
    )
    assert lines[0] == "# my gestures: 40 series of 16 steps and 2 channels in 3 classes"
    for place in ("name", "format", "standardise", "filter_widths", "pool_layers", "shift"):
        (number, *_) = (n for n, line in enumerate(lines) if line.strip().startswith(f"{place}: "))
        assert lines[number - 1].strip().startswith("# "), place
    prepared = task_of(config).prepare()
    assert prepared is not None
    assert prepared.manifest.num_test == 16


def test_other_lengths_and_missing_values_are_made_whole() -> None:
    write_series_table(Path("x.csv"))

    document = starting_document("x.csv")

    data = document.config.task.data
    assert (data.lengths, data.length, data.missing) == (  # type: ignore[union-attr]
        "pad",
        None,
        "interpolate",
    )
    assert task_of(document.config).prepare()
    assert "# They have 10 to 12 steps: the last value is held." in document.yaml()


def test_long_series_are_resampled_to_what_the_time_allows() -> None:
    write_npz(Path("x.npz"), floats=(300, 3000), labels=300)

    short, long = (starting_document("x.npz", hours=hours).config for hours in (0.1, 3))

    for config in (short, long):
        data = config.task.data
        assert data.lengths == "resample"  # type: ignore[union-attr]
        assert config.space.pool_layers == (2, 4, 6, 9)  # type: ignore[union-attr]
    lengths = [config.task.data.length for config in (short, long)]  # type: ignore[union-attr]
    assert lengths[0] < lengths[1] == 2048


def test_a_table_of_one_length_of_its_own_is_left_as_it_is() -> None:
    rng = np.random.default_rng(0)
    rows = [f"{number % 2},{','.join(map(str, rng.normal(size=9)))}" for number in range(30)]
    Path("X_TRAIN.tsv").write_text("\n".join(rows).replace(",", "\t"))

    config = starting_document("X_TRAIN.tsv").config

    assert config.task.data == SeriesTableData(path="X_TRAIN.tsv")
