"""The procedure of final trainings, with results that are written down by hand."""

from __future__ import annotations

from typing import Any

import pytest
from finals import NETWORKS, end_round, finals, opened, propose

from nas_lib.config_file import parse_config
from nas_lib.errors import ArchitectureError, CorruptStateError, CrashedRoundError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Stage, procedure_of
from nas_lib.records import Child, Proposed
from nas_lib.seeds import Stream, seed_for
from nas_lib.steps import collect_garbage, sample_architectures, view_search
from nas_lib.store import layout

GRID = {"learning_rate": [0.1, 0.02]}


def children(search: OpenSearch, number: int) -> tuple[Child, ...]:
    return search.store.read(Proposed, layout.round_state(0, number, "proposed")).children


def settings_of(search: OpenSearch, child: Child) -> Any:
    return procedure_of(search.config).task_for(search, child).config.children


def to_test(search: OpenSearch) -> list[str]:
    return [*procedure_of(search.config).to_test(search, view_search(search))]


def weights(search: OpenSearch) -> list[str]:
    keys = [info.key for info in search.store.objects.list("children")]
    return sorted(key.split("/")[1] for key in keys if "weights" in key)


def test_children_are_networks_by_points_by_seeds_and_each_learns_by_its_point() -> None:
    search = opened("order", grid=GRID)

    proposed = propose(search)

    assert proposed == tuple(f"r000-000000-{index:02d}" for index in range(8))
    found = children(search, 0)
    texts = [child.architecture.config for child in found]
    assert texts == [NETWORKS[0]] * 4 + [NETWORKS[1]] * 4
    rates = [settings_of(search, child).learning_rate for child in found]
    assert rates == [0.1, 0.1, 0.02, 0.02] * 2
    assert len({child.seed for child in found}) == 8
    assert found[5].seed == seed_for(0, Stream.CHILD, 0, 0, 5)


def test_a_recipe_is_of_its_network_alone_and_the_grid_has_the_last_word() -> None:
    recipe = {"learning_rate": 0.2, "weight_decay": 0.001, "augment.flip": False}
    search = opened("recipe", recipes={NETWORKS[1]: recipe}, grid={"weight_decay": [0.01]})
    end_round(search, [0.5, 0.5, 0.6, 0.6])
    propose(search)

    found = [settings_of(search, child) for child in (*children(search, 0), *children(search, 1))]

    others = found[0].learning_rate
    assert [each.learning_rate for each in found] == [others, others, 0.2, 0.2, 0.2]
    assert [each.augment.flip for each in found] == [True, True, False, False, False]
    assert {each.weight_decay for each in found} == {0.01}


def test_rounds_have_so_many_children_as_are_trained_at_once() -> None:
    search = opened("rounds", children_per_round=3)

    sizes = [len(end_round(search, scores).rows) for scores in ([0.5] * 3, [0.6], [None])]

    assert sizes == [3, 1, 1]  # 2 networks x 2 seeds, and the winner
    assert children(search, 1)[0].architecture.config == NETWORKS[1]
    assert propose(search) is None
    assert procedure_of(search.config).is_finished(search, 0)


def test_the_winner_is_trained_once_more_by_its_own_point_on_all_data() -> None:
    search = opened("winner", grid=GRID)
    # means: 0.55 and 0.5 of the first network, 0.45 and 0.65 of the second
    end_round(search, [0.5, 0.6, 0.5, 0.5, 0.9, 0.0, 0.6, 0.7])

    assert propose(search) == ("r000-000001-00",)

    (again,) = children(search, 1)
    assert again.architecture.config == NETWORKS[1]
    assert settings_of(search, again).learning_rate == 0.02
    assert settings_of(search, again).include_validation
    assert not settings_of(search, children(search, 0)[0]).include_validation


def test_nothing_is_trained_again_where_that_is_not_wanted() -> None:
    search = opened("once", retrain=False)
    end_round(search, [0.5, 0.6, 0.7, 0.7])

    assert propose(search) is None
    view = view_search(search)
    assert (view.finished, view.num_children, view.ended_early) == (True, 4, "")
    assert to_test(search) == ["r000-000000-02", "r000-000000-03"]


def test_where_none_has_a_score_all_is_over_and_nothing_tested() -> None:
    search = opened("nothing")
    end_round(search, [None] * 4)

    assert propose(search) is None
    view = view_search(search)
    assert (view.finished, view.num_children) == (True, 4)
    assert view.ended_early == "none of the 4 trainings has a score"
    assert to_test(search) == []


def test_a_winner_that_diverges_in_the_end_leaves_the_seeds_by_which_it_won() -> None:
    search = opened("diverged")
    end_round(search, [0.5, 0.5, 0.7, 0.8])
    end_round(search, [None])

    assert propose(search) is None
    assert view_search(search).finished
    assert to_test(search) == ["r000-000000-02", "r000-000000-03"]


