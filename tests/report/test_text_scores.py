"""Perplexities in reports: the lower the better, wherever scores are ranked or compared."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from synthetic import row

from nas_lib.config import (
    EnasRnnSpaceConfig,
    RandomConfig,
    ReinforceConfig,
    SearchConfig,
    TextTaskConfig,
)
from nas_lib.records import ChildRow, TestReading
from nas_lib.report import (
    Comparison,
    DataSummary,
    SearchView,
    compare,
    compare_page,
    compare_table,
    curves,
    headline,
    leaderboard_json,
    leaderboard_table,
    search_page,
)
from nas_lib.report.measure import ACCURACY, OWN, PERPLEXITY
from nas_lib.report.wording import reading_name, reading_size, reading_text


def text_row(number: int, score: float | None) -> ChildRow:
    status = "ok" if score else "diverged"
    reward = 80 / score if score else 0.0
    config = "8 units | tanh | relu(0) | mean of 1"
    return row(number, score, status=status, reward=reward, space="enas-rnn", config=config)


def text_view(*scores: float | None, **config: object) -> SearchView:
    """Return a finished search with these perplexities."""
    settings = {"task": TextTaskConfig(), "space": EnasRnnSpaceConfig()}
    return SearchView(
        uri="runs/text",
        config=SearchConfig(name="text", **{**settings, **config}),
        rows=tuple(text_row(number, score) for number, score in enumerate(scores)),
        finished=True,
        data=DataSummary("some text", "abc", 9_000, 800, 700, None, 1_234),
        test=(TestReading("r000-000000-01", None, 700, 1.0, perplexity=123.456),),
    )


def printed(table: object) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_best_so_far_never_rises():
    rows = [text_row(number, score) for number, score in enumerate((200, 150, None, 170, 110))]
    assert curves.best_so_far(rows, higher_is_better=False) == [200, 150, 150, 150, 110]
    # (200 + 150) / 2, then 170 in place of 200, then 110 in place of 170
    assert curves.top_k_mean(rows, 2, higher_is_better=False) == [None, 175, 175, 160, 130]


@given(st.lists(st.floats(1, 1e6)), st.integers(1, 5))
def test_the_best_of_perplexities_are_the_best_of_their_negatives(scores, k):
    negative = [row(number, -score) for number, score in enumerate(scores)]
    found = curves.top_k_mean(
        [row(number, score) for number, score in enumerate(scores)], k, higher_is_better=False
    )
    assert found == [None if value is None else -value for value in curves.top_k_mean(negative, k)]


def test_tables_rank_and_name_perplexities():
    view = text_view(200, 150.123, 170)
    assert "best validation perplexity 150.12 (r000-000000-01)" in headline(view)
    table = printed(leaderboard_table(view, 10))
    assert "Perplexity" in table
    assert table.index("150.12") < table.index("170") < table.index("200")

    facts = leaderboard_json(view, 10)
    assert [child["score"] for child in facts["leaderboard"]] == [150.123, 170, 200]
    search = facts["search"]
    assert search["best_score"] == 150.123
    assert (search["measure"]["name"], search["measure"]["higher_is_better"]) == (
        "validation perplexity",
        False,
    )
    assert (search["test_accuracy"], search["test_perplexity"]) == ({}, {"r000-000000-01": 123.456})
    json.dumps(facts)


def test_the_page_of_a_search_on_text_speaks_of_nothing_else():
    page = search_page(text_view(200, 150, None, 170))
    for words in (
        "Best validation perplexity",
        "9,000 words for training, 800 for validation and 700 for the test, 1,234 different",
        "Test perplexity",
        "123.46",
        "the best child, 700 words",
        "The reward is 80 / perplexity",
    ):
        assert words in page
    before_the_settings = page.partition("Configuration, with every default")[0]
    assert "ccuracy" not in before_the_settings
    assert "image" not in before_the_settings
    assert "123.46" not in search_page(replace(text_view(200, 150), test=()))


def test_searches_on_text_are_compared_by_the_lowest():
    comparison = compare(
        [text_view(200, 150, 170), text_view(190, 210, 180, controller=RandomConfig())]
    )
    assert isinstance(comparison, Comparison)
    assert comparison.measure == PERPLEXITY
    assert [entry.best for entry in comparison.entries] == [150, 180]
    best = [group.curves[0].values for group in comparison.groups]
    assert best == [(200, 150, 150), (190, 190, 180)]
    (difference,) = comparison.differences
    assert difference.curves[0].values == (10, -40, -30)

    page = compare_page(comparison)
    assert "stays below 0" in page
    assert "validation perplexity" in page
    assert "percentage points" not in page
    assert " %" not in printed(compare_table(comparison))


def test_accuracies_and_perplexities_have_no_common_measure():
    images = SearchView(
        uri="runs/images",
        config=SearchConfig(name="images", controller=ReinforceConfig()),
        rows=(row(0, 0.5),),
        finished=True,
    )
    comparison = compare([text_view(200, 150), images])
    assert comparison.measure == OWN
    assert any("task.kind" in warning for warning in comparison.warnings)


@pytest.mark.parametrize(
    ("measure", "text", "best", "label"),
    [
        (ACCURACY, "50.00 %", 0.9, "validation accuracy, %"),
        (PERPLEXITY, "0.5", 0.5, "validation perplexity"),
        (OWN, "0.5", 0.9, "score"),
    ],
)
def test_a_measure_has_a_direction_and_a_form(measure, text, best, label):
    assert measure.text(0.5) == text
    assert measure.best([0.9, 0.5, 0.7]) == best
    assert measure.label == label


def test_a_test_reading_says_what_it_is():
    accuracy = TestReading("r000-000000-00", 0.9876, 359, 1.0)
    perplexity = TestReading("r000-000000-00", None, 1, 1.0, perplexity=98.765)
    parts = [
        (reading_name(each), reading_text(each), reading_size(each))
        for each in (accuracy, perplexity)
    ]
    assert parts == [
        ("test accuracy", "98.76 %", "359 images"),
        ("test perplexity", "98.765", "1 word"),
    ]
