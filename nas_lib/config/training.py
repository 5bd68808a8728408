"""How networks are trained, and children judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, cast

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from nas_lib.bounds import (
    MOST_LAYERS,
    Count,
    Device,
    Epochs,
    Few,
    Label,
    Positive,
    Rate,
    Seconds,
    Text,
    Weight,
)
from nas_lib.config.series import SeriesAugmentConfig
from nas_lib.config.tasks import (
    ImageTarget,
    ImageTaskConfig,
    TaskConfig,
    TextTaskConfig,
    TranslationTaskConfig,
)
from nas_lib.part import MAY_CHANGE, Part
from nas_lib.spaces import SpacePart

Schedule = Literal["constant", "cosine", "cosine_restarts", "exponential"]
Sampling = Literal["shuffle", "balanced"]
Initialisation = Literal[
    "kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform", "orthogonal"
]


class SgdConfig(Part):
    """Stochastic gradient descent, whatever is learnt.

    Attributes:
        for_cells: Which settings only networks of cells have a use for.
    """

    for_cells: ClassVar[tuple[str, ...]] = ()

    kind: str
    epochs: Epochs = Field(50, description="Passes over the training data.")
    batch_size: int = Field(
        128, ge=2, le=1_000_000, description="Examples, or rows of text, per gradient step."
    )
    learning_rate: Positive = Field(0.1, description="At the start (of a cycle).")
    schedule: Schedule = Field("constant", description="Learning rate over the steps.")
    min_learning_rate: Weight = Field(0.0, description="Where cosine ends.")
    first_cycle: Epochs = Field(
        10,
        description="cosine_restarts: epochs of the first cycle; each next one takes twice that.",
    )
    decay: float = Field(0.96, gt=0, le=1, description="exponential: the rate's factor ...")
    decay_after: int = Field(15, ge=0, le=100_000, description="... in each epoch after so many.")
    decay_every: float = Field(
        1.0,
        gt=0,
        le=100_000,
        description="exponential: not in each, but each time so many epochs are over, such as 2.4.",
    )
    momentum: Rate = Field(0.9, description="Of SGD, and of rmsprop.")
    nesterov: bool = Field(True, description="Of SGD.")
    weight_decay: Weight = Field(1e-4, description="L2 penalty, as torch's weight_decay.")
    clip_norm: Positive | None = Field(
        None, description="Longer gradients, of all weights in use together, are shortened to this."
    )
    device: Device = Field(
        "auto",
        description="A torch device, or auto: a GPU if there is one.",
        json_schema_extra=MAY_CHANGE,
    )
    threads: Few = Field(1, description="Torch threads on a CPU.")

    @model_validator(mode="after")
    def _check_sgd(self) -> SgdConfig:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"min_learning_rate ({self.min_learning_rate:g}) must be at most learning_rate "
                f"({self.learning_rate:g})"
            )
        return self

    def strays(self, where: str, space: SpacePart) -> Iterator[str]:
        """Yield which settings, those of `where`, are for other networks than this space's."""
        for name in self.for_cells:
            if getattr(self, name) and not space.has_cells:
                yield f"{where}.{name} is for networks of cells, got space.kind {space.kind}"


def _flip(value: object) -> object:
    """Refuse in one sentence what is none of three things."""
    words = {"true": True, "false": False, "alternating": "alternating"}
    found = words.get(str(value).lower()) if isinstance(value, bool | str) else None
    if found is None:
        raise PydanticCustomError("form", "true, false or alternating")
    return found


Flip = Annotated[bool | Literal["alternating"], BeforeValidator(_flip)]


class AugmentConfig(Part):
    """Random changes to training images."""

    pad: int = Field(4, ge=0, le=256, description="Pad by this many pixels, then crop at random.")
    padding: Literal["zeros", "reflect"] = Field(
        "zeros", description="With what: the mean colour, or the image, mirrored at its edges."
    )
    flip: Flip = Field(
        True,
        description="Flip half of the images left to right: others each time (true), or each one "
        "in every other epoch (alternating).",
    )
    cutout: int = Field(
        0, ge=0, le=4096, description="Blank a square with sides of this many pixels."
    )


class ImageTraining(SgdConfig):
    """What training on images has besides."""

    for_cells: ClassVar[tuple[str, ...]] = ("auxiliary_weight",)

    dropout: Rate = Field(0.0, description="Before the classifier.")
    auxiliary_weight: Weight = Field(
        0.0, description="Of the loss of a second classifier at two thirds of the cells."
    )
    augment: AugmentConfig = Field(default_factory=AugmentConfig)


