"""The page of one search."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
import yaml
from browser import Page, page_of
from synthetic import START_S, row, search_view

from nas_lib import records
from nas_lib.architecture import Architecture
from nas_lib.config import CustomSpaceConfig, OwnChildrenConfig, RoundsConfig, SearchConfig
from nas_lib.report import problem_page, search_page
from nas_lib.results import OWN, DataSummary, SearchView, winner

HOSTILE = "<script>alert('x')</script>\"&\x1b[31m"


def test_the_page_shows_the_winner_and_how_the_search_stands() -> None:
    view = search_view(60)
    best = winner(view.rows)
    page = page_of(view)
    assert best is not None
    assert f"{100 * best.score:.2f} %" in page.text
    assert best.architecture.config in page.texts
    assert "of 60: 57 ok, 1 diverged, 1 out of memory, 1 crashed, 0 open" in page.texts
    assert "finished" in page.texts


def test_the_page_fetches_nothing() -> None:
    html = search_page(search_view(60))
    assert Page(html).links == []
    assert "url(" not in html
    assert set(re.findall(r"https?://[^\"' ]+", html)) == {"http://www.w3.org/2000/svg"}


def test_the_configuration_on_the_page_is_the_searchs() -> None:
    view = search_view(8)
    page = page_of(view)
    text = next(text for text in page.texts if text.startswith("name:"))
    assert SearchConfig.model_validate(yaml.safe_load(text)) == view.config


def test_what_users_wrote_cannot_become_markup() -> None:
    rows = (
        row(0, 0.5, architecture=Architecture("mine", (), HOSTILE)),
        row(1, status="crashed", message=HOSTILE),
    )
    view = SearchView(
        uri=HOSTILE,
        config=SearchConfig(space=CustomSpaceConfig(object=HOSTILE)),
        rows=rows,
        problems=(records.Problem(HOSTILE, HOSTILE, HOSTILE, START_S),),
        data=DataSummary("", HOSTILE, HOSTILE),
        about_scores=(HOSTILE,),
    )
    html = search_page(view)
    assert Page(html).counts["script"] == 1  # the page's own
    assert "\x1b" not in html
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;") >= 9


class TestTestAccuracy:
    def test_unread_it_says_so(self) -> None:
        assert "not read yet" in page_of(search_view(8)).texts

    def test_the_winners_is_shown(self) -> None:
        view = search_view(8)
        best = winner(view.rows)
        assert best is not None
        reading = records.TestReading(best.id, 0.9764, 360, START_S)
        page = page_of(replace(view, test=(reading,)))
        assert "97.64 %" in page.texts
        assert "the best child, 360 images" in page.texts

    def test_anothers_is_shown_under_its_name(self) -> None:
        reading = records.TestReading("r000-000099-00", 0.9, 360, START_S)
        page = page_of(replace(search_view(8), test=(reading,)))
        assert "r000-000099-00, 360 images" in page.texts


def test_what_has_no_test_set_has_no_test_score() -> None:
    view = replace(search_view(8), measure=OWN)
    assert "not read yet" not in page_of(view).texts
    assert "Best score" in page_of(view).texts


def test_what_scores_are_is_said_by_the_task() -> None:
    assert "The reward is an accuracy. <Held out.>" in page_of(search_view(8)).texts


def test_a_search_that_could_not_begin_says_why() -> None:
    html = problem_page(HOSTILE, [records.Problem("run-1", "prepare_data", HOSTILE, START_S)])
    page = Page(html)
    assert page.open == []
    assert page.counts["script"] == 1
    assert {"No search yet", "What went wrong", "prepare_data"} <= set(page.texts)


def test_a_search_without_children_has_a_page() -> None:
    page = page_of(SearchView("runs/x", SearchConfig()))
    assert "No child has been trained to its end yet." in page.texts
    assert "svg" not in page.counts


def test_a_search_of_crashed_children_only_says_what_went_wrong() -> None:
    rows = tuple(row(number, status="crashed", message="no luck") for number in range(3))
    page = page_of(SearchView("runs/x", SearchConfig(), rows=rows))
    assert "What went wrong" in page.texts
    assert page.texts.count("no luck") == 1  # three times the same is one line
    assert "svg" not in page.counts


def test_nothing_wrong_takes_no_room() -> None:
    assert "What went wrong" not in page_of(search_view(8)).texts


def test_a_search_under_way_says_how_long_it_will_take() -> None:
    page = page_of(search_view(40, finished=False, max_children=60))
    assert "not finished" in page.texts
    assert "50.0 s" in page.texts  # 15 - 10 rounds left, one every 10 s


def test_staleness_is_drawn_for_several_replicas_only() -> None:
    view = search_view(40)
    assert "Staleness" not in page_of(view).texts
    search = RoundsConfig(max_children=80, children_per_round=4, replicas=2)
    several = replace(view, config=view.config.model_copy(update={"search": search}))
    assert "Staleness" in page_of(several).texts


def test_replicas_have_a_table_and_are_explained_where_there_are_several() -> None:
    view = search_view(40)
    assert "Replicas" not in page_of(view).texts
    search = RoundsConfig(max_children=80, children_per_round=4, replicas=2)
    several = replace(
        view,
        config=view.config.model_copy(update={"search": search}),
        open_rounds={1: 3},
        holders={1: HOSTILE},
    )
    page = page_of(several)
    assert "2 replicas, 1 at work; rounds 0 to 10 of 10. Throughput: 1,440 children/h" in page.text
    assert HOSTILE.replace("\x1b", "\\x1b") in page.texts
    assert "The controller has 2 replicas." in page.text
    assert "The controller has" not in page_of(view).text
    assert "other children will come out" in page.text
    assert "the same children come out" in page_of(view).text


def test_many_replicas_are_folded_away() -> None:
    search = RoundsConfig(max_children=1_600, children_per_round=4, replicas=400)
    page = page_of(SearchView("runs/x", SearchConfig(search=search)))
    assert "All 400 replicas" in page.texts


def test_throughput_is_drawn_once_it_is_known() -> None:
    assert "Throughput" in page_of(search_view(8)).texts
    assert "Throughput" not in page_of(search_view(4)).texts
    assert "6 updates per minute" in page_of(search_view(40)).texts  # one every 10 s


def test_random_search_is_not_said_to_learn() -> None:
    page = page_of(search_view(40, controller="random"))
    assert "Entropy" not in page.texts
    assert "learns nothing" in page.text
    assert "learns nothing" not in page_of(search_view(40)).text


def test_a_metric_that_is_not_known_by_name_has_a_chart_of_its_own() -> None:
    view = search_view(40)
    learned = [
        replace(each, metrics={**each.metrics, "gradient_norm": float(each.round)})
        for each in view.learned
    ]
    assert "Gradient norm" in page_of(replace(view, learned=tuple(learned))).texts
    assert "Gradient norm" not in page_of(view).texts


def test_entropy_is_drawn_where_it_changes() -> None:
    view = search_view(40)
    assert "Entropy" in page_of(view).texts
    learned = [replace(each, metrics={**each.metrics, "entropy": 8.0}) for each in view.learned]
    page = page_of(replace(view, learned=tuple(learned)))
    assert "Entropy" not in page.texts
    assert "Reward" in page.texts


def test_depth_is_drawn_where_it_grows() -> None:
    assert "Depth" not in page_of(search_view(40)).texts
    assert "Depth" in page_of(search_view(40, grows=True)).texts


@pytest.mark.parametrize(
    "change",
    [
        {"children": OwnChildrenConfig(evaluate="inline")},
        {"space": CustomSpaceConfig(object="inline")},
    ],
)
def test_a_search_with_objects_from_python_is_not_reproduced_by_a_command(
    change: dict[str, object],
) -> None:
    view = search_view(8)
    page = page_of(replace(view, config=view.config.model_copy(update=change)))
    assert "nas search" not in page.text
    assert "started from Python" in page.text


def test_12800_children_of_20_layers_make_a_small_page_quickly() -> None:
    few = search_view(640, num_layers=20)
    rows = tuple(
        replace(few.rows[number % 640], id=str(records.ChildId(0, number // 4, number % 4)))
        for number in range(12_800)
    )
    view = replace(few, rows=rows)
    start_s = time.process_time()  # whatever else the machine does
    html = search_page(view)
    assert time.process_time() - start_s < 2
    assert len(html.encode()) < 2_000_000
    assert "The last 2,000 of 12,800 children" in html


def test_what_a_baseline_contains_is_said_where_one_is_drawn() -> None:
    text = page_of(search_view(60)).text
    assert text.count("the baseline contains that bonus and the mean reward does not") == 1

    random = page_of(search_view(60, controller="random")).text
    assert "mean reward" in random
    assert "The baseline is" not in random
