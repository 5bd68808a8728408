"""Containers of the image under test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import docker
from kfp_nas.components.image import IMAGE


@dataclass(frozen=True)
class Ran:
    """How a container's command ended, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Image:
    """The image, in the engine that holds it."""

    engine: docker.DockerClient

    def labels(self) -> dict[str, str]:
        return self.engine.images.get(IMAGE).labels

    def run(self, command: str, **options: Any) -> Ran:
        """Run a shell command in a container of its own, with options of docker's `run`."""
        container = self.engine.containers.run(IMAGE, ["sh", "-c", command], detach=True, **options)
        try:
            exit_code = container.wait()["StatusCode"]
            stdout, stderr = (
                container.logs(stdout=wanted, stderr=not wanted).decode()
                for wanted in (True, False)
            )
            return Ran(exit_code, stdout, stderr)
        finally:
            container.remove(force=True)
