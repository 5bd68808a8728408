"""What images are judged by, and settings for classes of which there are few."""

from __future__ import annotations

from typing import Any

import pytest

import nas_lib
from nas_lib.config import SearchConfig
from nas_lib.config_file import apply_overrides, differences, identity_settings, parse_config
from nas_lib.errors import ConfigError

NEW = ("class_weights", "sampling")


def document(preset: str = "digits") -> dict[str, Any]:
    return nas_lib.preset(preset).model_dump(mode="json")


def changed(*overrides: str, preset: str = "digits") -> SearchConfig:
    return parse_config(apply_overrides(document(preset), overrides), source="test")


def test_a_search_that_was_stored_before_these_settings_goes_on_with_what_it_was() -> None:
    stored = document()
    del stored["task"]["score"], stored["task"]["target"]
    for part in (stored["children"], stored["final"]["children"]):
        for name in NEW:
            del part[name]

    begun = parse_config(stored, source="search.json")

    assert begun == nas_lib.preset("digits")
    assert differences(begun, nas_lib.preset("digits")) == []
    assert (begun.task.target, begun.task.score) == ("class", "accuracy")
    assert (begun.children.class_weights, begun.children.sampling) == (None, "shuffle")


@pytest.mark.parametrize(
    "override",
    ["task.score=auc", "children.sampling=balanced", "children.class_weights={'3': 2.0}"],
)
def test_each_makes_another_search(override: str) -> None:
    settings = identity_settings(changed(override))

    assert settings != identity_settings(nas_lib.preset("digits"))


@pytest.mark.parametrize("value", ["3", "true", "{}", "heavy", "{cat: 0}", "{cat: true}", "[1, 2]"])
def test_weights_that_are_none_are_refused_in_one_sentence(value: str) -> None:
    sentence = (
        "children.class_weights should be null, balanced, or a weight above 0 and up to a million "
        "by the names of classes, got "
    )
    with pytest.raises(ConfigError) as caught:
        changed(f"children.class_weights={value}")

    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_final_training_makes_up_for_rare_classes_as_the_search_does() -> None:
    config = changed("children.sampling=balanced", "children.class_weights={'3': 2}")
    own = changed("children.sampling=balanced", "final.children.sampling=shuffle")

    assert config.final.children is not None
    assert own.final.children is not None
    assert config.final.children.sampling == "balanced"
    assert config.final.children.class_weights == {"3": 2.0}
    assert own.final.children.sampling == "shuffle"


def test_a_goal_is_a_score_of_the_kind_that_is_asked_for() -> None:
    assert changed("task.score=macro_f1", "search.stop_at_score=0.9").task.score == "macro_f1"
    with pytest.raises(ConfigError, match="should be a macro F1, a fraction above 0 and at most 1"):
        changed("task.score=macro_f1", "search.stop_at_score=2")


def test_shared_weights_are_judged_by_means_over_images() -> None:
    assert changed("task.score=top_5", preset="enas-macro-digits").task.score == "top_5"
    with pytest.raises(ConfigError) as caught:
        changed("task.score=auc", preset="enas-macro-digits")

    assert str(caught.value).endswith(
        "task.score should be accuracy or top_5 for search.kind shared, whose mini-batches have "
        "too few images of a class for others, got auc"
    )


# --- labels and numbers --------------------------------------------------------------------------

TABLE = ("task.data.format=image_table", "task.data.path=photos.csv")


@pytest.mark.parametrize(
    ("target", "score", "smoothing"),
    [("class", "accuracy", 0.1), ("labels", "mean_average_precision", 0.1), ("number", "mse", 0)],
)
def test_another_target_has_another_score_unless_one_is_said(
    target: str, score: str, smoothing: float
) -> None:
    for overrides in ((f"task.target={target}", *TABLE), (*TABLE, f"task.target={target}")):
        config = changed(*overrides)
        assert config.task.score == score
        assert config.final.children is not None
        assert config.final.children.label_smoothing == smoothing
    document = {"task": {"target": target, "data": {"format": "npz", "path": "x.npz"}}}
    assert parse_config(document, source="test").task.score == score
    said = changed("task.score=auc", "task.target=labels", *TABLE)
    assert said.task.score == "auc"
    assert changed(*TABLE, "task.target=class", "task.score=auc").task.score == "auc"


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            ("task.target=labels", "task.score=top_5", *TABLE),
            "score should be mean_average_precision or macro_f1 or micro_f1 or auc or exact_match "
            "with target labels, got top_5",
        ),
        (
            ("task.target=number", "task.score=auc", *TABLE),
            "score should be mse with target number, got auc",
        ),
        (
            ("task.score=mse",),
            "score should be accuracy or balanced_accuracy or macro_f1 or top_5 or auc with target "
            "class, got mse",
        ),
        (
            ("task.target=labels",),
            "target labels takes data of format image_table or npz, got digits",
        ),
        (
            (*TABLE, "task.data.label_columns=[cat, dog]"),
            "data.label_columns are of target labels, and target is class",
        ),
        (
            ("task.target=labels", "children.sampling=balanced", *TABLE),
            "children.sampling balanced draws as many images of each class, and task.target is "
            "labels: set shuffle",
        ),
        (
            ("task.target=number", "children.class_weights=balanced", *TABLE),
            "children.class_weights are of classes and labels, and task.target is number",
        ),
        (
            ("task.target=number", "final.children.label_smoothing=0.1", *TABLE),
            "final.children.label_smoothing is of classes and labels, and task.target is number",
        ),
        (
            ("task.target=number", "final.grid={label_smoothing: [0.0, 0.1]}", *TABLE),
            "final.children.label_smoothing is of classes and labels, and task.target is number",
        ),
        (
            ("task.target=number", "search.stop_at_score=0", *TABLE),
            "search.stop_at_score should be a relative mean squared error, above 0, got 0",
        ),
    ],
)
def test_what_does_not_go_with_a_target_is_refused_in_one_sentence(
    overrides: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        changed(*overrides)

    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shared_weights_tell_classes_only() -> None:
    with pytest.raises(
        ConfigError, match=r"task\.target should be class for search\.kind shared, got labels"
    ):
        changed("task.target=labels", *TABLE, preset="enas-macro-digits")


def test_another_target_makes_another_search() -> None:
    one, other = (changed(f"task.target={each}", *TABLE) for each in ("labels", "number"))
    assert 'task.target is "labels" there and "number" here' in differences(one, other)
