"""`nas compare --against`: what may be named, and what is written."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nas_command import Nas
from searches import tabular

from nas_lib.config import RandomConfig
from nas_lib.config_file import to_yaml
from nas_lib.engine import search


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let the command think that this process is its own, which has no workers beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("nas_lib.engine.entry.num_processes", lambda *_: 0)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def test_a_document_is_compared_and_a_page_and_a_plot_lie_beside_the_searches(nas: Nas) -> None:
    Path("search.yaml").write_text(to_yaml(tabular(max_children=8)))

    code, output, errors = nas("compare", "search.yaml", "--against", "random", "--seeds", "2")

    assert code == 0
    assert [line.split()[0] for line in output.splitlines() if "random" in line][:3] == [
        *("random-0", "random-1", "mean")
    ]
    assert "difference" in output
    steps = [line for line in errors.splitlines() if line[1:3] == "/4"]
    assert [line.partition(", in ")[0] for line in steps] == [
        "1/4: reinforce, seed 0",
        "2/4: random, seed 0",
        "3/4: reinforce, seed 1",
        "4/4: random, seed 1",
    ]
    folder = Path("runs/tabular-compare")
    assert "<svg" in (folder / "compare.html").read_text()
    assert (folder / "compare.svg").read_text().startswith("<svg")
    assert {path.name for path in (folder / "random").iterdir()} == {"0", "1"}


def test_a_search_goes_on_with_other_settings_and_brings_its_seed(nas: Nas) -> None:
    search(tabular(max_children=8).model_copy(update={"seed": 4}), store="mine", workers=1)
    budget = ("--set", "search.max_children=12")

    code, output, _ = nas(
        *("compare", "mine", "--against", "random", "--seeds", "1", *budget, "--json"),
        *("--store", "rest", "-o", "plot.svg"),
    )

    found = json.loads(output)
    assert code == 0
    assert found["budget"] == 12
    assert [(entry["seed"], entry["uri"]) for entry in found["entries"]] == [
        (4, str(Path("mine").absolute())),
        (4, str(Path("rest/random/4").absolute())),
    ]
    assert Path("plot.svg").read_text().startswith("<svg")
    assert not list(Path().rglob("*compare.html"))


def test_other_settings_that_make_it_another_search_are_refused(nas: Nas) -> None:
    search(tabular(max_children=8), store="mine", workers=1)

    code, _, errors = nas(
        *("compare", "mine", "--against", "random", "--set", "search.children_per_round=2")
    )

    assert code == 2
    assert "mine holds another search: search.children_per_round is 4 there and 2 here" in errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["digits", "--against", "ppp"], 'nas: no controller is called "ppp"; there are '),
        (["digits", "--against", "random", "--seeds", "0"], "nas: seeds should be 1 to 1,000"),
        (["absent", "--against", "random"], "nas: there is no search at "),
        (["digits"], "got one; --against random runs others to compare it with"),
        (["a", "b", "--seeds", "0"], "nas: --seeds is for searches that --against has run"),
        (["a", "b", "--set", "seed=1"], "nas: --set is for searches that --against has run"),
        (["enas-macro-digits", "--against", "local-search"], "set controller.kind to"),
    ],
)
def test_a_mistake_is_one_sentence(nas: Nas, arguments: list[str], sentence: str) -> None:
    code, _, errors = nas("compare", *arguments)

    assert code == 2
    assert sentence in errors
    assert len(errors.splitlines()) == 1
    assert not Path("runs").exists()


def test_without_against_a_random_search_that_exists_is_the_base(nas: Nas) -> None:
    for name, controller in (("policy", None), ("random", RandomConfig())):
        search(tabular(max_children=8, controller=controller), store=name, workers=1)

    code, output, _ = nas("compare", "policy", "random", "--json")

    assert code == 0
    assert json.loads(output)["base"] == "random"
