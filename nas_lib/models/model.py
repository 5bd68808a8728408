"""Model: a network that was handed on, ready to be used, without torch."""

from __future__ import annotations

from functools import cached_property

from nas_lib.models.graph import Graph
from nas_lib.models.info import ModelInfo
from nas_lib.models.stored import StoredModel


class Model:
    """What all models have in common.

    Attributes:
        info: What is known of it.
        uri: Where it lies.
    """

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

    @cached_property
    def graph(self) -> Graph:
        """The network.

        Raises:
            ConfigError: There is no onnxruntime.
            CorruptStateError: It is damaged.
        """
        data = self._stored.read(self.info.onnx)
        return Graph(data, where=self._stored.place_of(self.info.onnx), threads=self._threads)
