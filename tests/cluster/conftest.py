"""A real cluster, that of KUBECONFIG. Without one nothing is tested here."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from place import ROOT, RUNS_AS, Place, kubectl, manifests

from nas_lib import __version__

_SEAWEEDFS = """
FROM python:3.11-slim
COPY weed /usr/local/bin/weed
"""


@pytest.fixture(scope="session", autouse=True)
def kubeconfig() -> None:
    if "KUBECONFIG" not in os.environ:
        pytest.skip("KUBECONFIG names no cluster")


@pytest.fixture(scope="session")
def image() -> str:
    """The image under test: that of NAS_IMAGE, which the cluster can pull, or built here."""
    if "NAS_IMAGE" in os.environ:
        return os.environ["NAS_IMAGE"]
    subprocess.run(["make", "image"], cwd=ROOT, check=True)
    return f"kfp-nas:{__version__}"


@pytest.fixture(scope="session")
def s3_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """SeaweedFS from PyPI in an image: that of NAS_S3_IMAGE, or built here."""
    if "NAS_S3_IMAGE" in os.environ:
        return os.environ["NAS_S3_IMAGE"]
    folder = tmp_path_factory.mktemp("seaweedfs")
    shutil.copy(Path(sys.executable).parent / "weed", folder)
    (folder / "Dockerfile").write_text(_SEAWEEDFS)
    subprocess.run(["docker", "build", "--quiet", "--tag", "nas-test-s3:1", folder], check=True)
    return "nas-test-s3:1"


@pytest.fixture(scope="session")
def place(image: str, s3_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A namespace with the manifests applied."""
    place = Place(f"nas-test-{secrets.token_hex(3)}")
    resources = manifests(
        tmp_path_factory.mktemp("kustomization"),
        namespace=place.namespace,
        image=image,
        s3_image=s3_image,
    )
    kubectl("create", "namespace", place.namespace)
    try:
        kubectl(
            "label", "namespace", place.namespace, "pod-security.kubernetes.io/enforce=restricted"
        )
        place.kubectl("create", "serviceaccount", RUNS_AS)
        place.apply(*(each for each in resources if each["kind"] != "Namespace"))
        yield place
    finally:
        kubectl("delete", "namespace", place.namespace, "--wait=false")


@pytest.fixture(scope="session")
def store(place: Place) -> Iterator[str]:
    """A bucket that this process can reach too, with the environment set for it."""
    place.wait_for_job("nas-store-init", timeout_s=120)
    with place.forwarded("service/seaweedfs", 9000) as port, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nas-runs")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "runs-of-this-test")
        yield "s3://mlpipeline/nas"
