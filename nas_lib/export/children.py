"""From a child of a search to an exporter: its network, its data, and how it was trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nas_lib.config import FinalsConfig, OwnChildrenConfig
from nas_lib.errors import ConfigError, MissingExtraError, one_line
from nas_lib.models.graph import Graph, Graphs, import_onnxruntime
from nas_lib.named_objects import imported
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.procedures.proposals import proposed_child
from nas_lib.store import layout
from nas_lib.tasks import Task
from nas_lib.tasks.trained import TrainedTask

if TYPE_CHECKING:
    from torch import nn

    from nas_lib.export.exporter import Exporter


_EXPORTERS = {
    "images": "nas_lib.export.images:ImageExporter",
    "series": "nas_lib.export.series:SeriesExporter",
    "text": "nas_lib.export.texts:TextExporter",
    "translation": "nas_lib.export.translations:TranslationExporter",
}
"""By the kind of the children that were trained for them; imported only where one is exported."""


def exporter_of(search: OpenSearch, child: str) -> Exporter[Any]:
    """Return the exporter of a child's network.

    Args:
        search: Whose child it is, which may be a final training.
        child: Its id.

    Raises:
        ConfigError: Its weights were not kept, or nothing is trained here, or there is no onnx.
        CorruptStateError: They are damaged.
    """
    _require_onnx()
    task, network = _trained(search, child)
    manifest, data = task.fetched(search.store)
    kind: type[Exporter[Any]] = imported(_EXPORTERS[task.config.children.kind])
    return kind(network, manifest, data, task.config)


def trained_network(search: OpenSearch, child: str) -> nn.Module:
    """Return a child's network with the weights that were kept, on the CPU, for evaluation.

    Raises:
        ConfigError: They were not kept, or nothing is trained here.
        CorruptStateError: They are damaged.
    """
    return _trained(search, child)[1]


def _trained(search: OpenSearch, child: str) -> tuple[TrainedTask[Any], nn.Module]:
    """Return the task by which a child was trained, and its network."""
    if isinstance(search.config.children, OwnChildrenConfig):
        raise ConfigError(f"{search.uri} trains nothing here: its children are judged by others")
    task = task_of(search, child)
    assert isinstance(task, TrainedTask)
    if not search.store.objects.has(layout.child_weights(child)):
        kept = f"the best {search.config.children.keep}"
        if isinstance(search.config.search, FinalsConfig):
            kept = "each network at its best point of the grid"
        raise ConfigError(
            f"the weights of {child} in {one_line(search.uri)} were not kept: only those of {kept} "
            "are; `nas train` trains networks anew"
        )
    return task, task.trained_network(child, search.space, search.store)


def task_of(search: OpenSearch, child: str) -> Task:
    """Return the task by which a child was trained."""
    return procedure_of(search.config).task_for(search, proposed_child(search, child))


def opened(graphs: Mapping[str, bytes], *, threads: int = 1) -> Graphs:
    """Return graphs that are not stored yet, ready to run."""
    return {
        name: Graph(data, where="the exported network", threads=threads)
        for name, data in graphs.items()
    }


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401

        import_onnxruntime()
    except ImportError as err:
        what = "exporting a network needs onnx and onnxruntime"
        raise MissingExtraError(what, "models", err) from err
