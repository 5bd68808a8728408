"""The interface of a procedure: how a search judges its proposals, and when it is done.

Replicas do rounds. A round's children are proposed together, and whoever has them trained collects
their results by `steps.aggregate_rewards`; the procedure says what comes before and after that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, NamedTuple, TypeVar, get_args

from nas_lib.architecture import Architecture
from nas_lib.config import FanOut, SearchConfig
from nas_lib.config.procedure_part import ProcedurePart
from nas_lib.errors import ConfigError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.listener import Listener
from nas_lib.procedures.proposals import Assignment
from nas_lib.records import Child, ChildRow, Learned, RunPlan
from nas_lib.results import SearchView, best_kept, leaderboard
from nas_lib.store import layout
from nas_lib.tasks import Task

S = TypeVar("S", bound=ProcedurePart)


@dataclass(frozen=True)
class PipelineForm:
    """The pipeline that runs a procedure on Kubeflow, and what is its own in its form.

    Attributes:
        name: Of the pipeline whose children are a task each.
        per_run: The field that says how many ticks a run may do; empty where it does all.
        per_run_default: What it says where nobody changes it.
        has_replicas: Whether there is a field that says which replica a run is.
        fanouts: How its children may become pods, the usual way first.
        left_open: More fields of its own, and what they say where the document says it all.
    """

    name: str
    per_run: str
    per_run_default: int
    has_replicas: bool
    fanouts: tuple[FanOut, ...] = get_args(FanOut)
    left_open: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_fields(self) -> tuple[str, ...]:
        """By which runs of it are known."""
        return (*filter(None, [self.per_run]), *self.left_open)


@dataclass(frozen=True)
class Stage:
    """A part of a run that can be counted.

    Attributes:
        unit: What is counted, such as `children`, the last stage of every procedure.
        total: How many there are.
        done: How many of them were done before this run.
        title: What is going on, empty where the rounds say it.
        then: What goes on between this stage and the next.
    """

    unit: str
    total: int
    done: int = 0
    title: str = ""
    then: str = ""


class Recommended(NamedTuple):
    """A network that is to be trained, and what it was called."""

    architecture: Architecture
    origin: str


@dataclass(frozen=True)
class Preview:
    """What a search would do besides training children.

    Attributes:
        facts: By name, in words.
        before: What takes time before the first child is trained, empty if nothing does.
        before_s: How long, in seconds.
        child: Which children can be timed before there are any.
    """

    facts: dict[str, str] = field(default_factory=dict)
    before: str = ""
    before_s: float = 0.0
    child: str = "child"


class Procedure(ABC, Generic[S]):
    """How a search goes on.

    Attributes:
        form: Of the pipeline that it runs in on Kubeflow, None where there is none.
        unit: Of what a tick of the pipeline does at least one.
        proposes_at_length: Whether proposing takes time and memory, so that workers come after it;
            else they get ready meanwhile.
        round_ends_with: The state that a round comes to in the end.
        settings: What the user wrote as `search`.
    """

    form: ClassVar[PipelineForm | None] = None
    unit: ClassVar[str] = "round"
    proposes_at_length: ClassVar[bool] = False
    round_ends_with: ClassVar[layout.State] = "learned"

    def __init__(self, settings: S) -> None:
        self.settings = settings

    # --- extent ----------------------------------------------------------------------------------

    @property
    @abstractmethod
    def num_rounds(self) -> int:
        """Rounds of each replica."""

    @property
    @abstractmethod
    def num_children(self) -> int:
        """Children that are trained from scratch at most, over all replicas."""

    @property
    @abstractmethod
    def children_per_round(self) -> int:
        """Children that are trained at the same time, at most."""

    def num_again(self, config: SearchConfig) -> int:
        """Return how many trainings come on top of those, of what was trained before."""
        return 0

    def check_choice(self, *, rounds: bool, replicas: bool) -> None:
        """Refuse a choice of rounds or of replicas where there is none.

        Raises:
            ConfigError: The user has chosen.
        """
        return

    # --- what is next ----------------------------------------------------------------------------

    @abstractmethod
    def is_finished(self, search: OpenSearch, replica: int) -> bool:
        """Say whether the replica has nothing more to do."""

    @abstractmethod
    def num_done(self, search: OpenSearch, replica: int) -> int:
        """Return how many units a replica has done."""

    def is_behind(self, search: OpenSearch, plan: RunPlan) -> bool:
        """Say whether its replica, which is not finished, has done less than a run planned."""
        return self.num_done(search, plan.replica) - plan.num_done < plan.num_ticks

    def first_step(self, search: OpenSearch) -> str:
        """Return the step that a replica needs next, whose round is not proposed."""
        return "sample_architectures"

    @abstractmethod
    def rounds_left(self, search: OpenSearch, replica: int) -> int:
        """Return how many rounds a replica that is not finished is expected to do, at least one."""

    def ticks_left(self, search: OpenSearch, replica: int) -> int:
        """Return how many ticks of its pipeline that may take, at least one."""
        return self.rounds_left(search, replica)

    @abstractmethod
    def propose(
        self, search: OpenSearch, replica: int, *, run: str, listener: Listener
    ) -> Assignment | None:
        """Do all that comes before a round's children can be trained; return what is to be done.

        None where the replica is finished: another run of it may have seen to that a moment ago.
        """

    def task_for(self, search: OpenSearch, child: Child) -> Task:
        """Return what judges a child; another one where some are trained by other settings."""
        return search.task

    @abstractmethod
    def learn(self, search: OpenSearch, replica: int, round: int, *, run: str) -> Learned | None:
        """Learn from a round whose results are in; None where nothing is."""

    def to_test(self, search: OpenSearch, view: SearchView) -> Iterable[str]:
        """Return the children of a finished search whose test is read.

        Where the winner was drawn at random, the best of those that shared weights chose is read
        too, if its weights were kept: it is what such a search is to be compared by. Where the best
        are trained once more, none is: their own test is what counts.
        """
        if search.config.final.follows:
            return ()
        has_weights = leaderboard(view.rows, view.config.children.keep)
        found = [view.best.row] if view.best else []
        found += [row for row in has_weights if row == best_kept(view)]
        return dict.fromkeys(row.id for row in found)

    def recommended(self, search: OpenSearch, view: SearchView) -> Iterator[Recommended]:
        """Yield the networks of a finished search that are worth training, the best first."""
        best: dict[str, Recommended] = {}
        for row in (each.row for each in view.standings):
            if row.status == "ok":
                best.setdefault(row.architecture.id, Recommended(row.architecture, row.id))
        yield from best.values()

    def kept(self, search: OpenSearch, best: Sequence[ChildRow]) -> frozenset[str]:
        """Return the children whose weights are of use, of those that rounds have kept."""
        return frozenset(row.id for row in best)

    # --- for people ------------------------------------------------------------------------------

    @abstractmethod
    def complete_view(self, view: SearchView, search: OpenSearch) -> SearchView:
        """Return the view with what the procedure knows: how many children, whether all is done."""

    @abstractmethod
    def to_do(self, search: OpenSearch, num_rounds: int) -> str:
        """Say what a run has to do that may do so many rounds, over all replicas."""

    @abstractmethod
    def stages(self, search: OpenSearch, num_rounds: int) -> tuple[Stage, ...]:
        """Return what such a run counts; the last stage is that of children."""

    @abstractmethod
    def preview(self, search: OpenSearch) -> Preview:
        """Say what a search would be whose data is prepared."""


def settings_of(search: OpenSearch, kind: type[S]) -> S:
    """Return a search's settings of this kind, for a step of one procedure only.

    Raises:
        ConfigError: The search is one of another procedure.
    """
    settings = search.config.search
    if isinstance(settings, kind):
        return settings
    from nas_lib.procedures import procedure_of  # which has this module imported

    wanted, form = kind.model_fields["kind"].default, procedure_of(search.config).form
    raise ConfigError(
        f"this step is for search.kind {wanted}, and {search.uri} has {settings.kind}"
        + (f": the pipeline for it is {form.name}" if form else "")
    )
