"""The whole document."""

from __future__ import annotations

from pydantic import Field, model_validator

from nas_lib.config.children import ChildrenConfig
from nas_lib.config.controllers import ControllerConfig, ReinforceConfig
from nas_lib.config.loop import LoopConfig
from nas_lib.config.part import Part
from nas_lib.config.resources import ResourcesConfig
from nas_lib.config.shared import SharedConfig
from nas_lib.config.spaces import (
    CnnSpaceConfig,
    CustomSpaceConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    SharedSpaceConfig,
    SpaceConfig,
)
from nas_lib.config.tasks import AnyTaskConfig, TaskConfig


class SearchConfig(Part):
    """A whole search."""

    name: str = Field("search", pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=40)
    seed: int = Field(0, ge=0, lt=2**63)
    task: AnyTaskConfig = Field(default_factory=TaskConfig)
    space: SpaceConfig = Field(default_factory=CnnSpaceConfig)
    controller: ControllerConfig = Field(default_factory=ReinforceConfig)
    shared: SharedConfig | None = Field(
        None, description="Judge by shared weights (ENAS); null: train every child by itself."
    )
    children: ChildrenConfig = Field(default_factory=ChildrenConfig)
    search: LoopConfig = Field(default_factory=LoopConfig)
    resources: ResourcesConfig = Field(default_factory=ResourcesConfig)

    @property
    def is_text(self) -> bool:
        """Whether children are language models."""
        return self.task.kind == "language_modelling"

    @property
    def num_children(self) -> int:
        """Children that are trained from scratch at most, over all replicas."""
        if self.shared is None:
            return self.search.max_children
        return self.shared.derive.keep + self.shared.derive.probes

    @model_validator(mode="after")
    def _check(self) -> SearchConfig:
        trains = not self.children.evaluate and not isinstance(self.space, CustomSpaceConfig)
        if trains and isinstance(self.space, EnasRnnSpaceConfig) != self.is_text:
            raise ValueError(
                f"task.kind {self.task.kind} does not go with space.kind {self.space.kind}: "
                "enas-rnn is for language_modelling, the others are for images"
            )
        cells = isinstance(self.space, EnasMicroSpaceConfig)
        if trains and not cells and (self.children.drop_path or self.children.auxiliary_weight):
            raise ValueError(
                "children.drop_path and children.auxiliary_weight are for networks of cells, "
                f"got space.kind {self.space.kind}"
            )
        bias = getattr(self.controller, "operation_bias", ())
        num_options = getattr(self.space, "num_options", len(bias))
        if bias and len(bias) != num_options:
            raise ValueError(
                f"controller.operation_bias should have {num_options} numbers for space.kind "
                f"{self.space.kind}, got {len(bias)}"
            )
        if not self.is_text and self.children.text is not None:
            raise ValueError("children.text is for language_modelling, got images")
        if self.shared is None:
            return self
        if not self.is_text and self.shared.text is not None:
            raise ValueError("shared.text is for language_modelling, got images")
        usual = LoopConfig()
        for name in ("stop_at_score", "wait_for", "max_children", "children_per_round"):
            if getattr(self.search, name) != getattr(usual, name):
                raise ValueError(
                    f"search.{name} has no meaning with shared weights: shared.epochs and "
                    "shared.derive say what is done"
                )
        if not isinstance(self.space, SharedSpaceConfig):
            raise ValueError(
                "shared weights need a space.kind of enas-macro, enas-micro or enas-rnn, "
                f"got {self.space.kind}"
            )
        if self.children.evaluate:
            raise ValueError("shared weights need no children.evaluate: they are the evaluation")
        if self.search.replicas > 1 or self.search.shards > 1:
            raise ValueError("with shared weights there is one replica with one shard")
        return self
