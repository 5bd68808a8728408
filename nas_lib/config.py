"""SearchConfig: the one document a user writes, and every default.

The field descriptions are the reference; `nas init PRESET` writes a whole document.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

FORMAT_VERSION = 1
"""Of everything a search stores. A reader refuses a newer one."""


class _Part(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Settings are immutable, and an unknown key is an error."""


# --- task: what is to be learnt, from which data ---------------------------------------------


class DigitsData(_Part):
    """scikit-learn's 1,797 handwritten digits, 8x8 grey."""

    format: Literal["digits"] = "digits"


class ImageFolderData(_Part):
    """A folder with one subfolder of images per class."""

    format: Literal["image_folder"] = "image_folder"
    path: str = Field(description="The folder.")
    size: PositiveInt = Field(32, description="Images are resized to size x size pixels.")
    grey: bool = Field(False, description="Read as grey instead of RGB.")


class NpzData(_Part):
    """A numpy archive with images [N, H, W] or [N, H, W, C] and integer labels [N]."""

    format: Literal["npz"] = "npz"
    path: str = Field(description="The .npz file.")
    images: str = Field("x_train", description="Key of the training images.")
    labels: str = Field("y_train", description="Key of the training labels.")
    test_images: str = Field("x_test", description="Key of the test images; may be absent.")
    test_labels: str = Field("y_test", description="Key of the test labels; may be absent.")


class IdxData(_Part):
    """A folder with the four idx files of the MNIST family, gzipped or not."""

    format: Literal["idx"] = "idx"
    path: str = Field(description="The folder.")


class Cifar10Data(_Part):
    """CIFAR-10 as published: the python or binary version's .tar.gz, or the unpacked folder."""

    format: Literal["cifar10"] = "cifar10"
    path: str = Field(description="The archive, or the folder unpacked from it.")


DataConfig = Annotated[
    DigitsData | ImageFolderData | NpzData | IdxData | Cifar10Data, Field(discriminator="format")
]


class TaskConfig(_Part):
    """What is to be learnt."""

    kind: Literal["image_classification"] = "image_classification"
    data: DataConfig = Field(default_factory=DigitsData)
    valid_fraction: float = Field(
        0.1, gt=0, lt=1, description="Of the training images, held out for the reward."
    )
    test_fraction: float = Field(
        0.2, gt=0, lt=1, description="Held out for the test where the data has no test set."
    )
    max_train: PositiveInt | None = Field(
        None, description="Use at most this many training images (validation included)."
    )


# --- space: what may be built -----------------------------------------------------------------

Options = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


class DepthConfig(_Part):
    """Number of layers, growing with the number of children proposed so far."""

    start: PositiveInt = Field(6, description="Layers of the first children.")
    step: int = Field(2, ge=0, description="Layers added each time.")
    every_children: PositiveInt = Field(1600, description="Children between two additions.")
    max: PositiveInt = Field(20, description="Layers at most; sizes the controller.")

    @model_validator(mode="after")
    def _check(self) -> DepthConfig:
        if self.max < self.start:
            raise ValueError(f"max ({self.max}) must be at least start ({self.start})")
        return self


class CnnSpaceConfig(_Part):
    """Convolutional networks with skip connections (Zoph & Le 2017, sections 3.1 and 3.3)."""

    kind: Literal["cnn"] = "cnn"
    filter_heights: Options = Field((1, 3, 5, 7), description="Of a convolution, in pixels.")
    filter_widths: Options = Field((1, 3, 5, 7), description="Of a convolution, in pixels.")
    strides: Options = Field(
        (1,), description="Height and width are chosen separately; one value fixes both."
    )
    num_filters: Options = Field((24, 36, 48, 64), description="Output channels of a layer.")
    layer_types: tuple[Literal["conv", "max_pool"], ...] = Field(
        ("conv",), min_length=1, description="With max_pool, the controller places pooling layers."
    )
    pool_layers: tuple[PositiveInt, ...] = Field(
        (), description="Layers (from 1) that are always 2x2 max-pooling with stride 2."
    )
    convs_per_layer: PositiveInt = Field(
        1, description="A layer is a densely connected block of this many equal convolutions."
    )
    skip_connections: bool = Field(
        True, description="Let the controller choose each layer's inputs; else a plain chain."
    )
    anchor: Literal["after", "before"] = Field(
        "after", description="Choose a layer's inputs after or before its other properties."
    )
    depth: DepthConfig = Field(default_factory=DepthConfig)

    @model_validator(mode="after")
    def _check(self) -> CnnSpaceConfig:
        for name in ("filter_heights", "filter_widths", "strides", "num_filters", "layer_types"):
            options = getattr(self, name)
            if len(set(options)) != len(options):
                raise ValueError(f"{name} must not repeat an option, got {list(options)}")
        chosen = (self.layer_types, self.filter_heights, self.filter_widths, self.strides)
        decides = any(len(options) > 1 for options in (*chosen, self.num_filters))
        undecided = not self.skip_connections and (self.pool_layers or not decides)
        if undecided and self.depth.start != self.depth.max:
            raise ValueError(
                "without skip_connections, layers that choose nothing need one depth for all: "
                f"start ({self.depth.start}) equal to max ({self.depth.max})"
            )
        return self


