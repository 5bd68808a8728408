"""How a proposed network is trained and judged."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from nas_lib.config.part import Part

Rate = Annotated[float, Field(ge=0, lt=1)]
"""A fraction that is dropped."""


class AugmentConfig(Part):
    """Random changes to training images."""

    pad: int = Field(4, ge=0, description="Zero-pad by this many pixels, then crop at random.")
    flip: bool = Field(True, description="Flip half of the images left to right.")
    cutout: int = Field(0, ge=0, description="Blank a square with sides of this many pixels.")


class RewardConfig(Part):
    """From validation results to one number (Zoph & Le 2017, sections 4.1 and 4.2).

    For text the reward is (constant / perplexity) to that power.
    """

    last_epochs: PositiveInt = Field(5, description="Best result of this many last epochs ...")
    power: PositiveFloat = Field(3.0, description="... raised to this power.")
    perplexity_constant: PositiveFloat = Field(
        80.0, description="For text, divided by the validation perplexity."
    )


class TextTrainingConfig(Part):
    """How a language model is trained (ENAS's code for Penn Treebank)."""

    bptt: PositiveInt = Field(35, description="Words through which gradients flow back ...")
    random_bptt: bool = Field(
        True,
        description="... on average: drawn for each batch, about half of it in one of 20, and the "
        "learning rate in proportion.",
    )
    init_range: PositiveFloat = Field(0.04, description="Weights start in +- this, uniformly.")
    word_dropout: Rate = Field(0.1, description="Of whole words' embeddings.")
    embedding_dropout: Rate = Field(0.2, description="Of embeddings' units.")
    input_dropout: Rate = Field(0.75, description="Of what the cell takes from the word.")
    state_dropout: Rate = Field(0.25, description="Of what nodes take from each other.")
    output_dropout: Rate = Field(0.75, description="Of what the softmax takes from the cell.")
    activation_weight: float = Field(
        0.0, ge=0, description="Penalty on the mean square of the output."
    )
    slowness_weight: float = Field(
        1.0, ge=0, description="Penalty on the mean square of its change from word to word."
    )
    average_after: PositiveInt | None = Field(
        None,
        description="Average the weights of all steps once the validation loss has not improved "
        "for so many epochs (children only).",
    )


class ChildrenConfig(Part):
    """How each child is trained and judged."""

    epochs: PositiveInt = Field(50, description="Passes over the training data.")
    batch_size: int = Field(128, ge=2, description="Images, or rows of text, per gradient step.")
    learning_rate: PositiveFloat = Field(0.1, description="Of SGD, at the start.")
    schedule: Literal["constant", "cosine", "cosine_restarts", "exponential"] = Field(
        "constant", description="Learning rate over the steps."
    )
    min_learning_rate: float = Field(0.0, ge=0, description="Where cosine ends.")
    first_cycle: PositiveInt = Field(
        10,
        description="cosine_restarts: epochs of the first cycle; each next one takes twice that.",
    )
    decay: float = Field(0.96, gt=0, le=1, description="exponential: the rate's factor ...")
    decay_after: int = Field(15, ge=0, description="... in each epoch after so many.")
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(1e-4, ge=0, description="L2 penalty, as torch's weight_decay.")
    clip_norm: PositiveFloat | None = Field(
        None, description="Longer gradients, of all weights together, are shortened to this."
    )
    dropout: Rate = Field(0.0, description="Before the classifier.")
    drop_path: Rate = Field(
        0.0, description="Of a cell's edges at the end of training and in the last cell."
    )
    auxiliary_weight: float = Field(
        0.0, ge=0, description="Of the loss of a second classifier at two thirds of the cells."
    )
    augment: AugmentConfig = Field(default_factory=AugmentConfig)
    text: TextTrainingConfig | None = Field(
        None, description="How language models are trained; null: by its defaults."
    )
    reward: RewardConfig = Field(default_factory=RewardConfig)
    evaluate: str = Field(
        "",
        description="`module:name` of a function of the user's own, architecture -> reward, in "
        "place of training; `inline` for one handed to nas_lib.search in this process.",
    )
    device: str = Field("auto", description="A torch device, or auto: a GPU if there is one.")
    threads: PositiveInt = Field(1, description="Torch threads of each child on a CPU.")
    keep: int = Field(5, ge=1, description="Keep the weights of this many best children.")
    max_attempts: PositiveInt = Field(
        3, description="Attempts without a new checkpoint before a child counts as crashed."
    )
    checkpoint_every_s: float = Field(
        10.0, ge=0, description="At the end of an epoch, if this long since the last checkpoint."
    )

    @model_validator(mode="after")
    def _check(self) -> ChildrenConfig:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        check_rates(self.learning_rate, self.min_learning_rate)
        return self


def check_rates(learning_rate: float, min_learning_rate: float) -> None:
    """Refuse a schedule that would end above its start."""
    if min_learning_rate > learning_rate:
        raise ValueError(
            f"min_learning_rate ({min_learning_rate:g}) must be at most learning_rate "
            f"({learning_rate:g})"
        )
