from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from space_contract import Example, SpaceContract
from space_strategies import choice_spaces

from nas_lib.architecture import Architecture
from nas_lib.config import CustomSpaceConfig
from nas_lib.errors import ArchitectureError, ConfigError
from nas_lib.spaces import Choice, ChoiceSpace, Space, SpacePart, space_size

SPACE = ChoiceSpace(op=["conv", "pool"], width=[16, 32, 64])


class TestChoiceSpace(SpaceContract):
    configs = st.just(CustomSpaceConfig(object="inline"))
    example = Example(SPACE, (1, 2), "op=pool width=64", "4151ad963ed2")

    def build(self, config: SpacePart, data: st.DataObject) -> Space:
        return config.build(data.draw(choice_spaces()))

    strangers = [("op=conv width=99", "^not an architecture of this space: op=conv width=99$")]


def test_a_choice_space_is_of_all_combinations() -> None:
    assert SPACE.decisions(1) == (Choice("op", 2), Choice("width", 3))
    assert space_size(SPACE, 1) == 6


def test_tokens_become_options() -> None:
    assert SPACE.options(SPACE.decode((1, 2))) == {"op": "pool", "width": 64}


@pytest.mark.parametrize("tokens", [(), (0, 0), (1, 1, 1)])
def test_the_text_says_which_options_are_meant(tokens: tuple[int, ...]) -> None:
    assert SPACE.encode(Architecture("choices", tokens, "op=pool width=64")) == (1, 2)


def test_options_may_have_blanks_and_read_alike() -> None:
    space = ChoiceSpace(a=["x", "x b=1", 1, "1"], b=[1, "1 c=2"], c=[2, "2 c=2"])

    assert space.encode(Architecture("choices", (), "a=x b=1 b=1 c=2")) == (1, 0, 0)
    for text in ("a=x b=1 c=2 c=2", "a=1 b=1 c=2"):
        found = space.encode(Architecture("choices", (), text))
        assert space.decode(found).config == text
    for tokens in ((2, 0, 0), (3, 0, 0)):  # of those that read alike, what it was
        assert space.encode(space.decode(tokens)) == tokens


def test_a_list_without_options_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="at least one option"):
        ChoiceSpace(op=[])


def raises() -> ChoiceSpace:
    raise RuntimeError("no\nspace")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (raises, r"space\.object raises RuntimeError: no space$"),
        (lambda width: SPACE, "space.object should be a function of nothing: missing a required"),
        (3, "space.object 'inline' should be a nas_lib.spaces.Space or a function .*, got int"),
    ],
)
def test_what_makes_no_space_is_refused_in_a_sentence(given: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CustomSpaceConfig(object="inline").build(given)


def test_a_space_may_stand_before_another_one() -> None:
    class Before:
        def __getattr__(self, name: str) -> object:
            return getattr(SPACE, name)

    built = CustomSpaceConfig(object="inline").build(Before())  # type: ignore[arg-type]

    assert built.decisions(1) == SPACE.decisions(1)


def test_a_space_that_raises_when_it_is_looked_at_gets_one_sentence() -> None:
    class Grumbling:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(f"no {name} here")

    with pytest.raises(ConfigError, match=r"space\.object raises RuntimeError: no "):
        CustomSpaceConfig(object="inline").build(Grumbling())  # type: ignore[arg-type]
