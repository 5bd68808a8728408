"""The steps as pods run them: what Kubeflow's components call.

A step that fails notes its sentence in the search, which Kubeflow's own pages would not show, and
ends with that sentence as its last line. Nothing else is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from nas_lib import steps
from nas_lib.config_file import resolve_config
from nas_lib.data import Manifest, TextManifest
from nas_lib.engine import (
    Listener,
    default_workers,
    train_one,
    train_round,
    worker_processes,
)
from nas_lib.errors import ConfigError, NasError
from nas_lib.records import ChildResult, Learned, SharedEpoch
from nas_lib.report import (
    SearchView,
    derivation_lines,
    epoch_text,
    headline,
    problem_page,
    run_sentence,
    search_page,
    winner,
    winner_lines,
)
from nas_lib.report.measure import measure_of
from nas_lib.report.wording import reading_name, reading_text
from nas_lib.steps import OpenSearch, Plan, RoundSummary
from nas_lib.store import SearchStore, lease


def prepare_data(
    search_uri: str, *, preset: str, overrides: Mapping[str, Any], run: str
) -> Manifest | None:
    """Create the search from a preset and overrides, or continue it; see `steps.prepare_data`."""
    with noted(search_uri, "prepare_data", run):
        store = SearchStore.open(search_uri)
        stored = store.config() if store.find_search() else None
        config = resolve_config(preset, overrides, stored=stored)
        if config is not None and stored is None and not steps.has_data(config):
            raise ConfigError(
                f"nothing lies at task.data.path in this pod ({config.task.data.path}): if it lies "  # type: ignore[union-attr]
                "on your own machine, store it from there with `nas prepare`"
            )
        return steps.prepare_data(search_uri, config=config)


def plan_rounds(search_uri: str, *, replica: int, rounds_per_run: int, run: str) -> Plan:
    """Take the lease, and say which rounds are to be done; see `steps.plan_rounds`."""
    with noted(search_uri, "plan_rounds", run):
        plan = steps.plan_rounds(
            search_uri, replica=replica, run=run, rounds_per_run=rounds_per_run
        )
        if plan.holder:
            sentence = f"{plan.holder} is working on replica {replica}: nothing is done here"
            SearchStore.open(search_uri).note_problem(run=run, step="plan_rounds", message=sentence)
            print(sentence)
        return plan


@dataclass(frozen=True)
class SharedTick:
    """What a pod did for shared weights.

    Attributes:
        last_epoch: What the last epoch that it trained came to, None where all were done before.
        may_derive: Whether this run is to derive architectures now.
    """

    last_epoch: SharedEpoch | None
    may_derive: bool


def train_shared_weights(search_uri: str, *, run: str) -> SharedTick:
    """Train shared weights for one tick; see `steps.train_shared_weights`."""
    with noted(search_uri, "train_shared_weights", run):
        search = OpenSearch(search_uri)
        epochs: list[SharedEpoch] = []

        def note(metrics: SharedEpoch) -> None:
            print(epoch_text(metrics, measure_of(search.config)), flush=True)
            epochs.append(metrics)

        shared = search.config.shared
        minutes = None if shared is None else shared.tick_minutes
        steps.train_shared_weights(search, run=run, minutes=minutes, on_epoch=note)
        return SharedTick(epochs[-1] if epochs else None, steps.may_derive(search, run=run))


def derive_architectures(search_uri: str, *, run: str) -> list[str]:
    """Choose what is trained from scratch; see `steps.derive_architectures`."""
    with noted(search_uri, "derive_architectures", run):
        return steps.derive_architectures(search_uri, run=run)


def task_resources(
    search_uri: str, *, run: str
) -> tuple[str, str, str, str, dict[str, str], list[Any]]:
    """Return what children's pods may use: CPUs, memory, type and number of GPUs, and where."""
    with noted(search_uri, "plan_rounds", run):
        resources = SearchStore.open(search_uri).config().resources
    return (
        resources.cpu,
        resources.memory,
        resources.gpu_type,
        str(resources.gpu_count),
        dict(resources.node_selector),
        [dict(toleration) for toleration in resources.tolerations],
    )


def sample_architectures(search_uri: str, *, replica: int, run: str) -> list[str]:
    """Return the children to train in this tick; see `steps.sample_architectures`."""
    with noted(search_uri, "sample_architectures", run):
        return steps.sample_architectures(search_uri, replica=replica, run=run)


def train_child(search_uri: str, *, child: str, run: str, shows_life: bool = True) -> float:
    """Train a child in a process of its own and return its reward, whatever becomes of it."""
    with noted(search_uri, "train_child", run):
        search = OpenSearch(search_uri)
        with worker_processes(search, run, Log(), num=1) as trainer:
            return train_one(search, child, run=run, trainer=trainer, shows_life=shows_life)


def train_children(search_uri: str, *, children: Sequence[str], run: str) -> list[float]:
    """Train children of one round in this pod, as many at once as it has GPUs, or else CPUs."""
    with noted(search_uri, "train_children", run):
        search = OpenSearch(search_uri)
        workers = min(default_workers(search.config), len(children))  # they share the memory
        with worker_processes(search, run, Log(), num=workers) as trainer:
            return train_round(search, children, run=run, trainer=trainer)


def aggregate_rewards(search_uri: str, *, children: Sequence[str], run: str) -> RoundSummary:
    """Collect the results of a round; see `steps.aggregate_rewards`."""
    with noted(search_uri, "aggregate_rewards", run):
        return steps.aggregate_rewards(search_uri, children=children, run=run)