class TextTrainingConfig(Part):
    """What training on a text has besides (ENAS's code for Penn Treebank)."""

    bptt: int = Field(
        35, ge=1, le=10_000, description="Words through which gradients flow back ..."
    )
    random_bptt: bool = Field(
        True,
        description="... on average: drawn for each batch, about half of it in one of 20, and the "
        "learning rate in proportion.",
    )
    tied: bool = Field(True, description="The softmax has the weights of the embedding.")
    init_range: Positive = Field(0.04, description="Weights start in +- this, uniformly.")
    word_dropout: Rate = Field(0.1, description="Of whole words' embeddings.")
    embedding_dropout: Rate = Field(0.2, description="Of embeddings' units.")
    input_dropout: Rate = Field(
        0.75, description="Of what a cell takes from the word, or from the layer below."
    )
    state_dropout: Rate = Field(0.25, description="Of what nodes take from each other.")
    output_dropout: Rate = Field(0.75, description="Of what the softmax takes from the cell.")
    activation_weight: Weight = Field(0.0, description="Penalty on the mean square of the output.")
    slowness_weight: Weight = Field(
        1.0, description="Penalty on the mean square of its change from word to word."
    )
    average_after: Epochs | None = Field(
        None,
        description="Average the weights of all steps once the validation loss is above the best "
        "of those before the last so many epochs (children only).",
    )


class TextTraining(SgdConfig):
    """How a language model is trained."""

    text: TextTrainingConfig = Field(default_factory=TextTrainingConfig)


class RewardConfig(Part):
    """From validation results to one number (Zoph & Le 2017, section 4.1)."""

    last_epochs: Epochs = Field(5, description="Best result of this many last epochs ...")
    power: float = Field(3.0, gt=0, le=10, description="... raised to this power.")


class TextRewardConfig(RewardConfig):
    """The same for perplexities: constant / perplexity^power (Zoph & Le 2017, section 4.2)."""

    last_epochs: Epochs = Field(5, description="Lowest perplexity of this many last epochs ...")
    power: float = Field(2.0, gt=0, le=10, description="... raised to this power ...")
    perplexity_constant: float = Field(
        80.0, gt=0, le=1000, description="... by which this is divided."
    )


_YEAR_S = 365 * 24 * 3600
_MOST_CLASSES = 100_000
_LimitSeconds = Annotated[float, Field(gt=0, le=_YEAR_S)]


def _class_weights(value: object) -> object:
    """Refuse in one sentence what is none of three things."""
    if value is None or value == "balanced" or _are_weights(value):
        return value
    raise PydanticCustomError(
        "form", "null, balanced, or a weight above 0 and up to a million by the names of classes"
    )


def _are_weights(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and 0 < len(value) <= _MOST_CLASSES
        and all(
            isinstance(each, int | float) and not isinstance(each, bool) and 0 < each <= 1e6
            for each in value.values()
        )
    )


ClassWeights = Annotated[
    dict[Label, Positive] | Literal["balanced"] | None, BeforeValidator(_class_weights)
]


def _time_limit(value: object) -> object:
    """Refuse in one sentence what is none of three things."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or value == "auto" or (is_number and 0 < cast(float, value) <= _YEAR_S):
        return value
    raise PydanticCustomError("form", "auto, null, or a number of seconds up to a year")


TimeLimit = Annotated[_LimitSeconds | Literal["auto"] | None, BeforeValidator(_time_limit)]


class ChildrenPart(Part):
    """What children have in common, whatever they learn.

    Attributes:
        task: Kind of the task that they learn, None for any.
    """

    task: ClassVar[str | None] = None

    kind: str

    keep: Count = Field(
        5,
        description="Keep the weights of this many best children, and the best of each that is "
        "trained again (search.confirm).",
        json_schema_extra=MAY_CHANGE,
    )
    max_attempts: Few = Field(
        3,
        description="Attempts without a new checkpoint before a child counts as crashed.",
        json_schema_extra=MAY_CHANGE,
    )
    timeout_s: TimeLimit = Field(
        "auto",
        description="A child that takes longer has timed out, with reward 0: seconds; null for any "
        "time; or auto: 10 times the median of finished children, from the 5th on, at least 600.",
        json_schema_extra=MAY_CHANGE,
    )
    when_all_crash: Literal["stop", "go_on"] = Field(
        "stop",
        description="Where all children of a round crash alike, the search stops and tries them "
        "again when it is continued (stop), or they count as crashed (go_on).",
        json_schema_extra=MAY_CHANGE,
    )

    def misfits(self, task: str, space: SpacePart) -> Iterator[str]:
        """Yield what does not go with this kind of task, or with this space."""
        parts = (("space", space, space.tasks), ("children", self, self.task and (self.task,)))
        for name, part, tasks in parts:
            if tasks and task not in tasks:
                wanted = " or ".join(tasks)
                yield f"{name}.kind {part.kind} is for task.kind {wanted}, got task.kind {task}"

    def misfit_of_score(self, score: float, task: TaskConfig) -> str:
        """Say what a child's score should be, if this can be none; any number can here."""
        return ""


