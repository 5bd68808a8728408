"""From a trained child to the files of a model, checked before any is written."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from nas_lib.data import BlobInfo, Manifest
from nas_lib.errors import NasError
from nas_lib.export.card import card, labels, metrics
from nas_lib.export.children import exporter_of, opened, task_of
from nas_lib.export.exporter import OPSET, Exporter
from nas_lib.export.kserve import triton_configs
from nas_lib.export.speed import settle_speed
from nas_lib.models.info import (
    CARD,
    INFO,
    LABELS,
    METRICS,
    WEIGHTS,
    Data,
    MeasureInfo,
    ModelInfo,
    Origin,
    Score,
    Training,
    pack_info,
)
from nas_lib.models.stored import StoredModel
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.proposals import proposed_child
from nas_lib.records import ChildResult, TestReading
from nas_lib.results.intervals import over_examples
from nas_lib.results.measure import Measure
from nas_lib.store import SearchStore, layout
from nas_lib.training.machine import num_cpus


@dataclass(frozen=True)
class Candidate:
    """A child that a model is to be made of.

    Attributes:
        id: Of the model.
        search: Whose child it is, which may be a final training.
        child: Its id.
        final: The key of the final training; empty for the search itself.
        validation_of_seeds: What the same network scored by several seeds, if it was asked.
    """

    id: str
    search: OpenSearch
    child: str
    final: str = ""
    validation_of_seeds: tuple[float, ...] = ()


def make_model(store: SearchStore, candidate: Candidate) -> ModelInfo:
    """Export a child and store it as a model, unless it is there; return what it is.

    Args:
        store: Of the search that hands it on.
        candidate: The child.

    Raises:
        ConfigError: Its weights were not kept, or there is no onnx.
        NasError: The graph does what torch does not.
    """
    found = StoredModel.find(store.objects, layout.model_folder(candidate.id))
    if found is not None:
        return found.info
    exporter = exporter_of(candidate.search, candidate.child)
    graphs = exporter.graphs()
    info = _info(candidate, exporter, graphs)
    weights = candidate.search.store.objects.get(layout.child_weights(candidate.child))
    networks = {path: graphs[graph] for graph, path in info.onnx.items()}
    files = {**networks, WEIGHTS: weights, **exporter.files(), **_told(info)}
    info = replace(info, files={path: BlobInfo.of(data) for path, data in sorted(files.items())})
    return _store(store, info, files)


def _store(store: SearchStore, info: ModelInfo, files: dict[str, bytes]) -> ModelInfo:
    """Write a model's files, and last what says that it is there; whoever is first wins."""
    for path, data in files.items():
        store.objects.replace(layout.model_file(info.id, path), data)
    if store.objects.create(layout.model_file(info.id, INFO), pack_info(info)):
        return info
    winner = StoredModel.find(store.objects, layout.model_folder(info.id))
    assert winner is not None
    for path, data in _told(winner.info).items():  # where ours lie now; the networks are the same
        store.objects.replace(layout.model_file(info.id, path), data)
    return winner.info


def _told(info: ModelInfo) -> dict[str, bytes]:
    """Return the files that say nothing but what the description says."""
    return {
        LABELS: labels(info),
        METRICS: metrics(info),
        CARD: card(info),
        **{path: text.encode() for path, text in triton_configs(info).items()},
    }


def _info(candidate: Candidate, exporter: Exporter[Any], graphs: Mapping[str, bytes]) -> ModelInfo:
    """Return all that is known of a model but its files."""
    search, child = candidate.search, candidate.child
    parity = exporter.parity(opened(graphs, threads=num_cpus()))
    wrong = exporter.misfit(parity)
    if wrong:
        raise NasError(f"{child} in {search.uri} is not exported: {wrong}")
    task = task_of(search, child)
    result = search.store.read(ChildResult, layout.child_result(child))
    reading = search.store.find(TestReading, layout.child_test(child))
    manifest: Any = search.task.find_manifest(search.store)
    return ModelInfo(
        id=candidate.id,
        name=exporter.name,
        inputs=exporter.inputs,
        labels=tuple(exporter.labels),
        origin=_origin(candidate, result),
        training=_training(result, task.config.children),
        data=_data(manifest),
        measure=MeasureInfo.of(task.measure),
        validation=_score(task.measure, result.score, manifest.num_valid),
        test=None if reading is None else _score(task.measure, reading.score, reading.num_examples),
        parity=parity,
        speed=settle_speed(search, child, exporter, graphs),
        files={},
        versions=_versions(),
        created_s=time.time(),
        validation_of_seeds=candidate.validation_of_seeds,
        test_metrics=() if reading is None else reading.metrics,
        target=exporter.target,
    )


def _origin(candidate: Candidate, result: ChildResult) -> Origin:
    child = proposed_child(candidate.search, candidate.child)
    return Origin(
        child.architecture,
        child.id,
        candidate.search.uri,
        candidate.final,
        child.seed,
        result.num_parameters or 0,
        result.num_multiply_adds or 0,
    )


def _training(result: ChildResult, children: Any) -> Training:
    includes_validation = children.include_validation
    return Training(
        len(result.epochs),
        len(result.epochs) if result.best_epoch is None else result.best_epoch,
        result.seconds,
        result.where,
        includes_validation,
        children.model_dump(mode="json"),
    )


def _data(manifest: Manifest) -> Data:
    return Data(
        manifest.source,
        manifest.content_hash,
        manifest.num_train,
        manifest.num_valid,
        manifest.num_test,
    )


def _score(measure: Measure, value: float | None, num_examples: int) -> Score | None:
    if value is None:
        return None
    sure = over_examples(value, num_examples) if measure.is_share else None
    return Score(value, num_examples, None if sure is None else (sure.low, sure.high))


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("kfp-nas", "torch", "onnx", "onnxruntime")}
    return {**packages, "opset": str(OPSET), "Python": platform.python_version()}
