from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter

import pytest
from controller_contract import ControllerContract, Decisions

from nas_lib.config import CnnSpaceConfig, RandomConfig, ReinforceConfig
from nas_lib.controllers import Controller, build_controller
from nas_lib.spaces.decisions import Choice, Subset


class TestRandomController(ControllerContract):
    @pytest.fixture
    def controller(self, decisions: Decisions) -> Controller:
        return build_controller(RandomConfig(), decisions)


def test_every_token_sequence_is_equally_likely() -> None:
    decisions = (Choice("a", 3), Subset("s", 0), Subset("s", 1), Subset("s", 2))
    controller = build_controller(RandomConfig(), decisions)
    shards = controller.init(seed=0, num_shards=1)
    counts = Counter(controller.propose(shards, decisions=decisions, num=24_000, seed=0))
    # 3 x 2 x 4 = 24 sequences, 1,000 of each, give or take 4.5 standard deviations of 31.
    assert len(counts) == 24
    assert all(abs(count - 1000) < 4.5 * 31 for count in counts.values())
    lesson = controller.lesson(shards, decisions=decisions, tokens=[], rewards=[])
    assert lesson.metrics == {"entropy": pytest.approx(math.log(24))}


def test_random_search_keeps_nothing_but_which_rounds_it_has() -> None:
    controller = build_controller(RandomConfig(), (Choice("a", 3),))
    (shard,) = controller.init(seed=0, num_shards=1)
    assert (controller.num_parameters, controller.learns) == (0, False)
    assert (len(shard.values), shard.state, shard.applied) == (0, {}, {})


def test_random_search_loads_no_torch() -> None:
    code = (
        "import sys; from nas_lib.config import RandomConfig;"
        "from nas_lib.controllers import build_controller;"
        "build_controller(RandomConfig(), ());"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_settings_and_controller_agree_on_whether_it_learns() -> None:
    for config in (RandomConfig(), ReinforceConfig()):
        controller = build_controller(config, CnnSpaceConfig().build().decisions(6))
        assert controller.learns is config.learns