class TrainedChildrenPart(ChildrenPart, SgdConfig):
    """What children have in common that are trained here.

    Attributes:
        noisy: Whether an architecture has another score when it is judged again: with another seed
            it has.
    """

    noisy: ClassVar[bool] = True

    checkpoint_every_s: Seconds = Field(
        10.0,
        description="At the end of an epoch, if this long since the last checkpoint.",
        json_schema_extra=MAY_CHANGE,
    )
    average_decay: Rate = Field(
        0.0,
        description="Of an exponential moving average of the weights, which is judged and kept in "
        "their place, from step to step; 0 for none. After n steps at most (1 + n) / (10 + n).",
    )
    include_validation: bool = Field(
        False,
        description="Train on the validation data, too: such a child has no score, and the weights "
        "of its last epoch.",
    )
    optimizer: Literal["sgd", "rmsprop", "adam"] = Field(
        "sgd",
        description="What makes the steps: SGD, RMSProp as TensorFlow has it, or Adam as torch.",
    )
    rms_decay: Rate = Field(0.9, description="rmsprop: of the moving mean of squared gradients ...")
    rms_epsilon: Positive = Field(
        1.0, description="... by whose root gradients are divided, this added to it before."
    )
    adam_beta_1: Rate = Field(0.9, description="adam: decay of the mean gradient ...")
    adam_beta_2: Rate = Field(0.999, description="... and of the mean of squared gradients ...")
    adam_epsilon: float = Field(
        1e-8, ge=1e-30, le=1, description="... whose root divides it, this added to the root."
    )

    @model_validator(mode="after")
    def _check_optimizer(self) -> TrainedChildrenPart:
        if self.optimizer != "sgd" and self.nesterov:
            raise ValueError(
                f"nesterov is of sgd: expected false with optimizer {self.optimizer}, got true"
            )
        return self


class ImageChildrenConfig(TrainedChildrenPart, ImageTraining):
    """How each child is trained on images, and judged."""

    task: ClassVar[str] = "images"
    for_cells: ClassVar[tuple[str, ...]] = ("drop_path", "auxiliary_weight")

    kind: Literal["images"] = "images"
    drop_path: Rate = Field(
        0.0, description="Of a cell's edges at the end of training and in the last cell."
    )
    min_steps: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Of an epoch at least: where there are few images it goes through them several "
        "times.",
    )
    label_smoothing: Rate = Field(
        0.0,
        description="Share of each target that all classes have in equal parts; of labels, that is "
        "half there.",
    )
    mixup: float = Field(
        0.0,
        ge=0,
        le=100,
        description="Each batch is mixed with itself in another order, by a weight from "
        "Beta(mixup, mixup); 0 for not.",
    )
    class_weights: ClassWeights = Field(
        None,
        description="Of each image's loss, by its class: balanced, so that all classes weigh the "
        "same however many images they have; or {cat: 3.0}, where classes that are not named have "
        "1; null for none. Their mean over the images of an epoch is made 1. Of labels, that of "
        "the images that have one, beside those that do not.",
    )
    sampling: Sampling = Field(
        "shuffle",
        description="An epoch has each image once (shuffle), or as many images of each class "
        "(balanced): those of rare classes several times, of common ones a part.",
    )
    norm_epsilon: float | None = Field(
        None, gt=0, le=1, description="Added to variances by every BatchNorm; null as the network."
    )
    norm_momentum: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Share that each batch has in the running statistics of every BatchNorm; null "
        "as the network.",
    )
    initialisation: Initialisation | None = Field(
        None,
        description="First weights of convolutions and matrices, by torch's name; null as the "
        "network.",
    )
    reward: RewardConfig = Field(default_factory=RewardConfig)

    def num_passes(self, num_batches: int) -> int:
        """Return how often an epoch goes through the images, which make so many batches."""
        return max(1, math.ceil(self.min_steps / num_batches))

    def misfits(self, task: str, space: SpacePart) -> Iterator[str]:
        """Yield what does not go with this kind of task, or with this space."""
        yield from super().misfits(task, space)
        yield from self.strays("children", space)

    def misfits_of_target(self, target: ImageTarget, where: str) -> Iterator[str]:
        """Yield which settings, those of `where`, have no meaning for what images are told."""
        if target != "class" and self.sampling == "balanced":
            yield (
                f"{where}.sampling balanced draws as many images of each class, and task.target is "
                f"{target}: set shuffle"
            )
        if target == "number" and self.class_weights is not None:
            yield f"{where}.class_weights are of classes and labels, and task.target is number"
        if target == "number" and self.label_smoothing:
            yield f"{where}.label_smoothing is of classes and labels, and task.target is number"

    def misfit_of_score(self, score: float, task: TaskConfig) -> str:
        """Say what a child's score should be, if this is none of such images."""
        return task.misfit_of_score(score) if isinstance(task, ImageTaskConfig) else ""


