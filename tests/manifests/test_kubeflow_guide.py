"""The guide to Kubeflow says what is so: fields, settings, messages, images."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from kfp_nas.pipelines.nas_search import nas_search
from kustomized import BASE, ROOT

from nas_lib.config_file import resolve_config
from nas_lib.presets import preset

GUIDE = (ROOT / "docs/kubeflow.md").read_text()
MANIFESTS = (ROOT / "manifests/README.md").read_text()


def table_rows(document: str, heading: str) -> list[list[str]]:
    """Return the cells of the table whose first column has this heading."""
    table = re.search(rf"^\| {heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", document, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table[1].splitlines()]


def test_the_form_has_these_fields_in_this_order() -> None:
    inputs = nas_search.component_spec.inputs

    fields = [(name.strip("`"), value.strip("`")) for name, value, _ in table_rows(GUIDE, "field")]

    assert fields == [
        (name, str(int(default) if isinstance(default, float) else default))
        for name, default in sorted((name, each.default) for name, each in inputs.items())
    ]


def test_tasks_have_the_artifacts_where_results_are_said_to_be() -> None:
    pipeline = yaml.safe_load_all((ROOT / "pipelines/nas_search/nas_search.yaml").read_text())
    components = next(pipeline)["components"]

    task = ""
    for name, artifacts, _ in table_rows(GUIDE, "task"):
        task = name.strip("`") or task
        outputs = components[f"comp-{task}"]["outputDefinitions"]["artifacts"]
        assert set(re.findall(r"\w+", artifacts)) <= set(outputs)


@pytest.mark.parametrize(
    "block", re.findall(r"^```json\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
)
def test_the_examples_of_overrides_are_settings(block: str) -> None:
    config = resolve_config("digits", json.loads(block), stored=None)

    assert config != preset("digits")


def test_the_messages_are_those_that_the_code_has() -> None:
    code = "".join(file.read_text() for file in sorted((ROOT / "nas_lib").rglob("*.py")))
    sentences = re.sub(r'"\s*\n\s*f?"', "", code)  # adjacent literals are one
    seen = " ".join(cells[0] for cells in table_rows(GUIDE, "you see"))
    messages = [text for text in re.findall("`(.+?)`", seen) if " " in text]

    assert len(messages) >= 8
    parts = [part.strip(": ") for text in messages for part in text.split("...")]
    assert [part for part in parts if part not in sentences] == []


def test_the_images_are_those_of_the_manifests() -> None:
    _, minio = yaml.safe_load((BASE / "kustomization.yaml").read_text())["images"]
    official = re.search(r"quay\.io/minio/minio:\S+", (BASE / "minio.yaml").read_text())[0]

    rows = [image for image, _ in table_rows(MANIFESTS, "image")]

    assert rows[0].startswith(f"`{official}`")
    assert minio["newName"] == official.partition(":")[0]
    assert minio["digest"] in rows[0]
    (fork,) = yaml.safe_load(re.search(r"^```yaml\n(.*?)^```", MANIFESTS, re.DOTALL | re.M)[1])
    assert fork["name"] == minio["name"]
    assert fork["newName"] in rows[2]
    assert fork["digest"] in rows[2]
