"""The benchmarks run; what they measure on a busy machine is not judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from s3_server import S3Server

from benchmarks import overhead, startup, top
from benchmarks.__main__ import main
from benchmarks.figure import Figure
from benchmarks.process import run_python
from benchmarks.stored import finished_search, store
from nas_lib.open_search import OpenSearch
from nas_lib.steps import view_search


def test_figures_are_printed_with_their_targets_and_written_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "REPEATS", 1)
    file = tmp_path / "figures.json"

    done = CliRunner().invoke(main, ["startup", "--json", str(file)], catch_exceptions=False)

    assert "nas --help" in done.stdout
    results = json.loads(file.read_text())
    assert results["machine"]["cores"] >= 1
    assert [each["target"] for each in results["figures"]] == ["<= 0.3", "<= 0.6"]
    assert all(each["value"] > 0 for each in results["figures"])


@pytest.mark.parametrize(
    ("figure", "is_met"),
    [
        (Figure("a", 2.0, at_least=1.8), True),
        (Figure("b", 1.7, at_least=1.8), False),
        (Figure("c", 2.0, at_most=2.0), True),
        (Figure("d", 2.1, at_most=2.0), False),
        (Figure("e", 2.1), None),
    ],
)
def test_a_target_is_met_from_its_own_side(figure: Figure, is_met: bool | None) -> None:
    assert figure.is_met is is_met


def test_the_overhead_of_the_engine_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead, "CHILDREN_PER_ROUND", 2)
    monkeypatch.setattr(overhead, "ROUNDS", 2)

    (figure,) = overhead.measure()

    assert figure.value > 0  # the children alone take the ideal time


@pytest.mark.parametrize("per_round", [8, 1])
def test_the_search_that_nobody_ran_is_a_finished_one(tmp_path: Path, per_round: int) -> None:
    store(finished_search(16, per_round=per_round), str(tmp_path))

    view = view_search(OpenSearch(str(tmp_path)))

    assert view.finished
    assert len(view.rows) == 16
    assert len(view.learned) == 16 / per_round


def test_nas_top_is_measured_on_a_folder_and_on_s3(
    tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(top, "NUM_CHILDREN", 8)
    monkeypatch.setattr(top, "REPEATS", 1)

    costs = top.costs(str(tmp_path), s3_server, per_round=8)

    assert list(costs) == ["folder", "S3, cold", "S3, warm"]
    assert all(cost.seconds > 0 for cost in costs.values())


def test_the_memory_of_a_process_is_its_own() -> None:
    small, large = (
        run_python("-c", f"block = bytearray({size})").peak_mb for size in (1, 200 * 2**20)
    )
    assert small < 50 < 200 < large
