"""A search by shared weights in the terminal, and the same facts as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nas_lib.report.correlation import Correlation
from nas_lib.report.derivation import Agreement, Derivation, DerivedRow, derivation
from nas_lib.report.shared_course import shared_course
from nas_lib.report.view import SearchView
from nas_lib.report.wording import NONE, duration_text

if TYPE_CHECKING:
    from rich.table import Table


def epochs_table(view: SearchView, top: int, *, caption: str) -> Table:
    """Return the latest epochs as a table for the terminal, the last one at the bottom."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    names = ("Epoch", "Rate", "Loss", view.measure.short, "Reward", "Entropy", "Training", "Steps")
    table = Table(
        *(Column(name, justify="right", no_wrap=True) for name in names),
        caption=Text(caption),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for each in view.shared_epochs[-top:] if top > 0 else ():
        table.add_row(
            str(each.epoch),
            f"{each.learning_rate:.4g}",
            f"{each.train_loss:.4f}",
            view.measure.text(each.mean_score),
            _number(each.mean_reward, 4),
            _number(each.entropy, 2),
            duration_text(each.seconds),
            duration_text(each.controller_seconds),
        )
    return table


def shared_json(view: SearchView) -> dict[str, Any] | None:
    """Return what shared weights took and told as plain data, None for a search without them."""
    course, derived = shared_course(view), derivation(view)
    if course is None:
        return None
    return {
        **asdict(course),
        "num_judged": course.num_judged,
        "derived": None if derived is None else _derivation(derived),
    }


def _derivation(derived: Derivation) -> dict[str, Any]:
    kept, probes = derived.kept_sample, derived.probe_sample
    return {
        "best_shared_score": derived.rows[0].shared_score,
        "tau": _agreement(derived.all),
        "tau_of_probes": _agreement(derived.probes),
        "kept": None if kept is None else asdict(kept),
        "probes": None if probes is None else asdict(probes),
        "kept_wins": derived.kept_wins,
        "networks": [_row(row) for row in derived.rows],
    }


def _agreement(agreement: Agreement) -> dict[str, Any]:
    return {
        "own": _correlation(agreement.own),
        "running": None if agreement.running is None else _correlation(agreement.running),
    }


def _correlation(correlation: Correlation) -> dict[str, Any]:
    return {
        **asdict(correlation),
        "standard_error": correlation.standard_error,
        "is_distinguishable": correlation.is_distinguishable,
    }


def _row(row: DerivedRow) -> dict[str, Any]:
    return {
        "child": row.child,
        "probe": row.is_probe,
        "shared_score": row.shared_score,
        "shared_rank": row.shared_rank,
        "running_score": row.running_score,
        "running_rank": row.running_rank,
        "status": row.trained and row.trained.status,
        "score": row.trained_score,
        "rank": row.trained_rank,
        "architecture_id": row.architecture.id,
        "config": row.architecture.config,
    }


def _number(value: float | None, decimals: int) -> str:
    return NONE if value is None else f"{value:.{decimals}f}"
