"""Perplexities in reports: the lower the better, and no word of accuracies or images."""

from __future__ import annotations

import io
import json
from dataclasses import replace

from browser import page_of
from rich.console import Console
from synthetic import row

from nas_lib.architecture import Architecture
from nas_lib.config import EnasRnnSpaceConfig, HiddenConfig, SearchConfig, TextTaskConfig
from nas_lib.records import ChildRow, TestReading
from nas_lib.report import leaderboard_json
from nas_lib.report.reporter import reporter_of
from nas_lib.results import PERPLEXITY, DataSummary, SearchView

SPACE = EnasRnnSpaceConfig(nodes=1, child=HiddenConfig(hidden=8))
CELL = Architecture("enas-rnn", (0, 1), "8 units | tanh | relu(0) | mean of 1")


def text_row(number: int, score: float | None) -> ChildRow:
    reward = 80 / score if score else 0.0
    status = "ok" if score else "diverged"
    return row(number, score, status=status, reward=reward, architecture=CELL)


def text_view(*scores: float | None) -> SearchView:
    """Return a finished search with these perplexities."""
    return SearchView(
        uri="runs/text",
        config=SearchConfig(name="text", task=TextTaskConfig(), space=SPACE),
        measure=PERPLEXITY,
        rows=tuple(text_row(number, score) for number, score in enumerate(scores)),
        finished=True,
        data=DataSummary("abc", "Some text, 9,000 words for training", "word"),
        about_scores=("The reward is 80 / perplexity.",),
        test=(TestReading("r000-000000-01", 123.456, 700, 1.0),),
    )


def printed(table: object) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_tables_rank_and_name_perplexities() -> None:
    view = text_view(200, 150.123, 170)
    assert "best validation perplexity 150.12 (r000-000000-01)" in reporter_of(view).headline()
    table = printed(reporter_of(view).leaderboard(10))
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
    assert search["test_scores"] == {"r000-000000-01": 123.456}
    json.dumps(facts)


def test_the_page_of_a_search_on_text_speaks_of_nothing_else() -> None:
    page = page_of(text_view(200, 150, None, 170))
    for words in (
        "Best validation perplexity",
        "Data: Some text, 9,000 words for training.",
        "8 units | tanh | relu(0) | mean of 1",
        "Test perplexity",
        "123.46",
        "the best child, 700 words",
        "The reward is 80 / perplexity",
    ):
        assert words in page.text
    before_the_settings = page.text.partition("Configuration, with every default")[0]
    assert "ccuracy" not in before_the_settings
    assert "image" not in before_the_settings
    assert "123.46" not in page_of(replace(text_view(200, 150), test=())).text
