from __future__ import annotations

import math

import pytest

from nas_lib.errors import ConfigError
from nas_lib.named_objects import INLINE, check_function, imported, users_object


def test_an_object_is_found_by_module_and_name() -> None:
    assert imported("math:pi") == math.pi
    assert users_object("math:sqrt", None, setting="children.evaluate") is math.sqrt


def test_an_object_of_this_process_is_the_one_that_was_given() -> None:
    given = object()

    assert users_object(INLINE, given, setting="space.object") is given


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        (INLINE, "space.object is an object of another process: pass it to nas_lib.search again"),
        ("math.pi", "space.object should read module:name, got 'math.pi'"),
        ("no_such:thing", "space.object 'no_such:thing' cannot be imported: No module named"),
        ("math:tau_squared", "space.object 'math:tau_squared' cannot be imported: module 'math'"),
    ],
)
def test_an_object_that_cannot_be_found_gets_one_sentence(reference: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        users_object(reference, None, setting="space.object")

    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


def test_a_description_of_ours_that_leads_nowhere_is_a_bug_and_no_users_fault() -> None:
    with pytest.raises(ImportError):
        imported("no_such:thing")
    with pytest.raises(AttributeError):
        imported("math:tau_squared")


class Grumbling:
    """What a user's object may be: one that raises whatever it is asked for."""

    def __call__(self, architecture: object) -> float:
        return 0.5

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(f"no {name} here")


def test_an_object_that_raises_when_it_is_looked_at_gets_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"children\.evaluate raises RuntimeError: no "):
        check_function(Grumbling(), "an architecture", setting="children.evaluate")
