"""What kustomize makes of a folder, as far as `manifests/base` uses it: for machines without it.

That it is the same where there is a kubectl has a test.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BASE = ROOT / "manifests" / "base"

Resource = dict[str, Any]


def kustomized(folder: Path) -> list[Resource]:
    """Return the resources that `kubectl kustomize` would print, in another order."""
    document = yaml.safe_load((folder / "kustomization.yaml").read_text())
    del document["apiVersion"], document["kind"]
    files = [folder / name for name in document.pop("resources")]
    resources = [each for file in files for each in yaml.safe_load_all(file.read_text())]
    options = document.pop("generatorOptions")
    assert options.pop("disableNameSuffixHash")
    resources += [_secret(each, folder, **options) for each in document.pop("secretGenerator")]
    namespace, images = document.pop("namespace"), document.pop("images")
    assert not document, f"unknown to these tests: {sorted(document)}"
    for resource in resources:
        if resource["kind"] != "Namespace":
            resource["metadata"]["namespace"] = namespace
        for container in containers(resource):
            container["image"] = _replaced(container["image"], images)
    return resources


def containers(resource: Resource) -> list[Resource]:
    """Return the containers of a workload, none of any other resource."""
    pod = resource.get("spec", {}).get("template", {}).get("spec", {})
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def _secret(generator: Resource, folder: Path, *, labels: dict[str, str]) -> Resource:
    lines = (line for name in generator["envs"] for line in _lines(folder / name))
    pairs = (line.split("=", 1) for line in lines)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": generator["name"], "labels": labels},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in pairs},
    }


def _lines(file: Path) -> Iterator[str]:
    return (line for line in file.read_text().splitlines() if line and not line.startswith("#"))


def _replaced(image: str, replacements: list[dict[str, str]]) -> str:
    name, _, tag = image.partition(":")
    for new in replacements:
        if new["name"] == name:
            digest = new.get("digest")
            end = f"@{digest}" if digest else f":{new.get('newTag', tag)}"
            return new.get("newName", name) + end
    return image
