"""How the network that owns shared weights is trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nas_lib.bounds import Epochs, Few, Positive, Rate, Weight
from nas_lib.config.training import ImageTraining, Schedule, SgdConfig, TextTraining
from nas_lib.part import by_kind


class _SharedDefaults(SgdConfig):
    """How shared weights are trained, where ENAS says it for images (section 3.2)."""

    epochs: Epochs = Field(310, description="Passes over the training data.")
    learning_rate: Positive = Field(0.05, description="Of SGD, at the start of a cycle.")
    min_learning_rate: Weight = Field(0.0005, description="At the end of a cycle.")
    schedule: Schedule = Field("cosine_restarts", description="Learning rate from epoch to epoch.")
    clip_norm: Positive | None = Field(
        5.0, description="Longer gradients, of all weights in use, are shortened to this."
    )
    threads: Few = Field(
        1, description="Torch threads on a CPU; many times slower where it has fewer cores."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of products and convolutions; bfloat16 by autocast."
    )


class ImageWeightsConfig(_SharedDefaults, ImageTraining):
    """How shared weights are trained on images."""

    kind: Literal["images"] = "images"
    dropout: Rate = Field(0.1, description="Before the classifier.")


class TextWeightsConfig(_SharedDefaults, TextTraining):
    """How shared weights are trained on a text; learning rate and clip_norm are of plain SGD."""

    kind: Literal["text"] = "text"


WeightsConfig = Annotated[ImageWeightsConfig | TextWeightsConfig, Field(discriminator="kind")]

WEIGHTS = by_kind(WeightsConfig)
"""By the kinds of the tasks whose networks may share weights."""
