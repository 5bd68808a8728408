"""What every component's folder has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kfp import local
from kfp.components import load_component_from_text
from kfp_nas.components.readme import FOLDER, NAMES, component, readme

from nas_lib import __version__


def test_there_is_a_component_for_each_step() -> None:
    assert NAMES == [
        "aggregate_rewards",
        "derive_architectures",
        "export_model",
        "plan_rounds",
        "prepare_data",
        "sample_architectures",
        "train_as_jobs",
        "train_best",
        "train_child",
        "train_children",
        "train_shared_weights",
        "transfer_cells",
        "update_controller",
        "write_report",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_its_readme_is_what_its_docstring_says(name: str) -> None:
    assert (FOLDER / name / "README.md").read_text() == readme(name)


@pytest.mark.parametrize("name", NAMES)
def test_its_metadata_names_it_and_what_it_needs(name: str) -> None:
    metadata = yaml.safe_load((FOLDER / name / "metadata.yaml").read_text())

    assert metadata["name"] == name
    assert metadata["dependencies"]["kubeflow"] == [
        {"name": "Pipelines", "version": ">=2.17,<2.18"}
    ]


@pytest.mark.parametrize("name", NAMES)
def test_it_has_tests_of_its_own(name: str) -> None:
    assert (FOLDER / name / "tests" / f"test_{name}.py").exists()


@pytest.mark.parametrize("name", NAMES)
def test_it_compiles_alone_with_every_parameter_described(name: str, tmp_path: Path) -> None:
    from kfp.compiler import Compiler

    path = tmp_path / "component.yaml"
    Compiler().compile(component(name), str(path))

    assert load_component_from_text(path.read_text()).description
    parameters = yaml.safe_load(path.read_text())["root"]["inputDefinitions"]["parameters"]
    assert all(each["description"] for each in parameters.values())


WORKS_ON = {
    "sample_architectures": ", replica=replica",
    "update_controller": ", replica=replica",
    "train_child": ", children=[child]",
    "train_children": ", children=children",
    "train_as_jobs": ", children=children",
    "aggregate_rewards": ", children=children",
}
"""What a step says that its work is on, so that a pod's loss is told with its round or child."""


@pytest.mark.parametrize("name", NAMES)
def test_its_body_is_imports_and_calls_in_one_pod_step(name: str) -> None:
    """Anything with an `if` belongs where a plain test reaches it."""
    lines = (FOLDER / name / "component.py").read_text().rpartition('"""')[2].splitlines()
    words = {line.split()[0] for line in lines if line.strip()}

    assert not words & {"if", "while", "try:", "def", "class"}
    opened = [line.strip() for line in lines if "with" in line.split()]
    ((step, works_on),) = (line.split(", run", maxsplit=1) for line in opened)
    assert step == f'with pods.pod_step(search_uri, "{name}"'
    assert works_on == f"{WORKS_ON.get(name, '')}) as search:"


def test_they_run_alone_under_kfp_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a dict, and with lists and artifacts as outputs; all run within pipelines, elsewhere."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "artifacts"))
    uri = {"search_uri": str(tmp_path / "state"), "run": "run"}
    overrides = {
        "space": {"kind": "custom", "object": "searches:SPACE"},
        "children": {"kind": "own", "evaluate": "searches:product"},
        "search": {"max_children": 2, "children_per_round": 2},
    }

    def run(name: str, **arguments: object) -> dict[str, object]:
        return component(name)(**uri, **arguments).outputs

    assert run("prepare_data", preset="digits", overrides=overrides)["Output"] == 0
    assert run("sample_architectures", replica=0)["Output"] == ["r000-000000-00", "r000-000000-01"]
    report = run("write_report", replica=0)["report"]
    assert "<html" in Path(report.path).read_text()


def test_the_image_is_named_by_the_environment_or_the_release() -> None:
    command = "from kfp_nas.components.image import IMAGE; print(IMAGE)"

    images = [
        subprocess.run(
            [sys.executable, "-c", command], env=env, capture_output=True, text=True, check=True
        ).stdout.strip()
        for env in ({}, {"NAS_IMAGE": "registry/nas@sha256:1"})
    ]

    assert images == [f"kfp-nas:{__version__}", "registry/nas@sha256:1"]
