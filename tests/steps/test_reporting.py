"""What reports are told of final trainings: by a search, and by themselves."""

from __future__ import annotations

import time

import pytest
from finals import end_round, finals, opened

from nas_lib.config import RoundsConfig
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult, EpochMetrics, FinalTraining, Speed
from nas_lib.report import search_page
from nas_lib.results.rivals import found_by
from nas_lib.steps import view_search
from nas_lib.store import layout

EPOCHS = (EpochMetrics(1, 1.0, 1.0, 0.4, 0.1, 2.0), EpochMetrics(2, 0.8, 0.9, 0.5, 0.05, 2.0))


SEARCHED = finals().model_copy(update={"search": RoundsConfig(max_children=8)})


@pytest.fixture
def around(request: pytest.FixtureRequest) -> OpenSearch:
    """A search with a final training of two networks by two seeds, all of it in memory."""
    name, key = request.node.name, "0badcafe"
    search = opened(name, config=SEARCHED)
    final = opened(layout.within(search.uri, key))
    end_round(final, [0.5, 0.5, 0.7, 0.8])
    final.store.settle(layout.child_speed("r000-000000-02"), _speed("r000-000000-02"))
    note = FinalTraining(key, is_of_references=False, created_s=time.time())
    search.store.settle(layout.final_training(1), note)
    return search


def _speed(child: str) -> Speed:
    return Speed(child, 0.25, 20, "a processor", "onnxruntime 1", time.time())


def test_a_search_is_told_with_its_final_trainings(around: OpenSearch) -> None:
    view = view_search(around)

    (final,) = view.finals
    assert final.uri == f"{around.uri}/final/0badcafe"
    assert [row.score for row in final.rows] == [0.5, 0.5, 0.7, 0.8]
    found = found_by(view).final
    assert found is not None
    assert found.winner is not None
    assert found.winner.valid.scores == (0.7, 0.8)
    assert "The final network is" in search_page(view)


def test_children_of_a_final_training_are_told_with_what_each_epoch_came_to() -> None:
    search = opened("curves")
    child = "r000-000000-00"
    search.store.settle(layout.child_result(child), ChildResult(child, "ok", 0.5, 0.5, 2, EPOCHS))
    end_round(search, [0.9, 0.5, 0.7, 0.8])  # the first has its result

    view = view_search(search)

    assert view.curves[child] == EPOCHS
    assert view.curves["r000-000000-01"] == ()
    assert view_search(opened("none", config=SEARCHED)).curves == {}


def test_how_fast_networks_are_is_told_of_those_that_were_measured(around: OpenSearch) -> None:
    (final,) = view_search(around).finals

    assert list(final.speeds) == ["r000-000000-02"]
    assert final.speeds["r000-000000-02"].milliseconds == 0.25


def test_models_are_those_whose_description_is_there(around: OpenSearch) -> None:
    objects = around.store.objects
    objects.replace(layout.model_file("r000-000000-00", "labels.txt"), b"half written")
    objects.replace(layout.model_file("final-0badcafe", "model.json"), b"{}")

    assert view_search(around).models == ("final-0badcafe",)
