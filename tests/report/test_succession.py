"""What reports say of a search on fresh data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from searches import tabular

from nas_lib.report.succession import succession_json, succession_lines, succession_section
from nas_lib.results import SearchView
from nas_lib.results.succession import FreshStart, Reason, Succession

COMPARED = Succession(
    "better",
    "final-00000002",
    2.0,
    scores=(0.9, 0.8),
    other="20261123030000",
    other_model="final-00000001",
    other_scores=(0.75,),
    num_examples=40,
)


def view(found: Succession | None, **fresh: Any) -> SearchView:
    started = FreshStart(**{"begins_with": "20261123030000", "created_s": 1.0, **fresh})
    return SearchView("s3://nas/20261130030000", tabular(), fresh=started, succession=found)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("first", "Its model, final-00000002, is in use: there was none before."),
        (
            "better",
            "On 40 validation images that the model in use had not learned, the new network comes "
            "to 85.00 % and that of 20261123030000 to 75.00 %: the new one is in use from now on.",
        ),
        (
            "not_better",
            "On 40 validation images that the model in use had not learned, the new network comes "
            "to 85.00 % and that of 20261123030000 to 75.00 %: that one stays in use.",
        ),
        (
            "unreadable",
            "The model in use, that of 20261123030000, cannot read these images: the new one, "
            "final-00000002, is in use from now on.",
        ),
        (
            "too_few",
            "The model in use, that of 20261123030000, has not learned 29 validation images, too "
            "few to compare by: it stays in use.",
        ),
        (
            "no_model",
            "None of its networks was trained to its end: the model in use, if any, stays.",
        ),
    ],
)
def test_whether_a_model_is_in_use_and_why_is_a_sentence(reason: Reason, sentence: str) -> None:
    num = 29 if reason == "too_few" else 40
    began, said = succession_lines(view(replace(COMPARED, reason=reason, num_examples=num)))

    assert began == "A search on fresh data, which began with the best of 20261123030000."
    assert said == sentence


def test_what_is_to_be_known_of_a_comparison_comes_after_it() -> None:
    found = replace(
        COMPARED,
        num_learned=5,
        is_by_seeds=True,
        new_classes=("<b>",),
        gone_classes=("a", "b", "c", "d", "e", "f"),
    )

    began, compared, *notes = succession_lines(view(found, begins_with=""))

    assert compared.startswith("On 40 validation images, the new network")  # learned, it says below
    assert began == "A search on fresh data, which began with none of another."
    assert notes == [
        "The model in use has learned these images as its search's validation images; its "
        "network's seeds, which had not, stand for it.",
        "Left out: 5 validation images that the model in use has learned.",
        "New in the data: 1 class '<b>', which the model in use does not know and is wrong about.",
        "Gone from the data: 6 classes 'a', 'b', 'c', 'd', 'e' and 1, which the model in use "
        "knows.",
    ]


def test_where_nobody_knows_what_the_model_in_use_has_learned_that_is_said() -> None:
    *_, compared, note = succession_lines(view(replace(COMPARED, num_learned=None)))

    assert compared.startswith("On 40 validation images, the new network")
    assert note == "Which of these images the model in use has learned is not known any more."


def test_both_models_stand_beside_each_other() -> None:
    section = str(succession_section(view(replace(COMPARED, new_classes=("<b>",)))))

    rows = section.partition("<tbody>")[2]
    new, old = rows.index("final-00000002"), rows.index("final-00000001")
    assert new < rows.index("85.00 %") < old < rows.index("75.00 %")
    # Wilson's of 34 of 40: (0.85 + 1.92 / 40) / (1 + 3.84 / 40) = 0.8193, and 0.1100 around it
    assert "70.93 to 92.94 %" in rows
    assert section.count("<td>yes</td>") == section.count("<td>no</td>") == 1
    assert "&lt;b&gt;" in section


def test_of_any_other_search_nothing_is_said() -> None:
    other = SearchView("s3://nas/digits", tabular())

    assert list(succession_lines(other)) == []
    assert succession_section(other) == ""
    assert succession_json(other) == {}
    assert list(succession_lines(view(None)))[1:] == [
        "Whether its model is to be in use is not settled yet."
    ]


def test_it_is_told_as_json_too() -> None:
    found = succession_json(view(COMPARED))

    assert found["begins_with"] == "20261123030000"
    assert (found["succession"]["reason"], found["succession"]["replaces"]) == ("better", True)
