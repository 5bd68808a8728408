"""What one group of searches found, held against what another did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nas_lib.results.groups import Entry, Mean, grouped
from nas_lib.results.measure import Measure


@dataclass(frozen=True)
class Difference:
    """What one group found, minus what its base found.

    Attributes:
        label: What it is called.
        group: The label of the group.
        means: Of figures.
        curves: Of their curves, at each checkpoint.
        reached: By figure, the first checkpoint at which the group's mean was as good as its base's
            at the end of the budget; None where it never was. Without those that the base has not.
    """

    label: str
    group: str
    means: dict[str, Mean]
    curves: dict[str, tuple[Mean, ...]]
    reached: dict[str, int | None]


def differences(
    members: Mapping[str, Sequence[Entry]],
    base: str,
    results: Sequence[str],
    *,
    checkpoints: Sequence[int],
    measure: Measure,
) -> Iterator[Difference]:
    """Yield that of each other group from its base.

    Args:
        members: The searches of each group, by its label.
        base: The label of the one that others are measured by.
        results: Which figures tell what was found.
        checkpoints: Where along the budget curves are read.
        measure: What the scores are.
    """
    for label, other in members.items():
        if label != base:
            yield Difference(
                f"{label} minus {base}",
                group=label,
                means=_mean_differences(other, members[base], results),
                curves=_curve_differences(other, members[base], results),
                reached={
                    name: _reached(curve, end, checkpoints, measure)
                    for name, curve, end in _ends(other, members[base], results)
                },
            )


def _mean_differences(
    other: Sequence[Entry], base: Sequence[Entry], results: Sequence[str]
) -> dict[str, Mean]:
    return {
        name: _difference(
            [(each.seed, each.values[name]) for each in other],
            [(each.seed, each.values[name]) for each in base],
        )
        for name in results
    }


def _curve_differences(
    other: Sequence[Entry], base: Sequence[Entry], results: Sequence[str]
) -> dict[str, tuple[Mean, ...]]:
    return {
        name: tuple(
            _difference(
                [(each.seed, each.curves[name][place]) for each in other],
                [(each.seed, each.curves[name][place]) for each in base],
            )
            for place in range(len(curve))
        )
        for name, curve in other[0].curves.items()
        if name in results
    }


def _ends(
    other: Sequence[Entry], base: Sequence[Entry], results: Sequence[str]
) -> Iterator[tuple[str, Sequence[Mean], float]]:
    """Yield the curves of a group, each with what its base came to in the end."""
    curves = grouped("", other).curves
    for name, curve in grouped("", base).curves.items():
        end = curve[-1].value if curve else None
        if name in results and end is not None:
            yield name, curves[name], end


def _reached(
    curve: Sequence[Mean], end: float, checkpoints: Sequence[int], measure: Measure
) -> int | None:
    """Return where along the budget a curve is first as good as that."""
    for mark, mean in zip(checkpoints, curve, strict=True):
        if mean.value is not None and not measure.is_better(end, mean.value):
            return mark
    return None


def _difference(
    other: Sequence[tuple[int, float | None]], base: Sequence[tuple[int, float | None]]
) -> Mean:
    """Return the mean difference, of pairs of a seed and a value each.

    Where both have the same seeds it is taken seed by seed: the mean of d_i = x_i - y_i, with the
    error s_d / sqrt(n). Searches of one seed have the same data and split, so that x_i and y_i rise
    and fall together and d_i varies less than either. Elsewhere the means are independent.
    """
    mine, theirs = dict(other), dict(base)
    if mine.keys() != theirs.keys() or len(mine) != len(other) or len(theirs) != len(base):
        return Mean.of([value for _, value in other]) - Mean.of([value for _, value in base])
    return Mean.of([_minus(mine[seed], theirs[seed]) for seed in mine])


def _minus(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
