"""Agreement: whether shared weights rank architectures as training them from scratch does.

Two scores of the same things agree as far as they put them in the same order (Kendall's tau). What
was derived from shared weights has both: by them, and trained alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from statistics import fmean, stdev

from nas_lib.architecture import Architecture
from nas_lib.records import ChildId, ChildRow, SharedScore
from nas_lib.results.measure import Measure
from nas_lib.results.ranking import ranks, score_of, winner
from nas_lib.results.view import SearchView

FEW = 20
"""A correlation over fewer pairs than this says little: its standard error is above 0.16."""

_Z = 1.96  # of a normal variable's absolute value, one in twenty is larger


@dataclass(frozen=True)
class Correlation:
    """Kendall's tau of two scores.

    Attributes:
        num: How many things have both scores.
        tau: From -1, the reverse order, to 1, the same order; None where either score is the same
            for all of them.
    """

    num: int
    tau: float | None

    @classmethod
    def of(cls, xs: Sequence[float], ys: Sequence[float]) -> Correlation:
        """Return that of paired scores."""
        return cls(len(xs), kendall_tau(xs, ys))

    @property
    def standard_error(self) -> float | None:
        """Of tau where the scores have nothing to do with each other and no ties.

        Then every order is as likely as any other, and tau has the mean 0 and the variance
        2 (2 n + 5) / (9 n (n - 1)) (Kendall 1938). None for fewer than two things.
        """
        if self.num < 2:
            return None
        return math.sqrt(2 * (2 * self.num + 5) / (9 * self.num * (self.num - 1)))

    @property
    def is_few(self) -> bool:
        """Whether there are too few pairs for more than a hint."""
        return self.num < FEW

    @property
    def is_distinguishable(self) -> bool:
        """Whether so large a tau comes by chance less than one time in twenty."""
        error = self.standard_error
        return self.tau is not None and error is not None and abs(self.tau) > _Z * error


def kendall_tau(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Return Kendall's tau-b: pairs in the same order less those in the other, as a share.

    tau_b = sum sign(x_i - x_j) sign(y_i - y_j) / sqrt(untied_x untied_y) over the pairs i < j. A
    pair that is tied in x or y is in no order; tau-b divides by the geometric mean of the numbers
    of pairs that are untied in x and in y, so that -1 and 1 can be reached with ties too.

    Returns:
        A number in [-1, 1]; None where all of either are equal, or there are fewer than two.
    """
    surplus = untied_x = untied_y = 0
    for (x, y), (other_x, other_y) in combinations(zip(xs, ys, strict=True), 2):
        way_x, way_y = _sign(x, other_x), _sign(y, other_y)
        surplus += way_x * way_y
        untied_x += way_x != 0
        untied_y += way_y != 0
    if not untied_x or not untied_y:
        return None
    return surplus / math.sqrt(untied_x * untied_y)


def _sign(one: float, other: float) -> int:
    return (one > other) - (one < other)


@dataclass(frozen=True)
class DerivedRow:
    """One derived architecture. Ranks count from 1, the best; equal scores have equal ranks.

    Attributes:
        child: Id of the child that it became.
        architecture: The architecture.
        is_probe: Whether it was drawn uniformly, and not kept as one of the best samples.
        shared_score: With shared weights, in the search's own `batch_norm` mode.
        shared_rank: By that.
        running_score: The same with running averages, None where the search has no such thing.
        running_rank: By that.
        trained: What came of training it from scratch, None as long as nothing did.
        trained_rank: By the score of that, None where there is none.
    """

    child: str
    architecture: Architecture
    is_probe: bool
    shared_score: float
    shared_rank: int | None
    running_score: float | None
    running_rank: int | None
    trained: ChildRow | None
    trained_rank: int | None

    @property
    def trained_score(self) -> float | None:
        """From scratch, None where it was not trained to its end."""
        return None if self.trained is None else score_of(self.trained)


@dataclass(frozen=True)
class Agreement:
    """Whether shared weights rank architectures as training them from scratch does.

    Attributes:
        own: In the search's own `batch_norm` mode.
        running: With running averages, None where the search has no such thing.
    """

    own: Correlation
    running: Correlation | None


