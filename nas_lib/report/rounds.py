"""Reports of a search in rounds: children, and what the controller learned from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import TYPE_CHECKING, Any, cast

from markupsafe import Markup

from nas_lib.architecture import Architecture
from nas_lib.config import RoundsConfig
from nas_lib.errors import plural
from nas_lib.records import ChildRow
from nas_lib.report.charts import Point, Series, line_chart
from nas_lib.report.children import best_children
from nas_lib.report.confirmation import confirmation_lines
from nas_lib.report.formatting import rate_text
from nas_lib.report.learning import metric_charts
from nas_lib.report.markup import Figure, chart_figure, join
from nas_lib.report.replicas import page_replicas, replicas_line, terminal_replicas
from nas_lib.report.reporter import ComparisonStyle, Reporter
from nas_lib.report.succession import succession_json, succession_lines
from nas_lib.results import TOPS, SearchView, Staleness, replica_summaries
from nas_lib.results.ranking import (
    best_so_far,
    by_time,
    mean_by_round,
    metrics_by_round,
    repeated_architectures,
    scores,
    top_k_mean,
)
from nas_lib.results.throughput import (
    children_per_hour,
    judged_per_round,
    rounds_left,
    rounds_left_s,
    updates_per_s,
    updates_per_s_over_time,
)

if TYPE_CHECKING:
    from rich.table import Table

_CHILDREN = "children counted so far"
_MAX_REPLICAS = 25  # that are not folded away


def _budget_text(budget: int) -> str:
    if not budget:
        return "Nothing can be compared before every search has a counted child."
    return (
        "Top k: the mean of the best k scores among each search's first "
        f"{plural(budget, 'counted child', 'counted children')}."
    )


class RoundsReporter(Reporter):
    """What reports say of a search in rounds."""

    template = "rounds.html"
    comparison = ComparisonStyle(
        template="compare_rounds.html",
        budget=_budget_text,
        unit="children",
        x_label=_CHILDREN,
        charts={
            f"top_{k}": ("Best so far" if k == 1 else f"Mean of the best {k}", "") for k in TOPS
        },
    )

    def __init__(self, view: SearchView) -> None:
        super().__init__(view)
        self._search = cast(RoundsConfig, view.config.search)  # a reporter is chosen by its kind
        self._pace = updates_per_s(view.learned)  # of all replicas together
        self._a_round = judged_per_round(view, self._search)
        self._staleness = Staleness.of(view.learned)

    def work_of_run(self, run: str) -> str:
        """Say how many rounds it learned from."""
        num_learned = sum(learned.run == run for learned in self.view.learned)
        return f"learned from {plural(num_learned, 'round')}"

    def pace_line(self) -> str:
        """Return throughput and staleness."""
        if self._pace is None or self._staleness is None:
            return "Throughput: not known before a run's second round."
        children = rate_text(children_per_hour(self._pace, self._a_round))
        stale = self._staleness
        return (
            f"Throughput: {children} children/h ({rate_text(60 * self._pace)} updates/min). "
            f"Staleness: mean {stale.mean:.1f}, max {stale.max:,}; "
            f"{plural(stale.conflicts, 'lost race')}."
        )

    def headline_parts(self) -> Iterator[str]:
        """Yield how many children there are, and why there are no more where that is so."""
        yield from super().headline_parts()
        if self.view.ended_early:
            yield self.view.ended_early

    def findings(self) -> Iterator[str]:
        """Yield whether the best is a known one, and what training the best again has changed."""
        yield from self._of_known()
        yield from confirmation_lines(self.view)
        yield from succession_lines(self.view)

    def _of_known(self) -> Iterator[str]:
        best, num = self.view.best, len(self.view.known)
        if num and best is not None:
            which = "one of them" if best.first.id in self.view.known else "a new one"
            yield f"{plural(num, 'known architecture')} came first; the best child is {which}."

    def tables(self, top: int) -> Iterator[Table]:
        """Yield the replicas where there are several, and the best children."""
        if self._search.replicas > 1:
            yield self.replicas()
        yield from super().tables(top)

    def replicas(self) -> Table:
        """Return where each replica stands."""
        return terminal_replicas(replica_summaries(self.view, self._search), self._search.rounds)

    def key_figures(self) -> Iterator[Figure]:
        """Yield rounds and throughput."""
        search = self._search
        reuses = search.repeats == "reuse"
        note = f"of {search.rounds * search.replicas:,}{' or more' if reuses else ''}, "
        note += f"{search.children_per_round} children each"
        if search.replicas > 1:
            note += f", {search.replicas} replicas"
        yield Figure("Rounds learned", f"{len(self.view.learned):,}", note)
        if self._pace is not None:
            value = rate_text(children_per_hour(self._pace, self._a_round))
            updates = f"{rate_text(60 * self._pace)} updates per minute"
            yield Figure("Children per hour", value, updates)

    def page_parts(self) -> dict[str, Any]:
        """Return the charts, the replicas and the best children."""
        view, summaries = self.view, replica_summaries(self.view, self._search)
        has_counted = any(row.counts for row in view.rows)
        return {
            "search": self._search,
            "charts": self._charts() if has_counted else "",
            "repeats": " ".join([_repeats(view), *self._of_known()]),
            "confirmation": " ".join(confirmation_lines(view)),
            "replicas": page_replicas(summaries),
            "replicas_line": replicas_line(summaries, self._search.rounds),
            "pace_line": self.pace_line(),
            "fold_replicas": len(summaries) > _MAX_REPLICAS,
            "best_children": best_children(view),
        }

    def time_left_s(self) -> float | None:
        """Return what the rounds left will take."""
        return rounds_left_s(self.view.learned, rounds_left(self.view, self._search))

    def summary(self) -> dict[str, Any]:
        """Return rounds, pace and staleness."""
        pace = self._pace
        return {
            "rounds_learned": len(self.view.learned),
            "known_children": sorted(self.view.known),
            "children_per_hour": None if pace is None else children_per_hour(pace, self._a_round),
            "updates_per_minute": None if pace is None else 60 * pace,
            "staleness": None if self._staleness is None else asdict(self._staleness),
            **succession_json(self.view),
        }

    def details(self) -> dict[str, Any]:
        """Return every replica."""
        summaries = replica_summaries(self.view, self._search)
        return {"replicas": [asdict(each) for each in summaries]}

    def _charts(self) -> Markup:
        """Return the charts that have something to show."""
        rows = by_time(self.view.rows)
        return join(
            _scores(self.view, rows),
            _tops(self.view, rows),
            metric_charts(metrics_by_round(self.view.learned), x_label="round"),
            self._staleness_chart(),
            self._throughput_chart(),
            _depth(self.view, rows),
        )

    def _staleness_chart(self) -> Markup:
        if self._search.replicas == 1:
            return Markup()
        values = ((entry.round, fmean(entry.staleness)) for entry in self.view.learned)
        line = Series("mean of shards", mean_by_round(values))
        chart = line_chart([line], x_label="round", y_label="updates")
        explanation = "Updates by other replicas between a replica's reading and its own update."
        return chart_figure("Staleness", explanation, chart)

    def _throughput_chart(self) -> Markup:
        search = self._search
        points = [
            (number, None if pace is None else children_per_hour(pace, self._a_round))
            for number, pace in updates_per_s_over_time(self.view.learned, replicas=search.replicas)
        ]
        line = Series("throughput", points)
        chart = line_chart([line], x_label="updates so far", y_label="children per hour")
        return chart_figure("Throughput", "Children per hour, without pauses between runs.", chart)


def _numbered(values: Iterable[float | None], *, scale: float = 1.0) -> list[Point]:
    """Return the points of a curve over the number of children, counted from 1."""
    return [
        (number, None if value is None else scale * value)
        for number, value in enumerate(values, start=1)
    ]


def _scores(view: SearchView, rows: Sequence[ChildRow]) -> Markup:
    measure = view.measure
    best = best_so_far(rows, higher_is_better=measure.higher_is_better)
    chart = line_chart(
        [
            Series("best so far", _numbered(best, scale=measure.scale)),
            Series("a child", _numbered(scores(rows), scale=measure.scale), dots=True),
        ],
        x_label=_CHILDREN,
        y_label=measure.label,
    )
    return chart_figure("Children over time", "Each point is one trained network.", chart)


def _tops(view: SearchView, rows: Sequence[ChildRow]) -> Markup:
    measure = view.measure
    tops = {k: top_k_mean(rows, k, higher_is_better=measure.higher_is_better) for k in TOPS}
    series = [Series(f"top {k}", _numbered(top, scale=measure.scale)) for k, top in tops.items()]
    chart = line_chart(series, x_label=_CHILDREN, y_label=measure.label)
    explanation = "A good search finds many good networks, not one lucky one."
    return chart_figure("Mean of the best 1, 5 and 15", explanation, chart)


def _depth(view: SearchView, rows: Sequence[ChildRow]) -> Markup:
    """Return how many layers the children have, nothing where all have the same."""
    counted = [row.architecture for row in rows if row.counts and row.is_explored]
    # In every space the depth follows from the number of tokens, so one plan of each is enough.
    examples = {len(each.tokens): each for each in counted}
    layers = {length: _num_layers(view, each) for length, each in examples.items()}
    if len(set(layers.values())) < 2:
        return Markup()
    line = Series("layers", _numbered(layers[len(each.tokens)] for each in counted))
    chart = line_chart([line], x_label=_CHILDREN, y_label="layers")
    return chart_figure("Depth", "Layers of the proposed networks.", chart)


def _num_layers(view: SearchView, architecture: Architecture) -> int | None:
    plan = view.plan(architecture)
    return None if plan is None else plan.num_layers


def _repeats(view: SearchView) -> str:
    """Say how many architectures there were, and what became of those that came again."""
    repeated = repeated_architectures(view.judged)
    different = len(view.judged) - sum(repeated.values()) + len(repeated)
    parts = [f"{plural(different, 'different architecture')} tried"]
    if repeated:
        parts.append(f"{len(repeated):,} of them more than once")
    if view.num_repeats:
        again = plural(view.num_repeats, "proposal")
        parts.append(f"{again} of one that was judged before: its verdict counted again")
    return ", ".join(parts) + "."
