"""What children may use on a cluster."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, field_validator
from pydantic_core import PydanticCustomError

from nas_lib.bounds import Label, Mebibytes
from nas_lib.part import Part

_QUANTITY = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?(m|[kMGTPE]|[KMGTPE]i)?")


def _quantity(value: object) -> str:
    text = f"{value:.15g}" if isinstance(value, float) else str(value)  # Kubeflow: 2 is 2.0
    if not _QUANTITY.fullmatch(text):
        raise PydanticCustomError("quantity", "an amount such as 500m, 2 or 8Gi")
    return text


Quantity = Annotated[str, BeforeValidator(_quantity)]
"""An amount as Kubernetes writes it."""


def _toleration_value(value: object) -> str | int:
    if isinstance(value, float) and value.is_integer():  # Kubeflow: 300 is 300.0
        return int(value)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    raise PydanticCustomError("toleration", "text or a whole number")


TolerationValue = Annotated[str | int, PlainValidator(_toleration_value)]

FanOut = Literal["tasks", "jobs", "pod"]
MOST_TASKS = 32
"""Children of a round that are a pipeline task each, where nothing else is said."""


class ResourcesConfig(Part):
    """What a search may use. Only those in MiB mean anything to the local engine.

    The others are of the pod that a child trains in; with the fan-out `pod`, of the one pod in
    which all children of a round do.
    """

    memory_mb: Mebibytes | None = Field(
        None,
        description="Memory of each child, in MiB; unset: its share of what is here.",
    )
    unpacked_mb: Mebibytes | None = Field(
        None,
        description="Memory that the data may take once they are read and unpacked, in MiB; unset: "
        "half of the memory that may be used. A folder of images above 256 MiB takes little.",
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
    gpu_count: int = Field(0, ge=0, le=1000, description="GPUs of a pod.")
    gpu_type: Label = Field(
        "nvidia.com/gpu", min_length=1, description="What the cluster calls a GPU."
    )
    node_selector: dict[Label, Label] = Field({}, description="Labels of the nodes to run on.")
    tolerations: tuple[dict[Label, TolerationValue], ...] = Field(
        (), description="Taints of nodes to put up with, such as those of spot nodes."
    )
    image_pull_secrets: tuple[Label, ...] = Field(
        (), description="Secrets for the image's registry (jobs only)."
    )
    priority_class: Label = Field("", description="The pods' PriorityClass (jobs only).")
    queue: Label = Field("", description="The Kueue LocalQueue to wait in (jobs only).")
    deadline_s: int = Field(
        24 * 3600,
        ge=1,
        le=10**9,
        description="A child's Job that is not done by then is ended (jobs only), and the time in "
        "which it waits for a node counts; never before children.timeout_s is over.",
    )
    pending_s: int = Field(
        3600,
        ge=1,
        le=10**9,
        description="A child's Job is given up after so long in which no pod of its round runs and "
        "its own waits for a node or its image (jobs only); in a queue no time counts.",
    )
    ttl_s: int = Field(
        3600, ge=0, le=10**9, description="A finished Job is deleted after this long (jobs only)."
    )

    @property
    def pod_tolerations(self) -> tuple[dict[str, str | int], ...]:
        """The tolerations of a pod; without a GPU it has no business on nodes kept for those."""
        if self.gpu_count:
            return self.tolerations
        return tuple(each for each in self.tolerations if each.get("key") != self.gpu_type)

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