class SeriesChildrenConfig(ImageChildrenConfig):
    """How each child is trained on series, and judged."""

    task: ClassVar[str] = "series"

    kind: Literal["series"] = "series"  # type: ignore[assignment]  # another kind than images
    augment: SeriesAugmentConfig = Field(  # type: ignore[assignment]
        default_factory=SeriesAugmentConfig
    )


class TextChildrenConfig(TrainedChildrenPart, TextTraining):
    """How each child is trained on a text, and judged."""

    task: ClassVar[str] = "text"

    kind: Literal["text"] = "text"
    reward: TextRewardConfig = Field(default_factory=TextRewardConfig)

    @model_validator(mode="after")
    def _check_averages(self) -> TextChildrenConfig:
        if self.average_decay and self.text.average_after is not None:
            raise ValueError("weights have one average: average_decay or text.average_after")
        return self

    def misfit_of_score(self, score: float, task: TaskConfig) -> str:
        """Say what a child's score should be, if this is none of such a text."""
        return task.misfit_of_score(score) if isinstance(task, TextTaskConfig) else ""


class TranslationTrainingConfig(Part):
    """What an encoder-decoder is beside its cell, and how it is trained and translates.

    In the manner of GNMT (Wu et al. 2016).
    """

    layers: int = Field(
        2,
        ge=2,
        le=MOST_LAYERS,
        description="Of encoder and decoder each; the encoder's first reads in both directions.",
    )
    init_range: Positive = Field(0.2, description="Weights start in +- this, uniformly.")
    dropout: Rate = Field(0.2, description="Of what each layer takes, and the softmax.")
    label_smoothing: Rate = Field(
        0.1, description="Share of each target that all subwords have in equal parts."
    )
    beam: int = Field(4, ge=1, le=100, description="Hypotheses that a translation is chosen from.")
    length_penalty: float = Field(
        0.6,
        ge=0,
        le=10,
        description="A hypothesis of n subwords is judged by its log probability divided by "
        "((5 + n) / 6) to this power; 0 for by that alone.",
    )


class TranslationChildrenConfig(TrainedChildrenPart):
    """How each child is trained to translate, and judged."""

    task: ClassVar[str] = "translation"

    kind: Literal["translation"] = "translation"
    epochs: Epochs = Field(5, description="Passes over the training data.")
    batch_size: int = Field(64, ge=2, le=1_000_000, description="Pairs per gradient step.")
    optimizer: Literal["sgd", "rmsprop", "adam"] = Field(
        "adam",
        description="What makes the steps: SGD, RMSProp as TensorFlow has it, or Adam as torch.",
    )
    learning_rate: Positive = Field(5e-3, description="At the start (of a cycle).")
    schedule: Schedule = Field("cosine", description="Learning rate over the steps.")
    nesterov: bool = Field(False, description="Of SGD.")
    weight_decay: Weight = Field(0.0, description="L2 penalty, as torch's weight_decay.")
    clip_norm: Positive | None = Field(
        5.0, description="Longer gradients, of all weights in use together, are shortened to this."
    )
    translation: TranslationTrainingConfig = Field(default_factory=TranslationTrainingConfig)
    reward: TextRewardConfig = Field(default_factory=lambda: TextRewardConfig(last_epochs=1))

    def misfit_of_score(self, score: float, task: TaskConfig) -> str:
        """Say what a child's score should be, if this is none of such translations."""
        return task.misfit_of_score(score) if isinstance(task, TranslationTaskConfig) else ""


class OwnChildrenConfig(ChildrenPart):
    """Children are judged by a function of the user's own, and nothing is trained here.

    Attributes:
        device: Where it computes is the function's own affair; as for us, on CPUs.
    """

    device: ClassVar[str] = "cpu"

    kind: Literal["own"] = "own"
    evaluate: Text = Field(
        description="`module:name` of a function from architecture to reward; `inline` for one "
        "handed to nas_lib.search in this process."
    )
    threads: Few = Field(1, description="CPUs that one evaluation takes.")
    noisy: bool = Field(
        False,
        description="Whether the function may answer otherwise when it is asked again: then the "
        "best are evaluated again, see search.confirm.",
    )

    def misfits(self, task: str, space: SpacePart) -> Iterator[str]:
        """Yield a size that follows from data: the function judges architectures of any task."""
        if space.target is not None:
            yield (
                "space.child.parameters: children.evaluate judges, and no data are prepared from "
                "which a size could follow: set space.child.hidden"
            )


ChildrenConfig = Annotated[
    ImageChildrenConfig
    | SeriesChildrenConfig
    | TextChildrenConfig
    | TranslationChildrenConfig
    | OwnChildrenConfig,
    Field(discriminator="kind"),
]
