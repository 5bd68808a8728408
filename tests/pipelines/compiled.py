"""A compiled pipeline as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml

from nas_lib.cluster.package import FAMILIES, compile_pipeline, pipeline_name
from nas_lib.config import FanOut
from nas_lib.procedures import pipeline_forms

ROOT = Path(__file__).parents[2]
FAN_OUTS: tuple[FanOut, ...] = get_args(FanOut)
PIPELINES = [pipeline_name(form.name, way) for form in pipeline_forms() for way in form.fanouts]


def committed(pipeline: str) -> Path:
    (folder,) = (each for each in FAMILIES if pipeline in (each, f"{each}-jobs", f"{each}-pod"))
    return ROOT / "pipelines" / folder.replace("-", "_") / f"{pipeline.replace('-', '_')}.yaml"


def compiled_text(pipeline: str, folder: Path) -> str:
    path = folder / "compiled.yaml"
    compile_pipeline(pipeline, path)
    return path.read_text()


@cache
def read(pipeline: str) -> Compiled:
    return Compiled(committed(pipeline).read_text())


class Compiled:
    """The two documents of a compiled pipeline: what runs, and how Kubernetes is to run it."""

    def __init__(self, text: str) -> None:
        self.spec, self.platform = yaml.safe_load_all(text)

    def dags(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every group of tasks, the root among them."""
        yield "root", self.spec["root"]
        for name, component in self.spec["components"].items():
            if "dag" in component:
                yield name, component

    def tasks(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every task: group, name, task."""
        for group, component in self.dags():
            for name, task in component["dag"]["tasks"].items():
                yield group, name, task

    def task(self, wanted: str) -> dict[str, Any]:
        (task,) = (task for _, name, task in self.tasks() if name == wanted)
        return task

    def executors(self) -> dict[str, dict[str, Any]]:
        executors = self.spec["deploymentSpec"]["executors"]
        return {name: each["container"] for name, each in executors.items()}

    def kubernetes(self) -> dict[str, dict[str, Any]]:
        deployment = self.platform["platforms"]["kubernetes"]["deploymentSpec"]
        return deployment["executors"]

    def parameters(self) -> dict[str, dict[str, Any]]:
        return self.spec["root"]["inputDefinitions"]["parameters"]
