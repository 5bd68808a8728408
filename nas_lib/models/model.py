"""Model: a network that was handed on, ready to be used, without torch."""

from __future__ import annotations

from functools import cached_property

from nas_lib.models.graph import Graph, Graphs
from nas_lib.models.info import ONLY, ModelInfo
from nas_lib.models.stored import StoredModel


class Model:
    """What all models have in common.

    Attributes:
        info: What is known of it.
        uri: Where it lies.
        columns: What is said of each text, where it is used on these.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, stored: StoredModel, *, threads: int) -> None:
        """Take a model that lies somewhere; its network is read when it is first used.

        Args:
            stored: Where it lies, and what it is.
            threads: To compute with.
        """
        self.info: ModelInfo = stored.info
        self.uri = stored.uri
        self._stored = stored
        self._threads = threads

    def __repr__(self) -> str:
        info = self.info
        return f"{type(self).__name__}({info.name}, {info.id}, {len(self.labels):,} labels)"

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, or the words of the vocabulary, in the order of the outputs."""
        return self.info.labels

    def load(self) -> None:
        """Read all of it that is needed to use it; raises as `graphs` does."""
        self.graphs  # noqa: B018

    @property
    def graph(self) -> Graph:
        """The network, of a model that has one; raises as `graphs` does."""
        return self.graphs[ONLY]

    @cached_property
    def graphs(self) -> Graphs:
        """The networks by their names.

        Raises:
            ConfigError: There is no onnxruntime.
            CorruptStateError: One is damaged.
        """
        return {
            name: Graph(
                self._stored.read(path),
                where=self._stored.place_of(path),
                threads=self._threads,
            )
            for name, path in self.info.onnx.items()
        }
