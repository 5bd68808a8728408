"""The interface of a task: what is learnt, from which data, and how it is judged."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nas_lib.architecture import Architecture
from nas_lib.config import SearchConfig
from nas_lib.data import Manifest, Prepared
from nas_lib.records import Child, ChildResult, ChildRow, EpochMetrics, TestReading
from nas_lib.results.measure import Measure
from nas_lib.spaces import Plan, Space, SpacePart
from nas_lib.store import SearchStore

if TYPE_CHECKING:
    from nas_lib.networks import Cost
    from nas_lib.shared_weights.workload import Workload

Evaluate = Callable[[Architecture], float]
"""A user's own evaluation: architecture -> reward, the higher the better."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What became of a child, and what it leaves.

    Attributes:
        result: Its result.
        weights: Of its best epoch, as a file; None where there are none.
        problems: A sentence on each thing that went wrong on the way, and was mended.
    """

    result: ChildResult
    weights: bytes | None = None
    problems: tuple[str, ...] = ()


class Task(ABC):
    """What a search's networks learn.

    Attributes:
        measure: What scores are.
        example: What one example is called.
        trains: Whether children are trained here: from prepared data, with checkpoints and weights.
        preload: Modules that it takes to judge a child, for a process that forks workers.
        config: The search's configuration.
    """

    measure: Measure
    example: str
    trains: ClassVar[bool]
    preload: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: SearchConfig, *, evaluate: Evaluate | None = None) -> None:
        """Take what is to be learnt.

        Args:
            config: The search's configuration.
            evaluate: An evaluation of the user's own in this process; of meaning to `own` alone.

        Raises:
            ConfigError: The user's own evaluation cannot be found.
        """
        self.config = config

    def check_machine(self) -> None:
        """Refuse settings that ask for what this machine has not.

        Raises:
            ConfigError: There is no such device here.
        """
        return

    # --- data ------------------------------------------------------------------------------------

    @abstractmethod
    def has_data(self) -> bool:
        """Say whether there is anything at the path of the user's data, or it needs none."""

    @abstractmethod
    def files_hash(self) -> str:
        """Return a hash of names, sizes and times of the user's files; empty without files.

        Raises:
            DataError: They cannot be looked at.
        """

    @abstractmethod
    def prepare(self) -> Prepared | None:
        """Read, check, split and serialise the user's data; None where nothing is to be prepared.

        A pure function of data and settings.

        Raises:
            DataError: The data is missing, damaged, not what its format promises, or too small.
        """

    @abstractmethod
    def find_manifest(self, store: SearchStore) -> Manifest | None:
        """Return what was prepared, None where nothing was."""

    def check_space(self, space: SpacePart, manifest: Manifest) -> None:
        """Refuse a space whose networks cannot take these data; most can take any.

        Raises:
            ConfigError: It is one.
        """
        return

    @abstractmethod
    def describe(self, manifest: Manifest) -> str:
        """Say in a sentence what was prepared."""

    # --- judging ---------------------------------------------------------------------------------

    @abstractmethod
    def judge(
        self,
        child: Child,
        space: Space,
        store: SearchStore,
        *,
        on_epoch: Callable[[EpochMetrics], None] = lambda _: None,
    ) -> Judged:
        """Train a child, or have it evaluated; divergence and lack of memory are results.

        Args:
            child: The child.
            space: What its tokens are of.
            store: Where the prepared data and its checkpoints lie.
            on_epoch: Is called after each epoch that is trained here.

        Raises:
            ConfigError: The user's settings or evaluation are at fault, and not the child.
        """

    @abstractmethod
    def reward(self, score: float) -> float:
        """Return what a child of this score earns."""

    def misfit(self, row: ChildResult | ChildRow) -> str:
        """Say why a stored result cannot be one of this task's; empty if it can."""
        if row.status != "ok":
            return f"{row.id} is {row.status}, and its reward not 0" if row.reward else ""
        if row.score is None:
            return f"{row.id} has no score, and its reward is not 0" if row.reward else ""
        if not self.measure.can_be(row.score):
            return f"{row.id} has the score {row.score}, which is no {self.measure.noun}"
        earned = self.reward(row.score)
        if not math.isclose(row.reward, earned, rel_tol=1e-6, abs_tol=1e-12):
            return f"{row.id} has the reward {row.reward:g}, and its score earns {earned:g}"
        return ""

    @abstractmethod
    def reads_test(self) -> bool:
        """Say whether there is a test to read."""

    @abstractmethod
    def read_test(self, child: str, space: Space, store: SearchStore) -> TestReading:
        """Return a child's score on the test data: for a winner, once the search is finished."""

    @abstractmethod
    def workload(self, store: SearchStore) -> Workload:
        """Return the network that owns the weights of all architectures, with its data.

        This process's torch is set to the search's number of threads and to deterministic
        algorithms, and its generator is seeded, so that the first weights are always the same.

        Raises:
            ConfigError: There is no such device here.
        """

    @abstractmethod
    def goodness(self, score: float) -> float:
        """Return a score as a number of which more is better, at least 0."""

    @abstractmethod
    def about_scores(self) -> tuple[str, ...]:
        """Return paragraphs on what scores and rewards are, and which data they are taken on."""

    # --- preview ---------------------------------------------------------------------------------

    @abstractmethod
    def timed_step(self, plan: Plan, manifest: Manifest) -> Callable[[], object]:
        """Return what takes as long as a training step of this network, on random data."""

    @abstractmethod
    def num_steps(self, manifest: Manifest) -> float:
        """Return the training steps of one child."""

    def sized_references(
        self, names: Sequence[str], plan: Plan, manifest: Manifest
    ) -> tuple[str, ...]:
        """Return the names of known networks, as large as this one where they leave it open."""
        return tuple(names)

    @abstractmethod
    def num_weights(self, plan: Plan, manifest: Manifest) -> int:
        """Return how many numbers this network would have; none of them is made."""

    @abstractmethod
    def cost(self, plan: Plan, manifest: Manifest) -> Cost:
        """Return how large this network would be; none of its numbers is made."""
