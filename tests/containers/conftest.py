"""The image, built once. Without an engine nothing is tested here."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from container_image import Image
from docker.errors import DockerException
from kfp_nas.components.image import IMAGE


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    if "DOCKER_HOST" not in os.environ:
        pytest.skip("DOCKER_HOST names no container engine")
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as err:
        pytest.skip(f"no container engine answers at {os.environ['DOCKER_HOST']}: {err}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> Image:
    """Build it as a person would, under the name that pipelines compiled here give it."""
    subprocess.run(["make", "image", f"IMAGE={IMAGE}"], cwd=Path(__file__).parents[2], check=True)
    return Image(engine)