class CustomSpaceConfig(_Part):
    """A space of the user's own: any object that meets `nas_lib.spaces.Space`."""

    kind: Literal["custom"] = "custom"
    object: str = Field(
        description="`module:name` of a Space or a function that returns one; "
        "`inline` for one handed to nas_lib.search in this process."
    )


SpaceConfig = Annotated[CnnSpaceConfig | CustomSpaceConfig, Field(discriminator="kind")]


# --- controller: who proposes -----------------------------------------------------------------


class ReinforceConfig(_Part):
    """An LSTM policy trained by REINFORCE (Zoph & Le 2017, section 3.2)."""

    kind: Literal["reinforce"] = "reinforce"
    hidden_size: PositiveInt = Field(35, description="Units of each LSTM layer.")
    num_layers: PositiveInt = Field(2, description="LSTM layers.")
    init_range: PositiveFloat = Field(0.08, description="Parameters start in +- this, uniformly.")
    learning_rate: PositiveFloat = Field(6e-4, description="Of Adam.")
    baseline_decay: float = Field(
        0.95, ge=0, lt=1, description="Decay of the moving-average reward, for each child."
    )
    entropy_weight: float = Field(
        0.0, ge=0, description="Weight of the policy's entropy, in nats, in the objective."
    )
    gradients_per_update: PositiveInt = Field(
        1, description="Rounds, of all replicas, whose gradients make one step of Adam."
    )


class RandomConfig(_Part):
    """Random search: every decision uniformly at random, nothing learnt."""

    kind: Literal["random"] = "random"


ControllerConfig = Annotated[ReinforceConfig | RandomConfig, Field(discriminator="kind")]


# --- children: how a proposed network is judged ------------------------------------------------


class AugmentConfig(_Part):
    """Random changes to training images."""

    pad: int = Field(4, ge=0, description="Zero-pad by this many pixels, then crop at random.")
    flip: bool = Field(True, description="Flip half of the images left to right.")


class RewardConfig(_Part):
    """From validation accuracies to one number (Zoph & Le 2017, section 4.1)."""

    last_epochs: PositiveInt = Field(5, description="Best accuracy of this many last epochs ...")
    power: PositiveFloat = Field(3.0, description="... raised to this power.")


class ChildrenConfig(_Part):
    """How each child is trained and judged."""

    epochs: PositiveInt = Field(50, description="Passes over the training images.")
    batch_size: int = Field(128, ge=2, description="Images per gradient step.")
    learning_rate: PositiveFloat = Field(0.1, description="Of SGD, at the start.")
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="Learning rate over the steps; cosine ends at 0."
    )
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: float = Field(1e-4, ge=0, description="L2 penalty, as torch's weight_decay.")
    augment: AugmentConfig = Field(default_factory=AugmentConfig)
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
        return self


# --- search and resources ------------------------------------------------------------------------


