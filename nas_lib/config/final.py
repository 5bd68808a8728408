"""Final training: what becomes of the networks that a search recommends."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from nas_lib.bounds import Epochs, Few, Label, Positive, Weight
from nas_lib.config.training import (
    ChildrenPart,
    ImageChildrenConfig,
    RewardConfig,
    Schedule,
    TextChildrenConfig,
    TextRewardConfig,
)
from nas_lib.part import Part
from nas_lib.spaces import SizeConfig

Grid = Annotated[
    dict[Label, Annotated[list[Any], Field(min_length=1, max_length=100)]], Field(max_length=20)
]
"""By a setting of children, such as `learning_rate` or `text.output_dropout`: values to try."""

Point = Mapping[str, Any]
"""One value of each setting of a grid."""


_AS_IN_SEARCH = frozenset(
    [
        *("batch_size", "clip_norm", "device", "threads"),
        *("dropout", "drop_path", "auxiliary_weight", "augment", "text"),
        *("max_attempts", "timeout_s", "when_all_crash", "checkpoint_every_s"),
    ]
)


class ImageFinalConfig(ImageChildrenConfig):
    """How the networks that a search recommends are trained on images."""

    kind: Literal["images"] = "images"
    epochs: Epochs = Field(100, description="Passes over the training data.")
    learning_rate: Positive = Field(0.05, description="Of SGD, at the start (of a cycle).")
    schedule: Schedule = Field("cosine", description="Learning rate over the steps.")
    weight_decay: Weight = Field(5e-4, description="L2 penalty, as torch's weight_decay.")
    reward: RewardConfig = Field(default_factory=lambda: RewardConfig(last_epochs=1, power=1.0))


class TextFinalConfig(TextChildrenConfig):
    """How the networks that a search recommends are trained on a text."""

    kind: Literal["text"] = "text"
    reward: TextRewardConfig = Field(default_factory=TextRewardConfig)


FinalChildrenConfig = Annotated[ImageFinalConfig | TextFinalConfig, Field(discriminator="kind")]


class FinalConfig(Part):
    """What becomes of the networks that a search recommends."""

    follows: bool = Field(
        False,
        description="Train the best without being asked, once the search is finished; the search "
        "itself then reads no test.",
    )
    top: Few = Field(3, description="So many of the search's best networks are trained ...")
    seeds: Few = Field(3, description="... each so often, with other seeds.")
    references: tuple[Label, ...] = Field(
        (), max_length=100, description="Known networks to train beside them, such as resnet-20."
    )
    retrain: bool = Field(
        True, description="Train the winner once more, on training and validation data."
    )
    size: SizeConfig = Field(default_factory=SizeConfig)
    grid: Grid = Field(
        default_factory=dict,
        description="Values to try, by settings of final.children: {learning_rate: [0.1, 0.02]}.",
    )
    children: FinalChildrenConfig | None = None

    def as_in_search(self, children: ChildrenPart) -> Self:
        """Return this with what its children leave open as the search's children have it.

        A search's images are not flipped for a reason, which holds for its best networks too.
        """
        ours = self.children
        if ours is None or ours.kind != children.kind:  # where others judge, nothing is trained
            return self.model_copy(update={"children": None})
        open_ = (_AS_IN_SEARCH & type(ours).model_fields.keys()) - ours.model_fields_set
        same = {name: getattr(children, name) for name in open_}
        return self.model_copy(update={"children": ours.model_copy(update=same)})


def points(grid: Mapping[str, list[Any]]) -> list[Point]:
    """Return every combination of the grid's values; one empty point where it has none."""
    names = list(grid)
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*grid.values())]
