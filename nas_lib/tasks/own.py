"""OwnTask: architectures that a function of the user's own judges; nothing is trained here."""

from __future__ import annotations

import math
import numbers
import socket
import time
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn, cast

from nas_lib.blame import blamed_on_the_child
from nas_lib.config import OwnChildrenConfig, SearchConfig
from nas_lib.data import Manifest
from nas_lib.errors import ConfigError, one_line
from nas_lib.named_objects import check_function, users_object
from nas_lib.records import Child, ChildResult, EpochMetrics, TestReading
from nas_lib.results.measure import OWN
from nas_lib.spaces import Plan, Space
from nas_lib.store import SearchStore
from nas_lib.tasks.task import Evaluate, Judged, Task

if TYPE_CHECKING:
    from nas_lib.shared_weights.workload import Workload

_MOST = 1e15  # a learner squares gradients of this size, in float32


class OwnTask(Task):
    """Whatever the user's evaluation says: it is reward and score."""

    measure = OWN
    example = "example"
    trains = False

    def __init__(self, config: SearchConfig, *, evaluate: Evaluate | None = None) -> None:
        super().__init__(config)
        name = cast(OwnChildrenConfig, config.children).evaluate
        setting = "children.evaluate"
        found = users_object(name, evaluate, setting=setting)
        self._evaluate: Evaluate = check_function(found, "an architecture", setting=setting)

    def has_data(self) -> bool:
        """Say that it needs none."""
        return True

    def files_hash(self) -> str:
        """Return nothing: there are no files."""
        return ""

    def prepare(self) -> None:
        """Return nothing: what the evaluation needs is its own affair."""
        return

    def find_manifest(self, store: SearchStore) -> None:
        """Return nothing: nothing was prepared."""
        return

    def judge(
        self,
        child: Child,
        space: Space,
        store: SearchStore,
        *,
        on_epoch: Callable[[EpochMetrics], None] = lambda _: None,
    ) -> Judged:
        """Have a child evaluated."""
        started_s = time.monotonic()
        with blamed_on_the_child():
            returned = self._evaluate(child.architecture)
            value = _held(returned)
        reward = _number(value, returned)
        seconds = time.monotonic() - started_s
        where = socket.gethostname()
        if not math.isfinite(reward):
            message = f"the evaluation returned {reward}"
            return Judged(
                ChildResult(
                    child.id, "diverged", 0.0, seconds=seconds, where=where, message=message
                )
            )
        if reward < 0:
            raise ConfigError(
                f"the evaluation returned {reward}: a reward is 0 or more, as 0 is what a child "
                "that diverges gets; add a constant"
            )
        if reward > _MOST:
            raise ConfigError(
                f"the evaluation returned {reward:g}: a reward is at most {_MOST:g}; scale it"
            )
        return Judged(
            ChildResult(child.id, "ok", reward, score=reward, seconds=seconds, where=where)
        )

    def reward(self, score: float) -> float:
        """Return the score itself."""
        return score

    def goodness(self, score: float) -> float:
        """Return the score itself."""
        return score

    def about_scores(self) -> tuple[str, ...]:
        """Return nothing: what the evaluation measures, its author knows."""
        return ()

    def reads_test(self) -> bool:
        """Say that there is none."""
        return False

    def describe(self, manifest: Manifest) -> NoReturn:
        """Refuse: there is nothing to describe."""
        self._refuse("prepared data")

    def read_test(self, child: str, space: Space, store: SearchStore) -> TestReading:
        """Refuse: there is no test."""
        self._refuse("a test")

    def workload(self, store: SearchStore) -> Workload:
        """Refuse: no weights are trained, shared or not."""
        self._refuse("shared weights")

    def timed_step(self, plan: Plan, manifest: Manifest) -> Callable[[], object]:
        """Refuse: nothing is trained."""
        self._refuse("training steps")

    def num_steps(self, manifest: Manifest) -> float:
        """Refuse: nothing is trained."""
        self._refuse("training steps")

    def num_weights(self, plan: Plan, manifest: Manifest) -> int:
        """Refuse: nothing is built."""
        self._refuse("weights")

    def cost(self, plan: Plan, manifest: Manifest) -> NoReturn:
        """Refuse: nothing is built."""
        self._refuse("weights")

    def _refuse(self, what: str) -> NoReturn:
        raise ConfigError(f"a search with an evaluation of its own has no {what}")


def _held(returned: Any) -> object:
    """Return what an array or a tensor of one element holds, and anything else as it is."""
    holds_one = hasattr(returned, "item") and math.prod(returned.shape) == 1
    return returned.item() if holds_one else returned


def _number(value: object, returned: object) -> float:
    """Return the number that an evaluation returned."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real | Decimal):
        raise ConfigError(
            f"the evaluation returned {one_line(repr(returned), 80)}, a {type(returned).__name__}: "
            "a reward is a number"
        )
    try:
        return float(value)
    except OverflowError:
        return math.inf
