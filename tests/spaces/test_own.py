"""A space of a user's own may answer anything: what is no answer is a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nas_lib.architecture import Architecture
from nas_lib.config import CustomSpaceConfig
from nas_lib.errors import ArchitectureError, ConfigError
from nas_lib.spaces import Choice, ChoiceSpace, CnnSpaceConfig, Space, Subset, planned
from nas_lib.spaces.own import OwnSpace


class Mine:
    """A space whose answers can be replaced."""

    def __init__(self, **answers: Any) -> None:
        self._space = ChoiceSpace(a=[1, 2])
        self.name: Any = answers.get("name", "mine")
        self.max_depth: Any = answers.get("max_depth", 3)
        self._answers = answers

    def depth(self, num_children: int) -> Any:
        return self._answer("depth", 1)

    def decisions(self, depth: int) -> Any:
        return self._answer("decisions", self._space.decisions(depth))

    def decode(self, tokens: tuple[int, ...]) -> Any:
        return self._answer("decode", self._space.decode(tokens))

    def encode(self, architecture: Architecture) -> Any:
        return self._answer("encode", architecture.tokens)

    def _answer(self, method: str, answer: Any) -> Any:
        answer = self._answers.get(method, answer)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def build(**answers: Any) -> Space:
    return CustomSpaceConfig(object="inline").build(Mine(**answers))


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("cannot be shown")


USES: dict[str, Callable[[Space], object]] = {
    "depth": lambda space: space.depth(7),
    "decisions": lambda space: space.decisions(2),
    "decode": lambda space: space.decode((1,)),
    "encode": lambda space: space.encode(Architecture("choices", (1,), "a=2")),
}


def test_its_answers_are_passed_on() -> None:
    space = build()

    assert (space.name, space.max_depth, space.depth(7)) == ("mine", 3, 1)
    assert space.decisions(1) == (Choice("a", 2),)
    assert space.decode((1,)).config == "a=2"
    assert space.encode(space.decode((1,))) == (1,)


@pytest.mark.parametrize("method", USES)
@pytest.mark.parametrize("error", [ValueError("boom\n"), SystemExit(3), RecursionError("too deep")])
def test_what_it_raises_is_a_sentence_that_names_the_method(
    method: str, error: BaseException
) -> None:
    with pytest.raises(ConfigError) as caught:
        USES[method](build(**{method: error}))

    assert str(caught.value).startswith(f"space.object: {method}")
    assert f" raises {type(error).__name__}: " in str(caught.value)
    assert caught.value.exit_code == 2
    assert str(caught.value).isprintable()


def test_errors_of_ours_are_passed_on() -> None:
    with pytest.raises(ArchitectureError, match=r"^no such tokens$"):
        build(decode=ArchitectureError("no such tokens")).decode((1,))


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        ("name", 3, "name should be text, got 3"),
        ("max_depth", 0, "max_depth should be a whole number from 1 to 1,000, got 0"),
        ("max_depth", 10**100, "max_depth should be a whole number from 1 to 1,000, got 1000"),
        ("depth", 4, r"depth\(7\) should be a whole number from 1 to 3, got 4"),
        ("depth", True, r"depth\(7\) should be a whole number from 1 to 3, got True"),
        ("decisions", 3, r"decisions\(2\) raises TypeError: 'int' object is not iterable"),
        ("decisions", ["a"], r"decisions\(2\) should be decisions of nas_lib\.spaces .*, got 'a'"),
        ("decisions", [Choice(1, 2)], r"decisions\(2\) should be decisions whose kind is text"),  # type: ignore[arg-type]
        ("decisions", [Choice("a", 0)], r"decisions\(2\): a should be a whole number from 1 to 65"),
        ("decisions", [Choice("a", 2.0)], r"a should be a whole number from 1 .*, got 2\.0"),  # type: ignore[arg-type]
        ("decisions", [Subset("s", -1)], r"s should be a whole number from 0 to 65,536, got -1"),
        ("decisions", [Choice("a", 2)] * 10_001, r"at most 10,000 decisions, got 10001"),
        ("decode", "a=2", r"decode should be a nas_lib\.Architecture, got 'a=2'"),
        ("decode", Unshowable(), "decode raises RuntimeError: cannot be shown"),
        ("decode", Architecture("x", (1,), 3), "whose space and config are text"),  # type: ignore[arg-type]
        ("decode", Architecture("x", [1], "y"), "an architecture of 1 whole numbers, got"),  # type: ignore[arg-type]
        ("decode", Architecture("x", (1, 2), "y"), r"of 1 whole numbers, got \(1, 2\)"),
        ("encode", 3, "encode raises TypeError: 'int' object is not iterable"),
    ],
)
def test_what_is_no_answer_is_a_sentence(method: str, answer: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"^space\.object: .*{said}"):
        USES.get(method, lambda space: space)(build(**{method: answer}))


def test_a_space_of_ours_may_be_given_and_has_its_plans() -> None:
    given = CnnSpaceConfig().build()

    space = CustomSpaceConfig(object="inline").build(given)

    assert isinstance(space, OwnSpace)
    assert planned(space) is given