def update_controller(search_uri: str, *, replica: int, round: int, run: str) -> Learned | None:
    """Learn from a round; see `steps.update_controller`."""
    with noted(search_uri, "update_controller", run):
        return steps.update_controller(search_uri, replica=replica, round=round, run=run)


@dataclass(frozen=True)
class Report:
    """What a run leaves for people to read.

    Attributes:
        page: A self-contained HTML page.
        text: The same in a few lines.
        metrics: The best score, the winner's test accuracy or perplexity, and the number of
            children, as far as there are.
    """

    page: str
    text: str
    metrics: dict[str, float]


def write_report(search_uri: str, *, replica: int, run: str) -> Report:
    """Write the report and let go of the lease; see `steps.write_report`.

    Where there is no search because its preparation failed, the report says why.
    """
    with noted(search_uri, "write_report", run):
        store = SearchStore.open(search_uri)
        if store.find_search() is None:
            problems = store.problems()
            text = problems[-1].message if problems else "nothing was begun"
            return Report(problem_page(search_uri, problems), text, {})
        lease.release(store, replica, run)
        view = steps.write_report(search_uri, run=run)
        return Report(search_page(view), _text(view), _view_metrics(view))


def prepared_text(search_uri: str, prepared: Manifest | None) -> str:
    """Return what was prepared, as Markdown."""
    if prepared is None:
        return f"{search_uri} evaluates architectures by its own function: no data from us."
    if isinstance(prepared, TextManifest):
        return (
            f"{prepared.source}: {prepared.num_train} training, {prepared.num_valid} validation "
            f"and {prepared.num_test} test words, {prepared.num_words} different ones, "
            f"stored in {search_uri}"
        )
    channels, height, width = prepared.image_shape
    return (
        f"{prepared.source}: {prepared.num_train} training, {prepared.num_valid} validation and "
        f"{prepared.num_test} test images of {height}x{width}x{channels} "
        f"in {prepared.num_classes} classes, stored in {search_uri}"
    )


def round_metrics(summary: RoundSummary) -> dict[str, float]:
    """Return a round's numbers for Kubeflow's metrics."""
    metrics = {"round": float(summary.round), "missing results": float(summary.num_missing)}
    if summary.rewarded is not None:
        rewards = [row.reward for row in summary.rewarded.rows if row.counts]
        best = [row.score for row in summary.rewarded.best if row.score is not None]
        metrics |= {"best reward of the round": max(rewards)} if rewards else {}
        metrics |= {"best score so far": best[0]} if best else {}
    return metrics


def tick_metrics(tick: SharedTick) -> dict[str, float]:
    """Return what a pod made of shared weights, for Kubeflow's metrics."""
    last = tick.last_epoch
    if last is None:
        return {}
    values = {
        "epoch": float(last.epoch),
        "train loss": last.train_loss,
        "mean score": last.mean_score,
        "mean reward": last.mean_reward,
        "entropy": last.entropy,
    }
    return {name: value for name, value in values.items() if value is not None}


def learned_metrics(learned: Learned | None) -> dict[str, float]:
    """Return what the controller made of a round, for Kubeflow's metrics."""
    if learned is None:
        return {"learned": 0.0}
    values = {
        "mean reward": learned.mean_reward,
        "baseline": learned.baseline,
        "entropy": learned.entropy,
        "staleness": float(max(learned.staleness)),
    }
    return {"learned": 1.0, **{name: x for name, x in values.items() if x is not None}}


def _text(view: SearchView) -> str:
    lines = [headline(view), run_sentence(view)]
    lines += [*derivation_lines(view), *winner_lines(view)]
    lines += [
        f"{reading_name(each).capitalize()} of {each.child}: {reading_text(each)}"
        for each in view.test
    ]
    lines += [f"{each.step}: {each.message}" for each in view.problems if each.run == view.run]
    return "\n\n".join(lines)


def _view_metrics(view: SearchView) -> dict[str, float]:
    metrics = {"children": float(len(view.rows))}
    best = winner(view.rows)
    if best is not None and best.score is not None:
        metrics["best score"] = best.score
    for reading in view.test[-1:]:
        value = reading.accuracy if reading.perplexity is None else reading.perplexity
        metrics |= {} if value is None else {reading_name(reading): value}
    return metrics


class Log(Listener):
    """Says in the pod's log what becomes of children."""

    def ended(self, result: ChildResult) -> None:
        """Print it."""
        print(f"{result.id}: {result.status}, reward {result.reward:.4f}", flush=True)

    def failed(self, child: str, message: str) -> None:
        """Print it."""
        print(f"{child} failed: {message}", flush=True)

    def waiting(self, child: str, message: str) -> None:
        """Print it."""
        print(f"{child} waits: {message}", flush=True)


@contextmanager
def noted(search_uri: str, step: str, run: str) -> Iterator[None]:
    """End the process with one sentence where a step fails, noted in the search if possible.

    What nobody foresaw is noted too, and keeps its traceback.
    """
    try:
        yield
    except NasError as err:
        _note(search_uri, step, run, str(err))
        raise SystemExit(f"nas: {err}") from None
    except Exception as err:
        _note(search_uri, step, run, f"{type(err).__name__}: {err}")
        raise


def _note(search_uri: str, step: str, run: str, message: str) -> None:
    with suppress(NasError):  # the store itself may be what is wrong
        SearchStore.open(search_uri).note_problem(run=run, step=step, message=message)
