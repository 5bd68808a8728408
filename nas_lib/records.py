"""The values that travel between steps and lie in the store: children, results, rounds.

All are frozen and plain, and each has one JSON form: `to_json(value)` and `from_json(kind, data)`.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Annotated, Any, Final, Literal, TypeVar, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.architecture import Architecture
from nas_lib.errors import CorruptStateError, one_line

Status = Literal["ok", "diverged", "out_of_memory", "timed_out", "crashed", "missing"]
COUNTED: tuple[Status, ...] = ("ok", "diverged", "out_of_memory", "timed_out")
"""A child that ended like this has a reward that the controller learns from."""

Count = Annotated[int, Field(ge=0, lt=2**63)]
"""Also of seeds: what torch takes."""
Seconds = Annotated[float, Field(ge=0, le=1e11)]
"""Also since 1970: what is a date."""

MAX_PICTURE: Final = 10_240
"""Characters of a picture in a record."""
SmallPicture = Annotated[str, Field(max_length=MAX_PICTURE, pattern=r"^[A-Za-z0-9+/]+=*$")]
"""A PNG in base64."""
Confusion = tuple[tuple[Count, Count, Count], ...]
"""Which class was taken for which: the true one, the predicted one, and how many examples of it.

In order, and only of pairs of which there was an example.
"""

_CHILD_ID = re.compile(r"r(\d{3,9})-(\d{6,9})-(\d{2,9})", re.ASCII)
STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Of every record: an unknown field, and what JSON has no number for, are errors."""


@dataclass(frozen=True, order=True)
class ChildId:
    """Which child: `r000-000017-03` is replica 0, round 17, index 3."""

    replica: int
    round: int
    index: int

    def __str__(self) -> str:
        return f"r{self.replica:03d}-{self.round:06d}-{self.index:02d}"

    @classmethod
    def matches(cls, text: str) -> bool:
        """Say whether the text is a child's id."""
        return _CHILD_ID.fullmatch(text) is not None and str(cls.parse(text)) == text

    @classmethod
    @lru_cache(maxsize=1024)  # each is asked for again and again, for a moment
    def parse(cls, text: str) -> ChildId:
        """Return the parts of a child's id.

        Raises:
            ValueError: The text is not a child's id.
        """
        match = _CHILD_ID.fullmatch(text)
        if match is None:
            raise ValueError(f"a child's id looks like r000-000017-03, got {text!r}")
        return cls(*map(int, match.groups()))


@checked_dataclass(frozen=True, config=STRICT)
class Child:
    """A network to be trained.

    Attributes:
        id: Its id.
        architecture: What it is.
        seed: Of all that is random in its training.
        repeat_of: The child that was, or is, trained in its place: the first of its architecture.
            None for that one.
        confirms: The child that is trained again here, with another seed. None where it is none.
        training: The how many-th training besides that child's own, from 1; 0 where it is none.
    """

    id: str
    architecture: Architecture
    seed: Count
    repeat_of: str | None = None
    confirms: str | None = None
    training: Count = 0


