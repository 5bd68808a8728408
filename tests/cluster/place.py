"""A namespace of its own in a real cluster, with our manifests applied and an S3 in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
KUBECTL = str(Path(sys.executable).parent / "kubectl")
STORE_ENVIRONMENT = (
    ("AWS_ACCESS_KEY_ID", "secretKeyRef", "accesskey"),
    ("AWS_SECRET_ACCESS_KEY", "secretKeyRef", "secretkey"),
    ("AWS_ENDPOINT_URL", "configMapKeyRef", "endpoint"),
    ("AWS_REGION", "configMapKeyRef", "region"),
)
_CONTAINER = "/spec/template/spec/containers/0"
RUNS_AS = "pipeline-runner"
"""The service account that Kubeflow gives to runs: here it is ours to make."""


def kubectl(*arguments: str, stdin: str = "", check: bool = True) -> str:
    """Return what kubectl prints."""
    done = subprocess.run(
        [KUBECTL, *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


@dataclass(frozen=True)
class Place:
    """A namespace."""

    namespace: str

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        return kubectl("--namespace", self.namespace, *arguments, stdin=stdin, check=check)

    def get(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        found = json.loads(self.kubectl("get", kind, *arguments, "-o", "json"))
        return found["items"] if found["kind"].endswith("List") else [found]

    def apply(self, *resources: dict[str, Any]) -> None:
        self.kubectl("apply", "--validate=strict", "-f", "-", stdin=yaml.safe_dump_all(resources))

    def script_job(
        self, name: str, image: str, script: str, *, account: str = RUNS_AS
    ) -> dict[str, Any]:
        """Return a Job that runs Python in our image, as a task of a run would be."""

        def from_field(variable: str, path: str) -> dict[str, Any]:
            return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}}

        container = {
            "name": "main",
            "image": image,
            "command": ["python3", "-c", script],
            "env": [
                {"name": "NAS_IMAGE", "value": image},
                from_field("NAS_NAMESPACE", "metadata.namespace"),
                from_field("NAS_SERVICE_ACCOUNT", "spec.serviceAccountName"),
                *(_from_store(*each) for each in STORE_ENVIRONMENT),
            ],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        pod = {
            "restartPolicy": "Never",
            "serviceAccountName": account,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        }

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[int]:
        """Yield a port of this machine that leads to a port of the target."""
        with subprocess.Popen(
            [KUBECTL, "--namespace", self.namespace, "port-forward", target, f":{port}"],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                first_line = process.stdout.readline()  # Forwarding from 127.0.0.1:43567 -> 9000
                yield int(first_line.split("->")[0].rpartition(":")[2])
            finally:
                process.terminate()

    def wait_for_job(self, name: str, timeout_s: float) -> str:
        """Return the Job's log once it is complete."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            (job,) = (each for each in self.get("jobs") if each["metadata"]["name"] == name)
            if job["status"].get("succeeded"):
                return self.kubectl("logs", f"job/{name}")
            if any(each["type"] == "Failed" for each in job["status"].get("conditions", ())):
                break
            time.sleep(1)
        raise AssertionError(
            f"{name} did not complete: {self.kubectl('describe', 'jobs', name)}"
            f"{self.kubectl('logs', f'job/{name}', '--tail=40', check=False)}"
        )


def eventually(found: Callable[[], Any], timeout_s: float = 120) -> Any:
    """Return what is found, once something is."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := found()):
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.2)
    return value


def has_token(pod: dict[str, Any]) -> bool:
    """Whether a pod could speak to Kubernetes."""
    mounts = (each for box in pod["spec"]["containers"] for each in box.get("volumeMounts", ()))
    return any("serviceaccount" in mount["mountPath"] for mount in mounts)


def _from_store(variable: str, source: str, key: str) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {source: {"name": "nas-store", "key": key}}}


def manifests(folder: Path, *, namespace: str, image: str, s3_image: str) -> list[dict[str, Any]]:
    """Return the overlay `standalone`, all in one namespace, without a volume.

    Its image of SeaweedFS may not be to be had, and a cluster for tests may have no volumes.
    """
    user_files(shutil.copytree(ROOT / "manifests", folder / "manifests"), image)
    there = f"http://seaweedfs.{namespace}.svc:9000"
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": ["manifests/overlays/standalone"],
        "patches": [
            _patch(
                "StatefulSet",
                "seaweedfs",
                ("remove", "/spec/volumeClaimTemplates", None),
                ("add", "/spec/template/spec/volumes/-", {"name": "data", "emptyDir": {}}),
                ("replace", "/spec/template/spec/containers/0/image", s3_image),
            ),
            _patch("ConfigMap", "nas-store", ("replace", "/data/endpoint", there)),
            _patch("Job", "nas-bucket", ("replace", f"{_CONTAINER}/env/0/value", there)),
            _patch("RoleBinding", "nas-jobs", ("replace", "/subjects/0/namespace", namespace)),
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return list(yaml.safe_load_all(kubectl("kustomize", str(folder))))


def user_files(folder: Path, image: str) -> None:
    """Write what a user has to make among the manifests of this folder."""
    name, _, tag = image.rpartition(":")
    example = (folder / "image/image.example.yaml").read_text()
    (folder / "image/image.yaml").write_text(example.replace("NAME", name).replace("TAG", tag))
    for user in ("admin", "runs"):
        keys = f"accesskey=nas-{user}\nsecretkey={user}-of-this-test\n"
        (folder / "seaweedfs" / f"{user}.env").write_text(keys)


def _patch(kind: str, name: str, *changes: tuple[str, str, object]) -> dict[str, Any]:
    patch = [{"op": op, "path": path, "value": value} for op, path, value in changes]
    return {"target": {"kind": kind, "name": name}, "patch": yaml.safe_dump(patch)}
