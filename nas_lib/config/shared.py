"""How shared weights are trained, and what is derived from them (ENAS, Pham et al. 2018)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from nas_lib.config.children import AugmentConfig, Rate, TextTrainingConfig, check_rates
from nas_lib.config.part import Part


class DeriveConfig(Part):
    """Which architectures are trained from scratch (section 2.2, "Deriving architectures")."""

    num_samples: PositiveInt = Field(
        100,
        description="Architectures that the controller proposes, each scored with the shared "
        "weights on all validation data. Random search scores more: as many as make up for what a "
        "controller's steps would have cost.",
    )
    keep: PositiveInt = Field(
        5, description="The best so many different ones are trained from scratch."
    )
    probes: int = Field(
        20,
        ge=0,
        description="Architectures drawn uniformly that are trained from scratch too: for the "
        "rank correlation of both scores, and as random search.",
    )


class SharedConfig(Part):
    """One network owns the weights of all architectures: it and the controller take turns.

    For text, learning rate and clip_norm are of plain SGD.
    """

    epochs: PositiveInt = Field(310, description="Passes over the training data.")
    batch_size: int = Field(128, ge=2, description="Examples, or rows of text, per step.")
    learning_rate: PositiveFloat = Field(0.05, description="Of SGD, at the start of a cycle.")
    min_learning_rate: float = Field(0.0005, ge=0, description="At the end of a cycle.")
    schedule: Literal["constant", "cosine", "cosine_restarts", "exponential"] = Field(
        "cosine_restarts", description="Learning rate from epoch to epoch."
    )
    first_cycle: PositiveInt = Field(
        10, description="Epochs of the first cycle; each next one takes twice as many."
    )
    decay: float = Field(0.96, gt=0, le=1, description="exponential: the rate's factor ...")
    decay_after: int = Field(15, ge=0, description="... in each epoch after so many.")
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(
        1e-4, ge=0, description="L2 penalty on the weights in use, as torch's weight_decay."
    )
    clip_norm: PositiveFloat | None = Field(
        5.0, description="Longer gradients, of all weights in use, are shortened to this."
    )
    dropout: Rate = Field(0.1, description="Before the classifier.")
    augment: AugmentConfig = Field(default_factory=AugmentConfig)
    text: TextTrainingConfig | None = Field(
        None, description="How language models are trained; null: by its defaults."
    )
    controller_after: int = Field(
        0,
        ge=0,
        description="Epochs before the controller begins to learn: it is as good as random.",
    )
    controller_steps: PositiveInt = Field(
        50, description="Updates of the controller after each later epoch ..."
    )
    architectures_per_step: PositiveInt = Field(
        20, description="... each from so many architectures, each on one validation batch."
    )
    batch_norm: Literal["refit", "batch", "running"] = Field(
        "refit",
        description="Statistics that an architecture is judged with: refitted for it on training "
        "batches; of the validation batch itself; or averages over all architectures.",
    )
    refit_batches: PositiveInt = Field(1, description="Training batches that refit takes.")
    derive: DeriveConfig = Field(default_factory=DeriveConfig)
    threads: PositiveInt = Field(
        1, description="Torch threads on a CPU; many times slower where it has fewer cores."
    )
    device: str = Field("auto", description="A torch device, or auto: a GPU if there is one.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of products and convolutions; bfloat16 by autocast."
    )
    tick_minutes: PositiveFloat = Field(
        20.0, description="A pod ends at the first end of an epoch after this."
    )

    @model_validator(mode="after")
    def _check(self) -> SharedConfig:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        check_rates(self.learning_rate, self.min_learning_rate)
        if self.controller_after >= self.epochs:
            raise ValueError(
                f"controller_after should be less than the {self.epochs} epochs, got "
                f"{self.controller_after}"
            )
        return self
