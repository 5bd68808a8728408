"""The comparison of super-networks for images; its speeds are not judged here."""

from __future__ import annotations

import sys

import pytest

from benchmarks.shared_images import in_turn, random_architectures
from nas_lib.config import EnasMacroSpaceConfig, EnasMicroSpaceConfig
from nas_lib.spaces.decisions import check_tokens

WORKER = "import sys\nfor line in sys.stdin: print('hello\\n' + line[1], flush=True)"


@pytest.mark.parametrize("space", [EnasMacroSpaceConfig(), EnasMicroSpaceConfig()])
def test_its_architectures_are_of_our_default_spaces(
    space: EnasMacroSpaceConfig | EnasMicroSpaceConfig,
) -> None:
    for tokens in random_architectures(space.kind.removeprefix("enas-")):
        check_tokens(space.build().decisions(1), tokens)


def test_workers_are_asked_in_turn_and_may_talk_before_they_answer() -> None:
    command = (sys.executable, "-c", WORKER)  # answers with the first token

    seconds = in_turn({"ours": command, "theirs": command}, [[3, 1], [5, 2]])

    assert seconds == {"ours": [3.0, 5.0], "theirs": [3.0, 5.0]}


def test_a_worker_that_fails_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"'-c', 'input\(\)'.* ended without an answer"):
        in_turn({"theirs": (sys.executable, "-c", "input()")}, [[1]])