@checked_dataclass(frozen=True, config=STRICT)
class EpochMetrics:
    """What one epoch of training came to. Losses are means over examples.

    The score is what the task measures on the validation data, such as an accuracy in [0, 1].
    """

    epoch: Count  # counted from 1
    train_loss: float
    valid_loss: float
    score: float
    learning_rate: float
    seconds: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class ChildResult:
    """What became of a child; written once.

    Attributes:
        id: The child's id.
        status: `ok`, or what went wrong.
        reward: What the controller maximises; always finite, 0 where `status` is not `ok`.
        score: What the task measures on the validation data, None where training failed, or they
            were learnt: the accuracy of images, the perplexity of a text, or a user's own reward.
        best_epoch: The epoch (from 1) whose score and weights count, None where there is none.
        epochs: Metrics of every finished epoch.
        num_parameters: Trainable parameters, None where the network was never built here.
        num_multiply_adds: Multiply-add operations for one example.
        seconds: Wall-clock time of training, summed over attempts that made progress.
        where: Host and device it ran on.
        message: One sentence on what went wrong, empty where nothing did.
        repeat_of: The child whose verdict this is; None where it was judged itself.
    """

    id: str
    status: Status
    reward: float
    score: float | None = None
    best_epoch: Count | None = None
    epochs: tuple[EpochMetrics, ...] = ()
    num_parameters: Count | None = None
    num_multiply_adds: Count | None = None
    seconds: Seconds = 0.0
    where: str = ""
    message: str = ""
    repeat_of: str | None = None

    def repeated(self, child: str) -> ChildResult:
        """Return the same verdict for another child of this architecture, which took no time."""
        return ChildResult(
            id=child,
            status=self.status,
            reward=self.reward,
            score=self.score,
            num_parameters=self.num_parameters,
            num_multiply_adds=self.num_multiply_adds,
            message=self.message,
            repeat_of=self.id,
        )

    def row(self, child: Child) -> ChildRow:
        """Return this result of a child beside its architecture, without the epochs."""
        return ChildRow(
            id=self.id,
            architecture=child.architecture,
            status=self.status,
            reward=self.reward,
            score=self.score,
            num_parameters=self.num_parameters,
            num_multiply_adds=self.num_multiply_adds,
            seconds=self.seconds,
            message=self.message,
            repeat_of=self.repeat_of,
            confirms=child.confirms,
        )


@checked_dataclass(frozen=True, config=STRICT)
class ChildRow:
    """A child as tables and curves need it: its result without the epochs."""

    id: str
    architecture: Architecture
    status: Status
    reward: float
    score: float | None
    num_parameters: Count | None
    num_multiply_adds: Count | None
    seconds: Seconds
    message: str = ""
    repeat_of: str | None = None
    confirms: str | None = None

    def result(self) -> ChildResult:
        """Return the result, without what a row has not: its epochs, and where it came to be."""
        return ChildResult(
            id=self.id,
            status=self.status,
            reward=self.reward,
            score=self.score,
            num_parameters=self.num_parameters,
            num_multiply_adds=self.num_multiply_adds,
            seconds=self.seconds,
            message=self.message,
            repeat_of=self.repeat_of,
        )

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({self.id} {self.status}, reward {self.reward:.4f}, {self.architecture!r})"

    @property
    def counts(self) -> bool:
        """Whether the controller learns from this child."""
        return self.status in COUNTED

    @property
    def is_unjudged(self) -> bool:
        """Whether it was trained, and on all there was to judge it by."""
        return self.status == "ok" and self.score is None

    @property
    def is_repeat(self) -> bool:
        """Whether it has the verdict of another child, and is none of the budget."""
        return self.repeat_of is not None

    @property
    def is_explored(self) -> bool:
        """Whether it was judged to be found: neither a repeat, nor trained again to be sure."""
        return self.repeat_of is None and self.confirms is None


@checked_dataclass(frozen=True, config=STRICT)
class Proposed:
    """A round's children, before they are trained.

    Attributes:
        replica: The controller replica that proposed them.
        round: The replica's own round, from 0.
        run: The run that proposed.
        depth: The depth of the space in this round; 0 where each child has one of its own.
        versions: The version of each parameter shard at which they were sampled.
        children: In order of their index.
        created_s: Seconds since 1970.
        num_before: Children of the replica's earlier rounds that are no repeats.
        idle_before: Rounds in a row before this one that had nothing but repeats.
    """

    replica: Count
    round: Count
    run: str
    depth: Count
    versions: tuple[Count, ...]
    children: tuple[Child, ...]
    created_s: Seconds
    num_before: Count = 0
    idle_before: Count = 0


@checked_dataclass(frozen=True, config=STRICT)
class KnownRound:
    """Known architectures that are the first children of a round.

    Attributes:
        depth: Of the space in this round: that of all of them.
        architectures: In the order of the children's indices.
    """

    depth: Count
    architectures: tuple[Architecture, ...]