@dataclass(frozen=True)
class Sample:
    """From-scratch scores of one kind of architecture.

    Attributes:
        num: How many have one.
        best: The best of them.
        mean: Their mean.
        standard_error: Of the mean, None where there are fewer than two.
    """

    num: int
    best: float
    mean: float
    standard_error: float | None


@dataclass(frozen=True)
class Derivation:
    """All that was derived from shared weights.

    Attributes:
        rows: The kept ones, best first, and then the probes.
        all: Agreement over all of them.
        probes: Over the probes only: among the best few there is little range left to rank.
        kept_sample: From-scratch scores of the kept ones, None where there are none.
        probe_sample: Those of the probes.
        kept_wins: Share of pairs of a kept one and a probe in which the kept one is better, a tie
            counting half; None without a pair.
    """

    rows: tuple[DerivedRow, ...]
    all: Agreement
    probes: Agreement
    kept_sample: Sample | None
    probe_sample: Sample | None
    kept_wins: float | None


def derivation(view: SearchView) -> Derivation | None:
    """Return what was derived, None as long as nothing was."""
    derived = view.derived
    if derived is None:
        return None
    rows = _rows(view, derived.kept, derived.probes)
    kept = _trained_scores(row for row in rows if not row.is_probe)
    drawn = _trained_scores(row for row in rows if row.is_probe)
    return Derivation(
        rows=rows,
        all=_agreement(rows),
        probes=_agreement([row for row in rows if row.is_probe]),
        kept_sample=_sample(kept, view.measure),
        probe_sample=_sample(drawn, view.measure),
        kept_wins=_wins(kept, drawn, view.measure),
    )


def best_kept(view: SearchView) -> ChildRow | None:
    """Return the best network that is no probe, by training from scratch; None without one."""
    if view.derived is None:
        return None
    num_kept = len(view.derived.kept)
    return winner(row for row in view.rows if ChildId.parse(row.id).index < num_kept)


def _rows(
    view: SearchView, kept: Sequence[SharedScore], probes: Sequence[SharedScore]
) -> tuple[DerivedRow, ...]:
    judged = [*kept, *probes]
    ids = [str(ChildId(0, 0, index)) for index in range(len(judged))]
    by_id = {row.id: row for row in view.rows}
    trained = [by_id.get(each) for each in ids]
    columns = (
        [each.score for each in judged],
        [each.running_score for each in judged],
        [None if row is None else score_of(row) for row in trained],
    )
    higher = view.measure.higher_is_better
    of_shared, of_running, of_trained = (ranks(each, higher_is_better=higher) for each in columns)
    return tuple(
        DerivedRow(
            child=child,
            architecture=each.architecture,
            is_probe=index >= len(kept),
            shared_score=each.score,
            shared_rank=of_shared[index],
            running_score=each.running_score,
            running_rank=of_running[index],
            trained=trained[index],
            trained_rank=of_trained[index],
        )
        for index, (child, each) in enumerate(zip(ids, judged, strict=True))
    )


def _agreement(rows: Sequence[DerivedRow]) -> Agreement:
    has_running = any(row.running_score is not None for row in rows)
    return Agreement(
        own=_correlation((row.shared_score, row.trained_score) for row in rows),
        running=_correlation((row.running_score, row.trained_score) for row in rows)
        if has_running
        else None,
    )


def _correlation(pairs: Iterable[tuple[float | None, float | None]]) -> Correlation:
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    return Correlation.of([x for x, _ in known], [y for _, y in known])


def _trained_scores(rows: Iterable[DerivedRow]) -> list[float]:
    return [row.trained_score for row in rows if row.trained_score is not None]


def _sample(scores: Sequence[float], measure: Measure) -> Sample | None:
    if not scores:
        return None
    error = stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else None
    return Sample(len(scores), measure.best(scores), fmean(scores), error)


def _wins(kept: Sequence[float], drawn: Sequence[float], measure: Measure) -> float | None:
    """Return the share of pairs that the kept one wins: Mann and Whitney's U as a share.

    Unlike the best of each kind it does not grow with how many there are of one.
    """
    pairs = list(product(kept, drawn))
    if not pairs:
        return None
    return sum(measure.is_better(a, b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)
