"""What a pod hands to Kubeflow beside its outputs: metrics, Markdown and a page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nas_lib.config import ResourcesConfig
from nas_lib.data import Manifest
from nas_lib.errors import one_line
from nas_lib.models.opening import newest_model
from nas_lib.models.stored import StoredModel
from nas_lib.open_search import OpenSearch
from nas_lib.records import Confusion, Learned, Problem, SharedEpoch, TestReading
from nas_lib.report import (
    leaderboard_text,
    lost_run_lines,
    problem_page,
    search_page,
    summary_lines,
)
from nas_lib.report.model import model_lines
from nas_lib.results import SearchView
from nas_lib.results.confusion import matrix, most_confused
from nas_lib.results.rivals import found_by
from nas_lib.steps import RoundSummary
from nas_lib.store import SearchStore, layout

Metrics = dict[str, float]

_MOST_CLASSES = 40  # rows of a confusion matrix: 700 pixels of them at most, 15 each at least
_MOST_SHOWN = 8  # children, and problems: what is more is in the report
_ACTIVE = re.compile(r"[\\`*_\[\]<>&#|~]")  # in Markdown, and of HTML within it


def prepared_text(search: OpenSearch, prepared: Manifest | None) -> str:
    """Return what was prepared, as Markdown."""
    if prepared is None:
        own = f"{search.uri} evaluates architectures by its own function: no data from us."
        return _markdown([own])
    sentence = f"{search.task.describe(prepared)}, stored in {search.uri}"
    return _markdown([sentence, *prepared.notices])


def child_resources(
    resources: ResourcesConfig,
) -> tuple[str, str, str, str, dict[str, str], list[Any]]:
    """Return what children's pods may use: CPUs, memory, type and number of GPUs, and where.

    Without a GPU there is no type of it: a backend would make a limit of 0 of it, and Kubernetes
    has a pod with any limit of GPUs tolerate the taint that keeps others off their nodes.
    """
    return (
        resources.cpu,
        resources.memory,
        resources.gpu_type if resources.gpu_count else "",
        str(resources.gpu_count),
        dict(resources.node_selector),
        [dict(toleration) for toleration in resources.pod_tolerations],
    )


def round_metrics(summary: RoundSummary) -> Metrics:
    """Return a round's numbers."""
    metrics = {"round": float(summary.round), "missing results": float(summary.num_missing)}
    if summary.rewarded is not None:
        rewards = [row.reward for row in summary.rewarded.rows if row.counts]
        best = [row.score for row in summary.rewarded.best if row.score is not None]
        metrics |= {"best reward of the round": max(rewards)} if rewards else {}
        metrics |= {"best score so far": best[0]} if best else {}
    return metrics


def learned_metrics(learned: Learned | None) -> Metrics:
    """Return what the controller made of a round."""
    if learned is None:
        return {"learned": 0.0}
    staleness = float(max(learned.staleness))
    return {"learned": 1.0, "staleness": staleness, **_named(learned.metrics)}


def epoch_metrics(last: SharedEpoch | None) -> Metrics:
    """Return what the last epoch of shared weights came to that a pod trained, if any."""
    if last is None:
        return {}
    return {
        "epoch": float(last.epoch),
        "train loss": last.train_loss,
        "mean score": last.mean_score,
        **_named(last.metrics),
    }


def model_metadata(stored: StoredModel) -> dict[str, Any]:
    """Return what Kubeflow's lineage says of a model; its framework is ONNX.

    That it lies at `storageUri` is said here: a backend of 2.17 refuses an artifact whose own
    address is outside of the run's, by its source.
    """
    info = stored.info
    score = {info.measure.noun: info.test.value} if info.test is not None else {}
    score |= {metric.name: metric.value for metric in info.test_metrics}
    return {
        "id": info.id,
        "storageUri": stored.uri,
        "architecture": one_line(info.origin.architecture.config),
        "parameters": float(info.origin.num_parameters),
        "data": info.data.content_hash,
        **score,
    }


def model_metrics(stored: StoredModel) -> Metrics:
    """Return a model's numbers, as far as there are any."""
    info = stored.info
    read = {"validation": info.validation, "test": info.test}
    scores = {f"{what} {info.measure.noun}": each.value for what, each in read.items() if each}
    scores |= {f"test {metric.name}": metric.value for metric in info.test_metrics}
    speed = {"milliseconds": info.speed.milliseconds} if info.speed is not None else {}
    return {**scores, "parameters": float(info.origin.num_parameters), **speed}


def confusion_matrix(stored: StoredModel) -> dict[str, Any]:
    """Return which class was taken for which on the test data, as Kubeflow's UI takes it.

    It is of the one reading of the test; empty where nothing is classified, or nobody read it.
    Of many classes it has those of which most went wrong, and all others as one: more cells than
    the UI has room for would show no number.
    """
    origin = stored.info.origin
    store = SearchStore.open(origin.uri)
    reading = store.find(TestReading, layout.child_test(origin.child))
    if reading is None or not reading.confusion:
        return {}
    return {"confusionMatrix": _shown(reading.confusion, stored.info.labels)}