def test_the_tests_of_the_winner_are_read_and_of_no_other_network() -> None:
    search = opened("tests", seeds=3)
    end_round(search, [0.5, 0.5, 0.99, 0.7, None, 0.7])  # a seed of the second one failed
    end_round(search, [0.8])

    first = ["r000-000000-00", "r000-000000-01", "r000-000000-02"]
    assert to_test(search) == [*first, "r000-000001-00"]


def test_the_tests_of_all_known_networks_are_read_at_the_best_point_of_each() -> None:
    document = finals(retrain=False, grid=GRID).model_dump(mode="json")
    names = ["resnet-8", "plain-cnn"]
    document["space"] = {"kind": "image-references", "networks": names}
    document["search"]["networks"] = names
    search = opened("compared", config=parse_config(document, source="test"))
    end_round(search, [0.5, 0.5, 0.6, 0.6, 0.9, 0.9, 0.1, None])

    assert to_test(search) == [f"r000-000000-0{index}" for index in (4, 5, 2, 3)]


def test_weights_stay_until_it_is_known_which_are_of_use() -> None:
    search = opened("weights", grid=GRID)

    end_round(search, [0.5, 0.5, 0.6, 0.6, 0.9, 0.9, 0.1, 0.1])
    before = weights(search)
    end_round(search, [0.95])  # which is not begun before the others have gone

    assert len(before) == 8
    assert weights(search) == [
        *(f"r000-000000-0{index}" for index in (2, 3, 4, 5)),  # each network's best point
        "r000-000001-00",
    ]


def test_weights_that_a_kill_left_are_garbage_and_no_others() -> None:
    def garbage() -> dict[str, int]:
        return {each.kind: len(each.infos) for each in collect_garbage(search) if each.infos}

    search = opened("garbage", grid=GRID, children_per_round=4)
    end_round(search, [0.5, 0.5, 0.6, 0.6])
    while_any_may_win = garbage()
    end_round(search, [0.9, 0.9, 0.1, 0.1])
    once_one_has_won = garbage()
    end_round(search, [0.95])
    search.store.objects.replace(layout.child_weights("r000-000001-03"), b"left behind")

    collect_garbage(search, delete=True)

    assert (while_any_may_win, once_one_has_won) == ({}, {"weights": 4})
    assert "r000-000001-03" not in weights(search)
    assert len(weights(search)) == 5


def test_where_all_crash_alike_the_round_stays_open_and_the_next_run_tries_again() -> None:
    search = opened("crashed")

    with pytest.raises(CrashedRoundError, match=r"round 1 .* crashed alike \(no driver\)"):
        end_round(search, ["no driver"] * 4)

    assert not view_search(search).finished
    other = procedure_of(search.config)
    assert other.num_done(search, 0) == 0


def test_crashes_that_differ_are_results_and_end_it_in_words() -> None:
    search = opened("crashes")
    end_round(search, ["no driver", "no memory", "no driver", "no luck"])

    assert propose(search) is None
    assert view_search(search).ended_early == "none of the 4 trainings has a score"


def test_a_tick_of_a_pipeline_has_its_children_like_any_other() -> None:
    search = opened("ticks")

    assert len(sample_architectures(search, replica=0, run="run")) == 4
    end_round(search, [0.5, 0.5, 0.7, 0.8])
    assert sample_architectures(search, replica=0, run="run") == ["r000-000001-00"]
    end_round(search, [0.9])
    assert sample_architectures(search, replica=0, run="run") == ["r000-000001-00"]  # is done


def test_networks_of_different_depths_are_trained_side_by_side() -> None:
    config = finals(networks=[NETWORKS[0], f"{NETWORKS[0]} | conv 3x3x8/1x1 <- 1"])
    document = config.model_dump(mode="json")
    document["space"]["depth"] = {"start": 1, "step": 1, "every_children": 1, "max": 2}
    search = opened("depths")
    search.want(parse_config(document, source="test"))

    assert len(propose(search) or ()) == 4
    assert len(propose(search) or ()) == 4  # and is read again as it was stored


def test_a_round_of_other_networks_than_those_that_are_asked_for_is_damaged() -> None:
    search = opened("damaged")
    propose(search)
    search.want(finals(networks=NETWORKS[1:]))

    with pytest.raises(CorruptStateError, match=r"its networks are not those of search\.json"):
        propose(search)


def test_a_network_that_is_none_of_the_space_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="height must be one of"):
        propose(opened("stranger", networks=["conv 5x5x8/1x1 <- image"]))


def test_what_there_is_to_do_is_counted_and_told() -> None:
    search = opened("told", seeds=2, grid=GRID, children_per_round=6)
    procedure = procedure_of(search.config)

    told = procedure.to_do(search, 3)
    before = procedure.stages(search, 3)
    end_round(search, [0.5] * 6)

    assert told == (
        "8 trainings (2 networks x 2 seeds x 2 points), and the best once more on all data"
    )
    assert procedure.to_do(search, 0) == "no training"
    assert before == (Stage("children", total=9, title="final training"),)
    assert procedure.stages(search, 2) == (Stage("children", total=3, title="final training"),)
    assert procedure.num_rounds == 3
    assert procedure.rounds_left(search, 0) == 2
