"""Tests that were read by several measures, and examples of what came out, where they are shown."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from browser import page_of
from rich.console import Console
from rich.table import Table
from synthetic import START_S, WORDS, final_view, search_view

from nas_lib.records import Metric, Sample, TestReading
from nas_lib.report import leaderboard_json, summary_lines, terminal_parts
from nas_lib.results import PERPLEXITY, SearchView

SAMPLES = tuple(Sample(f"eins {number}", f"un {number}", f"one {number}") for number in range(5))


def with_bleu(reading: TestReading, bleu: float) -> TestReading:
    metrics = (Metric("BLEU", bleu, "nrefs:1; beam 4"), Metric("chrF", 2 * bleu))
    return replace(reading, metrics=metrics, samples=SAMPLES)


def translated(*bleus: float, retrained: float | None = None) -> SearchView:
    """Return a final training of one network, whose seeds came to such BLEU."""
    final = final_view(
        [5.0 + number for number in range(len(bleus))],
        test=[[6.0 + number for number in range(len(bleus))]],
        retrained=None if retrained is None else 5.5,
        names=("r000-000003-01",),
        measure=PERPLEXITY,
    )
    found = zip(final.test, [*bleus, *([] if retrained is None else [retrained])], strict=True)
    return replace(final, test=tuple(with_bleu(*each) for each in found), data=WORDS)


FINAL = translated(20.0, 21.0, 22.0, retrained=23.5)
SEARCH = replace(search_view(40), finals=(FINAL,))
# variance 1: 21 +- 4.303 sqrt(1 / 3) = 2.48; of chrF, twice as much
BLEU, CHRF = "21 ± 2.5", "42 ± 5"


def terminal(view: SearchView) -> str:
    console = Console(file=io.StringIO(), width=100)
    for part in terminal_parts(view, 5):
        console.print(part, soft_wrap=isinstance(part, str))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("view", [SEARCH, FINAL], ids=["the search", "its final training"])
def test_a_page_has_a_column_for_each_measure_and_all_examples(view: SearchView) -> None:
    text = page_of(view).text

    assert "Test BLEU Test chrF Parameters" in text
    assert f"{BLEU} {CHRF}" in text
    assert "23.5 47" in text  # trained once more
    assert "Given Found Wanted eins 0 un 0 one 0" in text
    assert "eins 4 un 4 one 4" in text


@pytest.mark.parametrize("view", [SEARCH, FINAL], ids=["the search", "its final training"])
def test_the_terminal_has_a_table_of_them_and_some_examples(view: SearchView) -> None:
    text = terminal(view)

    assert BLEU in text
    assert CHRF in text
    assert "eins 2" in text
    assert "eins 3" not in text


def test_a_sentence_says_how_each_was_taken() -> None:
    lines = summary_lines(SEARCH)

    assert f"Mean test BLEU {BLEU}, and 23.5 trained once more (nrefs:1; beam 4)." in lines
    assert f"Mean test chrF {CHRF}, and 47 trained once more." in lines


def test_as_numbers_they_have_intervals_and_the_examples_are_whole() -> None:
    found = leaderboard_json(SEARCH, 5)["model"]["final"]

    bleu = found["networks"][0]["test_metrics"]["BLEU"]
    assert bleu["scores"] == [20.0, 21.0, 22.0]
    assert bleu["interval"] == pytest.approx([21 - 2.4841, 21 + 2.4841], abs=1e-3)
    assert found["test_metrics"][0] == {"name": "BLEU", "value": 23.5, "how": "nrefs:1; beam 4"}
    assert found["samples"][1] == {"given": "eins 1", "found": "un 1", "wanted": "one 1"}


def test_of_a_search_the_best_childs_are_told_with_its_test_score() -> None:
    view = search_view(40)
    assert view.best is not None
    reading = with_bleu(TestReading(view.best.row.id, 0.9, 100, START_S), 17.0)
    view = replace(view, test=(reading,))

    assert any(line.endswith("never saw; BLEU 17; chrF 34") for line in summary_lines(view))
    assert "Test BLEU 17 Test chrF 34" in page_of(view).text
    found = leaderboard_json(view, 5)["search"]["test_metrics"]
    assert [each["value"] for each in found[view.best.row.id]] == [17.0, 34.0]


def test_where_nothing_else_was_measured_nothing_else_is_shown() -> None:
    final = final_view([0.9, 0.8], test=[[0.9, 0.8]])
    view = replace(search_view(40), finals=(final,))

    assert "Wanted" not in page_of(view).text
    assert "Test Parameters" in page_of(view).text
    assert sum(isinstance(each, Table) for each in terminal_parts(final, 5)) == 1
    assert leaderboard_json(view, 5)["model"]["final"]["samples"] == []