def _shown(confusion: Confusion, labels: Sequence[str]) -> dict[str, Any]:
    kept = most_confused(confusion, len(labels), most=_MOST_CLASSES)
    names = [one_line(labels[label]) for label in kept]
    if len(kept) < len(labels):
        names.append(f"{len(labels) - len(kept)} others")
    rows = matrix(confusion, kept, len(labels))
    return {
        "annotationSpecs": [{"displayName": name} for name in names],
        "rows": [{"row": row} for row in rows],
    }


@dataclass(frozen=True)
class Report:
    """What a run leaves for people to read.

    Attributes:
        page: A self-contained HTML page.
        text: A summary in Markdown, as Kubeflow's pages show it: headings, paragraphs and
            preformatted text, for lists and tables come out bare there.
        metrics: The best score, that on the test data of the network that is handed on, and the
            number of children, as far as there are.
    """

    page: str
    text: str
    metrics: Metrics


def report_of(search: OpenSearch, view: SearchView | None) -> Report:
    """Return the report on a search, or on why there is none."""
    if view is None:
        problems = search.store.problems()
        text = problems[-1].message if problems else "nothing was begun"
        return Report(problem_page(search.uri, problems), _markdown([text]), {})
    text = _summary(view, newest_model(search.store.objects))
    return Report(search_page(view), text, _metrics(view))


def _summary(view: SearchView, model: StoredModel | None) -> str:
    """Return how the search stands, what the run could not do, and where to look next."""
    parts = {
        "": _markdown(summary_lines(view)),
        "What failed in this run": _markdown(_failures(view.run_problems)),
        "Runs that ended before": _markdown(lost_run_lines(view)),
        "Best children": _preformatted(leaderboard_text(view, top=_MOST_SHOWN)),
        "The model": _about_model(view, model),
        "Where to look next": "The artifact `report` is a page with curves, pictures and every "
        f"child. From your machine:\n\n{_preformatted(_commands(view))}",
    }
    shown = [f"### {title}\n\n{text}" if title else text for title, text in parts.items() if text]
    return "\n\n".join(shown)


def _about_model(view: SearchView, model: StoredModel | None) -> str:
    """Return what the final training came to, where the model lies, and how it is used."""
    said = {*summary_lines(view)}
    parts = [_markdown(line for line in model_lines(found_by(view)) if line not in said)]
    if model is not None:
        uri = shlex.quote(view.uri)
        commands = (f"nas predict {uri} FILE...", f"nas export {uri} --kserve")
        sentence = f"The model lies in {model.uri}, as an InferenceService takes it."
        parts += [_markdown([sentence]), _preformatted("\n".join(commands))]
    return "\n\n".join(filter(None, parts))


def _failures(problems: Sequence[Problem]) -> Iterator[str]:
    left_out = len(problems) - _MOST_SHOWN
    if left_out > 0:
        yield f"{left_out} earlier ones are in the report."
    yield from (f"{problem.step}: {problem.message}" for problem in problems[-_MOST_SHOWN:])


def _commands(view: SearchView) -> str:
    """Return what shows more: of the tasks that failed, and of the search."""
    tasks = dict.fromkeys(problem.step.replace("_", "-") for problem in view.run_problems)
    logs = [f"nas logs {view.run} --task {task}" for task in tasks] or [f"nas logs {view.run}"]
    return "\n".join([*logs, f"nas top {shlex.quote(view.uri)}"])


def _preformatted(text: str) -> str:
    """Return text that keeps its columns, whatever is in it."""
    lines = "\n".join(one_line(line).replace("`", " ") for line in text.split("\n"))
    return f"```\n{lines}\n```" if text else ""


def _metrics(view: SearchView) -> Metrics:
    metrics = {"children": float(len(view.judged))}
    best = view.best
    if best is not None and best.seeds.mean is not None:
        metrics["best score"] = best.seeds.mean
        if best.is_confirmed:
            metrics |= {"trainings of the best": float(len(best.seeds.scores))}
            metrics |= {"spread of the best": best.seeds.spread} if best.seeds.spread else {}
    final = found_by(view).final
    handed_on = None if final is None else final.score_handed_on
    for reading in [handed_on] if handed_on else view.test[-1:]:
        metrics[view.measure.test_name] = reading.score
    return metrics


def _markdown(lines: Iterable[str]) -> str:
    """Return each line as a paragraph of Markdown that reads as it stands, tags and all."""
    return "\n\n".join(_ACTIVE.sub(r"\\\g<0>", one_line(line, 10**5)) for line in lines)


def _named(metrics: Metrics) -> Metrics:
    """Return a controller's metrics by names that people read."""
    return {name.replace("_", " "): value for name, value in metrics.items()}
