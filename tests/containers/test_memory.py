"""A child that needs more memory than its container has is a result, and no lost container."""

from __future__ import annotations

from pathlib import Path

import pytest
from container_image import Image

from nas_lib.records import ChildResult, from_json

pytestmark = [pytest.mark.container, pytest.mark.timeout(1800)]  # it may have to be built

HERE = {str(Path(__file__).parent): {"bind": "/tests", "mode": "ro"}}
OWN = "children.kind=own"


def only_child(image: Image, *settings: str) -> ChildResult:
    """Search in a container with 700 MiB, one attempt at one child; return the child's result."""
    fixed = ("search.max_children=1", "search.children_per_round=1", "children.max_attempts=1")
    overrides = " ".join(f"--set {setting}" for setting in (*fixed, *settings))
    ran = image.run(
        f"nas search digits --workers 1 --store /tmp/state {overrides} >&2 "
        "&& cat /tmp/state/children/*/result.json",
        mem_limit="700m",
        volumes=HERE,
        environment={"PYTHONPATH": "/tests"},
    )
    assert ran.exit_code == 0, ran.stderr
    return from_json(ChildResult, ran.stdout.encode(), key="result.json")


def test_the_supervisor_ends_a_child_before_the_kernel_does(image: Image) -> None:
    result = only_child(image, OWN, "children.evaluate=hungry:step_by_step")

    assert result.status == "out_of_memory"
    assert result.message.endswith("MiB of memory, and its container has no more than 700 MiB")


def test_where_the_kernel_is_faster_the_result_is_the_same(image: Image) -> None:
    result = only_child(image, OWN, "children.evaluate=hungry:unseen")

    assert result.status == "out_of_memory"
    assert result.message.startswith("killed by the kernel")


def test_a_network_that_is_too_large_is_a_result(image: Image) -> None:
    result = only_child(image, "children.batch_size=1024", "space.num_filters=[2048]")

    assert result.status == "out_of_memory"
