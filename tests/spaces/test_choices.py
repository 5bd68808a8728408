from __future__ import annotations

import pytest

from nas_lib.architecture import Architecture
from nas_lib.errors import ArchitectureError
from nas_lib.spaces import Choice, ChoiceSpace, Space, space_size

SPACE = ChoiceSpace(op=["conv", "pool"], width=[16, 32, 64])


def test_a_choice_space_is_a_space_of_all_combinations() -> None:
    assert isinstance(SPACE, Space)
    assert SPACE.decisions(1) == (Choice("op", 2), Choice("width", 3))
    assert space_size(SPACE, 1) == 6


def test_tokens_become_options_and_come_back() -> None:
    architecture = SPACE.decode((1, 2))

    assert architecture.config == "op=pool width=64"
    assert SPACE.options(architecture) == {"op": "pool", "width": 64}
    assert SPACE.encode(architecture) == (1, 2)


def test_tokens_out_of_range_are_refused() -> None:
    with pytest.raises(ArchitectureError, match=r"token 1 \(width\) must be in \[0, 3\), got 3"):
        SPACE.decode((0, 3))


def test_an_architecture_of_another_space_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="not an architecture of this space"):
        SPACE.encode(Architecture("choices", (0, 0), "op=conv width=99"))


def test_a_list_without_options_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="at least one option"):
        ChoiceSpace(op=[])