class LoopConfig(_Part):
    """The loop and its budget."""

    max_children: PositiveInt = Field(12_800, description="The budget, over all replicas.")
    children_per_round: PositiveInt = Field(8, description="m: one policy update from each m.")
    replicas: PositiveInt = Field(1, description="K: controller replicas.")
    shards: PositiveInt = Field(1, description="S: shards of the controller's parameters.")
    stop_at_score: float | None = Field(
        None, description="Stop once a child's score reaches this (a fraction for accuracy)."
    )
    lease_s: PositiveFloat = Field(
        600.0, description="A run on another machine that shows no life this long is dead."
    )
    wait_for: PositiveInt | None = Field(
        None,
        description="As Jobs or in one pod, results that are enough for a round; unset: those of "
        "all children. Once there are so many ...",
    )
    grace_s: float = Field(
        600.0, ge=0, description="... the other children have this long; then they are missing."
    )

    @property
    def rounds(self) -> int:
        """Rounds of each replica: as many full rounds as the budget holds, at least one."""
        return max(1, self.max_children // (self.children_per_round * self.replicas))

    @model_validator(mode="after")
    def _check(self) -> LoopConfig:
        if self.wait_for is not None and self.wait_for > self.children_per_round:
            raise ValueError(
                f"wait_for ({self.wait_for}) must be at most children_per_round "
                f"({self.children_per_round})"
            )
        return self


_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?")


def _quantity(value: object) -> str:
    text = f"{value:g}" if isinstance(value, int | float) else str(value)
    if not _QUANTITY.fullmatch(text):
        raise ValueError(f"expected an amount such as 500m, 2 or 8Gi, got {value!r}")
    return text


Quantity = Annotated[str, BeforeValidator(_quantity)]
"""An amount as Kubernetes writes it."""

FanOut = Literal["tasks", "jobs", "pod"]
MOST_TASKS = 32
"""Children of a round that are a pipeline task each, where nothing else is said."""


class ResourcesConfig(_Part):
    """What children may use. Only `memory_mb` means anything to the local engine.

    The others are of the pod that a child trains in; with the fan-out `pod`, of the one pod in
    which all children of a round do.
    """

    memory_mb: PositiveInt | None = Field(
        None,
        description="Memory of each child, in MiB; unset: its share of what is here.",
    )
    fanout: FanOut | None = Field(
        None,
        description="On a cluster, a round's children are a pipeline task each (tasks), a Job each "
        f"(jobs), or all in one pod (pod); unset: tasks up to {MOST_TASKS} children, else jobs.",
    )
    cpu: Quantity = Field("1", description="CPUs of a pod, such as 500m or 4.")
    memory: Quantity = Field("2Gi", description="Memory of a pod, shared memory included.")
    ephemeral_storage: Quantity | None = Field(
        None, description="Local disk of a pod, such as 10Gi (jobs only)."
    )
    shared_memory: Quantity | None = Field(
        None, description="Of /dev/shm; unset: as much as the memory (jobs only)."
    )
    gpu_count: int = Field(0, ge=0, description="GPUs of a pod.")
    gpu_type: str = Field(
        "nvidia.com/gpu", min_length=1, description="What the cluster calls a GPU."
    )
    node_selector: dict[str, str] = Field({}, description="Labels of the nodes to run on.")
    tolerations: tuple[dict[str, str | int], ...] = Field(
        (), description="Taints of nodes to put up with, such as those of spot nodes."
    )
    image_pull_secrets: tuple[str, ...] = Field(
        (), description="Secrets for the image's registry (jobs only)."
    )
    priority_class: str = Field("", description="The pods' PriorityClass (jobs only).")
    queue: str = Field("", description="The Kueue LocalQueue to wait in (jobs only).")
    deadline_s: PositiveInt = Field(
        24 * 3600,
        description="A child's Job that is not done by then is ended (jobs only); the time "
        "in which it waits for a node counts.",
    )
    ttl_s: int = Field(
        3600, ge=0, description="A finished Job is deleted after this long (jobs only)."
    )

    @field_validator("tolerations")
    @classmethod
    def _check(cls, tolerations: tuple[dict[str, str | int], ...]) -> Any:
        known = {"key", "operator", "value", "effect", "tolerationSeconds"}
        for toleration in tolerations:
            if unknown := set(toleration) - known:
                raise ValueError(
                    f"a toleration has {', '.join(sorted(known))}, got {min(unknown)!r}"
                )
        return tolerations


class SearchConfig(_Part):
    """A whole search."""

    name: str = Field("search", pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=40)
    seed: int = Field(0, ge=0, lt=2**63)
    task: TaskConfig = Field(default_factory=TaskConfig)
    space: SpaceConfig = Field(default_factory=CnnSpaceConfig)
    controller: ControllerConfig = Field(default_factory=ReinforceConfig)
    children: ChildrenConfig = Field(default_factory=ChildrenConfig)
    search: LoopConfig = Field(default_factory=LoopConfig)
    resources: ResourcesConfig = Field(default_factory=ResourcesConfig)
