"""Controllers beside each other in one call: which searches that takes, and none is run twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from searches import product, tabular

import nas_lib
from nas_lib.architecture import Architecture
from nas_lib.config import ControllerConfig, RandomConfig, ReinforceConfig, SearchConfig
from nas_lib.engine import Listener, search
from nas_lib.errors import ConfigError, InterruptedSearchError, SearchMismatchError
from nas_lib.part import by_kind
from nas_lib.presets import preset
from nas_lib.results import Comparison


class Counted:
    """An evaluation that counts, and may be stopped in the middle."""

    def __init__(self, *, stopped_at: int | None = None) -> None:
        self.num = 0
        self.stopped_at = stopped_at

    def __call__(self, architecture: Architecture) -> float:
        self.num += 1
        if self.num == self.stopped_at:
            raise KeyboardInterrupt
        return product(architecture)


class Told(Listener):
    """Remembers which searches there were."""

    def __init__(self) -> None:
        self.searches: list[str] = []

    def comparing(self, search: str, *, number: int, total: int, is_done: bool) -> None:
        name = search.partition(", in ")[0]
        self.searches.append(f"{number}/{total} {name}{' (done)' if is_done else ''}")


def small(**changes: Any) -> SearchConfig:
    return tabular(max_children=8).model_copy(update=changes)


def compared(
    *searches: Any, store: Path, evaluate: Any = product, **settings: Any
) -> tuple[Comparison, list[str]]:
    told = Told()
    settings = {"against": "random", "seeds": 2, **settings}
    found = nas_lib.compare(*searches, store=store, evaluate=evaluate, listener=told, **settings)
    return found, told.searches


def files(folder: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime for path in folder.rglob("*") if path.is_file()}


def seeds(comparison: Comparison) -> list[tuple[str, int]]:
    return [(entry.controller, entry.seed) for entry in comparison.entries]


def test_each_controller_has_an_equal_budget_for_each_seed(tmp_path: Path) -> None:
    comparison, told = compared(small(seed=5), store=tmp_path)

    assert told == [
        "1/4 reinforce, seed 5",
        "2/4 random, seed 5",
        "3/4 reinforce, seed 6",
        "4/4 random, seed 6",
    ]
    assert seeds(comparison) == [
        *(("reinforce", 5), ("reinforce", 6), ("random", 5), ("random", 6)),
    ]
    assert [entry.values["children"] for entry in comparison.entries] == [8.0] * 4
    assert [each.label for each in comparison.differences] == ["reinforce minus random"]


def test_what_is_finished_is_not_run_again(tmp_path: Path) -> None:
    first, _ = compared(small(), store=tmp_path)
    before = files(tmp_path)
    evaluate = Counted()

    again, told = compared(small(), store=tmp_path, evaluate=evaluate)

    assert again == first
    assert evaluate.num == 0
    assert files(tmp_path) == before
    assert all(each.endswith("(done)") for each in told)


def test_one_that_was_stopped_in_the_middle_goes_on_there(tmp_path: Path) -> None:
    whole, _ = compared(small(), store=tmp_path / "whole")
    with pytest.raises(InterruptedSearchError):  # in the second search
        compared(small(), store=tmp_path / "pieces", evaluate=Counted(stopped_at=13))
    rest = Counted()

    pieces, told = compared(small(), store=tmp_path / "pieces", evaluate=rest)

    assert pieces.groups == whole.groups
    assert told[0] == "1/4 reinforce, seed 0 (done)"
    assert rest.num == 4 * 8 - 12


def test_another_controller_comes_on_top_of_those_that_are_done(tmp_path: Path) -> None:
    compared(small(), store=tmp_path)
    evaluate = Counted()

    comparison, told = compared(
        small(), store=tmp_path, against=["random", "evolution"], evaluate=evaluate
    )

    assert evaluate.num == 2 * 8
    assert len(told) == 6
    assert [each.label for each in comparison.differences] == [
        "reinforce minus random",
        "evolution minus random",
    ]


def test_a_search_that_exists_is_the_one_of_its_seed(tmp_path: Path) -> None:
    handle = search(small(seed=3), store=tmp_path / "mine", evaluate=product)

    by_handle, told = compared(handle, store=tmp_path / "rest")
    by_place, _ = compared(tmp_path / "mine", store=tmp_path / "rest")

    assert told[0] == "1/4 reinforce, seed 3 (done)"
    assert by_handle.entries[0].uri == handle.uri
    assert by_place == by_handle
    assert seeds(by_place)[:2] == [("reinforce", 3), ("reinforce", 4)]


def test_searches_that_exist_bring_their_controllers_and_seeds(tmp_path: Path) -> None:
    reinforce, random = small(), small(seed=7, controller=RandomConfig())
    for name, config in (("a", reinforce), ("b", random)):
        search(config, store=tmp_path / name, evaluate=product)
    evaluate = Counted()

    comparison, _ = compared(
        tmp_path / "a", tmp_path / "b", store=tmp_path / "rest", evaluate=evaluate
    )

    assert seeds(comparison) == [
        *(("reinforce", 0), ("reinforce", 7), ("random", 0), ("random", 7)),
    ]
    assert evaluate.num == 2 * 8


def test_without_others_searches_that_exist_are_compared_as_they_are(tmp_path: Path) -> None:
    for name in ("a", "b"):
        search(small(name=name), store=tmp_path / name, evaluate=product)
    before = files(tmp_path)

    comparison = nas_lib.compare(tmp_path / "a", tmp_path / "b", evaluate=product)

    assert [entry.name for entry in comparison.entries] == ["a", "b"]
    assert files(tmp_path) == before


def test_documents_of_two_learning_rates_are_told_apart_and_lie_apart(tmp_path: Path) -> None:
    fast, slow = (small(controller=ReinforceConfig(learning_rate=rate)) for rate in (0.1, 0.2))

    comparison, _ = compared(fast, slow, store=tmp_path, against=["reinforce"], seeds=1)

    assert [group.label for group in comparison.groups] == [
        *("reinforce, learning_rate 0.1", "reinforce, learning_rate 0.2"),
        "reinforce, learning_rate 0.0006",
    ]
    assert comparison.base == "reinforce, learning_rate 0.0006"  # who it is against
    assert len({entry.uri for entry in comparison.entries}) == 3


@pytest.mark.parametrize("kind", by_kind(ControllerConfig))
def test_every_kind_of_controller_can_be_named(tmp_path: Path, kind: str) -> None:
    config = small(controller=ReinforceConfig(learning_rate=0.3))

    comparison, _ = compared(config, store=tmp_path, against=[kind], seeds=1)

    assert [entry.controller for entry in comparison.entries] == ["reinforce", kind]


def test_a_larger_budget_goes_on_with_what_is_there(tmp_path: Path) -> None:
    compared(small(), store=tmp_path, seeds=1)
    evaluate = Counted()

    comparison, _ = compared(tabular(max_children=12), store=tmp_path, seeds=1, evaluate=evaluate)

    assert comparison.budget == 12
    assert evaluate.num == 2 * 4


def test_no_search_stops_before_the_others_because_it_is_good(tmp_path: Path) -> None:
    config = tabular(max_children=8, stop_at_score=0.0)

    comparison, _ = compared(config, store=tmp_path, seeds=1)

    assert comparison.budget == 8


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"against": ["randm"]}, 'no controller is called "randm"; there are auto, evolution,'),
        ({"against": "random,"}, 'no controller is called ""'),
        ({"seeds": 0}, "seeds should be 1 to 1,000 of each controller, got 0"),
        ({"searches": []}, "name what to compare"),
        (
            {"searches": [tabular(controller=RandomConfig())]},
            "there is nothing to compare random with",
        ),
        (
            {"searches": [SearchConfig(children={"evaluate": "inline"})], "against": "auto"},
            "there is nothing to compare auto (gaussian-process) with",
        ),
        (
            {
                "searches": [SearchConfig(children={"evaluate": "inline"})],
                "against": "gaussian-process",
            },
            "there is nothing to compare auto (gaussian-process) with",
        ),
        (
            {"searches": [tabular(), tabular(children_per_round=3)]},
            "search.children_per_round is 4 in document tabular and 3 in document tabular",
        ),
        (
            {"searches": [tabular(), tabular(max_children=16)]},
            "search.max_children is 24 in document tabular and 16 in document tabular",
        ),
        ({"searches": [tabular().model_copy(update={"seed": 10**18 - 1})]}, "seed"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_run(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    searches: Sequence[Any] = changes.get("searches", [tabular()])
    settings = {name: value for name, value in changes.items() if name != "searches"}

    with pytest.raises(ConfigError) as raised:
        compared(*searches, store=tmp_path, **settings)

    assert sentence in str(raised.value)
    assert not files(tmp_path)


def test_a_document_without_others_to_compare_it_with_is_refused() -> None:
    with pytest.raises(ConfigError, match="document tabular is no search that exists"):
        nas_lib.compare(tabular())


def test_a_place_with_another_search_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    compared(small(), store=tmp_path)
    before, evaluate = files(tmp_path), Counted()

    with pytest.raises(SearchMismatchError, match=r"children_per_round is 4 there and 2 here"):
        compared(tabular(max_children=8, children_per_round=2), store=tmp_path, evaluate=evaluate)

    assert (files(tmp_path), evaluate.num) == (before, 0)


def test_the_same_search_twice_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        search(small(), store=tmp_path / name, evaluate=product)

    with pytest.raises(ConfigError, match="are the same search, reinforce with seed 0"):
        compared(tmp_path / "a", tmp_path / "b", store=tmp_path / "rest")


def test_shared_weights_take_no_controller_that_compares_results_of_different_times(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match=r"by evolution: controller\.kind evolution "):
        nas_lib.compare(preset("enas-macro-digits"), against=["evolution"], store=tmp_path)


def test_a_final_training_has_no_controller_to_compare(tmp_path: Path) -> None:
    from synthetic import final_view

    with pytest.raises(ConfigError, match="is a final training"):
        nas_lib.compare(final_view((0.9,)).config, against=["random"], store=tmp_path)
