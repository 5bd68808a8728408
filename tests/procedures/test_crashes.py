"""When the crashes of a round's children are taken for one and the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from searches import tabular

import nas_lib
from nas_lib import steps
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.crashes import crash_of_all, crashed_round
from nas_lib.records import ChildResult, Proposed, Status
from nas_lib.store import layout


def outcomes(*said: tuple[Status, str] | None) -> list[ChildResult | None]:
    return [each and ChildResult("r000-000000-00", each[0], 0.0, message=each[1]) for each in said]


def told(uri: str, found: Sequence[ChildResult | None], **settings: object) -> str:
    """Return what is told of a round with these outcomes."""
    search = OpenSearch(f"memory://{uri}")
    steps.prepare_data(search, config=tabular(**settings))
    steps.sample_architectures(search, replica=0, run="run")
    proposed = search.store.read(Proposed, layout.round_state(0, 0, "proposed"))
    return crash_of_all(search, proposed, found)


ALIKE = [("crashed", f"no slot at 0x7f{number} for pod-{number}x") for number in range(4)]


@pytest.mark.parametrize(
    ("found", "settings", "is_told"),
    [
        (outcomes(*ALIKE), {}, True),
        (outcomes(*ALIKE[:3], ("crashed", "no driver")), {}, False),
        (outcomes(*ALIKE[:3], ("ok", "")), {}, False),
        (outcomes(*ALIKE[:3], ("diverged", ALIKE[3][1])), {}, False),
        (outcomes(*ALIKE[:3], None), {}, False),
        (outcomes(*ALIKE[:3], None), {"wait_for": 3}, True),
        (outcomes(*ALIKE[:2], None, None), {"wait_for": 3}, False),
        (outcomes(ALIKE[0]), {"children_per_round": 1}, False),  # whose fault it is, is unknown
        (outcomes(*ALIKE), {"children": {"when_all_crash": "go_on"}}, False),
    ],
)
def test_they_are_if_all_that_are_waited_for_say_the_same_but_for_numbers(
    request: pytest.FixtureRequest,
    found: list[ChildResult | None],
    settings: dict[str, object],
    is_told: bool,
) -> None:
    assert told(request.node.name, found, **settings) == (ALIKE[0][1] if is_told else "")


@pytest.mark.parametrize(
    ("before", "is_told"), [("searches:product", False), ("searches:unless_mended", True)]
)
def test_where_others_of_a_round_are_repeats_those_before_have_crashed_alike_too(
    before: str, is_told: bool
) -> None:
    """Half of the new ones may well be at fault themselves: an option that always raises."""
    uri = f"memory://crashes-after-{before}"
    config = tabular(before, children={"when_all_crash": "go_on", "max_attempts": 1})
    handle = nas_lib.search(config, store=uri, rounds=1)
    search = OpenSearch(uri)
    search.store.change_settings(tabular(before))
    steps.sample_architectures(search, replica=0, run="run")
    proposed = search.store.read(Proposed, layout.round_state(0, 1, "proposed"))
    *new, third, last = proposed.children
    repeats = [replace(child, repeat_of=handle.children[0].id) for child in (third, last)]
    proposed = replace(proposed, children=(*new, *repeats))
    message = "the same" if not is_told else handle.children[0].message

    found = outcomes(("crashed", message), ("crashed", message), ("ok", ""), ("ok", ""))
    assert crash_of_all(search, proposed, found) == (message if is_told else "")


def test_the_sentence_says_so_where_a_round_had_repeats_that_did_not_crash() -> None:
    search = OpenSearch("memory://crashes-and-repeats")
    steps.prepare_data(search, config=tabular())
    steps.sample_architectures(search, replica=0, run="run")
    proposed = search.store.read(Proposed, layout.round_state(0, 0, "proposed"))
    first, *others = proposed.children
    mixed = replace(proposed, children=(replace(first, repeat_of="r000-000000-03"), *others))

    assert "round 1 of replica 0 crashed alike (why)" in str(crashed_round(proposed, "why"))
    assert "replica 0, but for repeats, crashed alike (why)" in str(crashed_round(mixed, "why"))