@checked_dataclass(frozen=True, config=STRICT)
class Start:
    """Known architectures that a search begins with; written once, before its first round.

    Attributes:
        rounds: Of all replicas: those numbered 0 have the first of them, in order, and so on.
        created_s: Seconds since 1970.
    """

    rounds: tuple[KnownRound, ...]
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class Again:
    """A child that is to be trained again, and the how many-th training besides its own that is."""

    child: str
    training: Count


@checked_dataclass(frozen=True, config=STRICT)
class Confirmation:
    """Nothing more is explored: which children are trained again, and who does it.

    Attributes:
        replica: Who, in rounds of its own.
        run: The run that settled it.
        numbers: The open round of every replica then; the first of those rounds is this replica's.
        networks: How many of the best were to be trained again ...
        trainings: ... and how often each.
        children: What was missing of that, in the order of the rounds.
        created_s: Seconds since 1970.
    """

    replica: Count
    run: str
    numbers: tuple[Count, ...]
    networks: Count
    trainings: Count
    children: tuple[Again, ...]
    created_s: Seconds

    @property
    def round(self) -> int:
        """The replica's first round of these children."""
        return self.numbers[self.replica]

    @property
    def asked(self) -> tuple[int, int]:
        """How many of the best were to be trained again, and how often each."""
        return self.networks, self.trainings

    def num_rounds(self, size: int) -> int:
        """Return how many rounds that takes of so many children each."""
        return -(-len(self.children) // size)


@checked_dataclass(frozen=True, config=STRICT)
class First:
    """Which child an architecture was first judged by."""

    child: str


@checked_dataclass(frozen=True, config=STRICT)
class Rewarded:
    """A round's results.

    Attributes:
        replica: The controller replica.
        round: Its round, from 0.
        run: The run that collected them.
        rows: In the order of the round's children.
        best: The replica's best children of all rounds so far, best first.
        created_s: Seconds since 1970.
    """

    replica: Count
    round: Count
    run: str
    rows: tuple[ChildRow, ...]
    best: tuple[ChildRow, ...]
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class Learned:
    """What the controller made of a round.

    Attributes:
        replica: The controller replica.
        round: Its round, from 0.
        run: The run that learned.
        versions: The version each parameter shard got by this round's push.
        staleness: For each shard, versions by others between pull and push (0 with one replica).
        metrics: What the step of learning came to, by name: as the controller has it, such as the
            mean reward of the counted children, the policy's entropy in nats, a baseline.
        created_s: Seconds since 1970.
        conflicts: Races that the push lost against others', over all shards; each was run again.
    """

    replica: Count
    round: Count
    run: str
    versions: tuple[Count, ...]
    staleness: tuple[Count, ...]
    metrics: dict[str, float]
    created_s: Seconds
    conflicts: Count = 0


@checked_dataclass(frozen=True, config=STRICT)
class Metric:
    """What a network came to by another measure than that of its task's score.

    Attributes:
        name: Such as `BLEU`.
        value: The higher the better, unless everybody knows it otherwise.
        how: How exactly it was taken, so that it can be compared: a signature, or nothing.
    """

    name: str
    value: float
    how: str = ""


@checked_dataclass(frozen=True, config=STRICT)
class Sample:
    """What a network made of an example of the test set.

    Attributes:
        given: The example.
        found: What the network made of it.
        wanted: What would have been right.
    """

    given: str
    found: str
    wanted: str


@checked_dataclass(frozen=True, config=STRICT)
class Mistake:
    """An example of the test set that a network took for another class, and was sure of it.

    Attributes:
        true: Its class, by its index.
        found: What the network took it for.
        confidence: The probability that it gave to that.
        picture: What the network saw.
    """

    true: Count
    found: Count
    confidence: Annotated[float, Field(ge=0, le=1)]
    picture: SmallPicture


@checked_dataclass(frozen=True, config=STRICT)
class LabelMistake:
    """An example of the test set that has a label which the network was sure it has not, or not.

    Attributes:
        label: Which label, by its index.
        is_there: Whether it has it.
        confidence: The probability that the network gave to the contrary.
        picture: What the network saw.
    """

    label: Count
    is_there: bool
    confidence: Annotated[float, Field(ge=0, le=1)]
    picture: SmallPicture


@checked_dataclass(frozen=True, config=STRICT)
class NumberMistake:
    """An example of the test set whose number a network told far from what it is.

    Attributes:
        true: Its number.
        found: What the network told.
        picture: What the network saw.
    """

    true: float
    found: float
    picture: SmallPicture


AnyMistake = Mistake | LabelMistake | NumberMistake


@checked_dataclass(frozen=True, config=STRICT)
class LabelReading:
    """How well a network tells one label of the test set, of which an example may have several.

    Attributes:
        num: Examples that have it.
        num_told: Those of which it was told.
        num_right: Those of which it was told rightly.
        average_precision: Over all thresholds; None where no example has it.
    """

    num: Count
    num_told: Count
    num_right: Count
    average_precision: Annotated[float, Field(ge=0, le=1)] | None


@checked_dataclass(frozen=True, config=STRICT)
class TestReading:
    """What a network came to on the test set, read once.

    Attributes:
        child: Whose network it is.
        score: As the task measures it.
        num_examples: Of the test set.
        created_s: Seconds since 1970.
        confusion: Which classes were taken for which; empty where nothing is classified.
        metrics: By other measures.
        samples: What became of some examples, where people can read that.
        mistakes: Those of which the network was most sure, or the largest, where people can see
            that.
        labels: How well each label is told, where an example may have several.
        numbers: Some examples' numbers, and what was told, where that is a number.
    """

    __test__ = False  # for pytest, which takes the name for a class of tests

    child: str
    score: float
    num_examples: Count
    created_s: Seconds
    confusion: Confusion = ()
    metrics: tuple[Metric, ...] = ()
    samples: tuple[Sample, ...] = ()
    mistakes: tuple[AnyMistake, ...] = ()
    labels: tuple[LabelReading, ...] = ()
    numbers: tuple[tuple[float, float], ...] = ()


@checked_dataclass(frozen=True, config=STRICT)
class Speed:
    """How long a child's network takes for an image, word or sentence, as graphs, on one thread.

    Attributes:
        child: The child.
        milliseconds: The median of some runs, one image, word or sentence each.
        num_runs: How many.
        processor: The model of the machine's processor.
        runtime: What ran the graph, such as `onnxruntime 1.23.0`.
        created_s: Seconds since 1970.
    """

    child: str
    milliseconds: Annotated[float, Field(ge=0)]
    num_runs: Count
    processor: str
    runtime: str
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class SharedEpoch:
    """What one epoch of shared-weight training, and the controller steps after it, came to.

    Attributes:
        epoch: Counted from 1.
        run: The run that trained it.
        train_loss: Mean over examples, each mini-batch with its own architecture.
        learning_rate: Of the shared weights in this epoch.
        num_steps: Mini-batches.
        num_evaluations: Architectures that the controller was rewarded for; 0 while it does not
            learn, in random search and in the first `controller_after` epochs.
        mean_score: Their mean score on a validation mini-batch each, of those that do not overflow.
            While the controller does not learn, of as many architectures as one of its steps takes.
        metrics: What the controller's last step came to, by name, as `Learned` has it; the mean
            reward is over all its steps in this epoch. Empty while it does not learn.
        seconds: Of training.
        controller_seconds: Of controller steps.
        created_s: Seconds since 1970.
    """

    epoch: Count
    run: str
    train_loss: float
    learning_rate: float
    num_steps: Count
    num_evaluations: Count
    mean_score: float
    metrics: dict[str, float]
    seconds: Seconds
    controller_seconds: Seconds
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class SharedScore:
    """An architecture, judged with shared weights on all validation data.

    Attributes:
        architecture: The architecture.
        score: As the task measures it, in the search's own `batch_norm` mode.
        running_score: The same with BatchNorm's running averages over all architectures; None where
            there is no BatchNorm, or it was not asked for.
    """

    architecture: Architecture
    score: float
    running_score: float | None = None


@checked_dataclass(frozen=True, config=STRICT)
class Derived:
    """What was derived from shared weights; the children are those of replica 0's round 0.

    Attributes:
        run: The run that derived.
        kept: The best of all samples, best first: children 0, 1, ...
        probes: Drawn uniformly: the children after those.
        scores: Of every sample, in the order in which they were drawn.
        seconds: What scoring took.
        created_s: Seconds since 1970.
    """

    run: str
    kept: tuple[SharedScore, ...]
    probes: tuple[SharedScore, ...]
    scores: tuple[float, ...]
    seconds: Seconds
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class FinalTraining:
    """A search has a final training: a search of its own, within it.

    Attributes:
        key: Of its folder, 8 hexadecimal digits of its identity.
        is_of_references: Whether known networks are trained there, and not the search's own.
        created_s: Seconds since 1970.
    """

    key: str
    is_of_references: bool
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class Problem:
    """What a step of a run could not do, in one sentence."""

    run: str
    step: str
    message: str
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class RunPlan:
    """What a run on Kubeflow set out to do, once it had its replica's lease.

    Attributes:
        run: The run.
        replica: The controller replica that it works on.
        num_ticks: Rounds that it may do; with shared weights, stretches of their training.
        num_done: Rounds that were learned from before it, or epochs of shared weights.
        created_s: Seconds since 1970.
    """

    run: str
    replica: Count
    num_ticks: Count
    num_done: Count
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class StepBegun:
    """A pod began a step of a run; deleted at its end, so what is left ended without a word.

    Attributes:
        run: The run.
        step: The step.
        subject: The child it works on, `r000-000017-03`, or the round, `r000-000017`; empty where
            it is neither.
        pod: Its name.
        created_s: Seconds since 1970.
    """

    run: str
    step: str
    subject: str
    pod: str
    created_s: Seconds


T = TypeVar("T")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(value: object) -> bytes:
    """Return the JSON form of a record: its fields, and before them a checksum over their text."""
    kind: Any = type(value)
    fields = _adapter(kind).dump_json(value)[1:]
    comma = b"" if fields == b"}" else b","
    return _checksum(fields) + comma + fields


def from_json(kind: type[T], data: bytes, *, key: str) -> T:
    """Return the record that `to_json` wrote.

    Args:
        kind: The record's class.
        data: The JSON text.
        key: Where it lay in the store, for the error.

    Raises:
        CorruptStateError: The text is truncated, changed, or not of this kind.
    """
    fields = data[_CHECKSUM_SIZE:].removeprefix(b",")
    if data[:_CHECKSUM_SIZE] != _checksum(fields):
        raise CorruptStateError(
            f"stored object {key} is damaged: expected a {kind.__name__} whose text begins with "
            f"{_checksum(fields).decode()}, got {len(data)} bytes that begin with "
            f"{data[:_CHECKSUM_SIZE].decode(errors='replace')}"
        )
    try:
        record: T = _adapter(cast(Any, kind)).validate_json(b"{" + fields)
    except ValidationError as err:
        raise CorruptStateError(
            f"stored object {key} is whole, but no {kind.__name__} as this release reads it: "
            f"{first_error(err)}"
        ) from err
    return record


def first_error(err: ValidationError) -> str:
    """Return where the first thing is that is wrong with a stored value, and what."""
    first = err.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the object"
    return one_line(f"{where}: {first['msg']}", 300)


def _checksum(fields: bytes) -> bytes:
    """Return how a record with these fields begins: a changed digit would still be JSON."""
    return b'{"crc32":"%08x"' % zlib.crc32(fields)


_CHECKSUM_SIZE = len(_checksum(b""))
