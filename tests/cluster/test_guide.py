"""The commands of the manifests' README and of the guide's step 3, typed into a real cluster.

The last test but one deletes what those before have applied, as the README says.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from minio import Minio
from minio.error import S3Error
from place import KUBECTL, ROOT, RUNS_AS, Place, eventually, kubectl
from searches import tabular

from nas_lib.engine import search

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

README = (ROOT / "manifests/README.md").read_text()
GUIDE = (ROOT / "docs/kubeflow.md").read_text()
KUBEFLOW, STORE = Place("kubeflow"), Place("nas")
SEAWEEDFS = "ghcr.io/chrislusf/seaweedfs:4.34"


@dataclass(frozen=True)
class Clone:
    """The repository as a user has cloned it, and a shell there."""

    folder: Path
    image: str

    def types(self, block: str, **variables: str) -> str:
        """Run commands of the README, and return what they print."""
        done = subprocess.run(
            ["bash", "-euc", block],
            cwd=self.folder,
            env={**os.environ, "PATH": f"{Path(KUBECTL).parent}:{os.environ['PATH']}", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def checks_the_store(self) -> str:
        """Wait for the Job as the README says, and return its log."""
        return self.types(block_after("Then, in any of them")).partition("\n")[2]


def block_after(text: str, which: int = 0, *, document: str = README, kind: str = "sh") -> str:
    """Return a block of a document, by what stands before it."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", document.split(text, 1)[1], re.DOTALL | re.M)
    return blocks[which]


@pytest.fixture(scope="module")
def before() -> Iterator[set[str]]:
    """What there is in Kubeflow's namespace before anything of ours is."""
    for place in (KUBEFLOW, STORE):
        if place.namespace in names("namespaces"):
            pytest.skip(f"the namespace {place.namespace} is there already, and somebody's")
    kubectl("create", "namespace", KUBEFLOW.namespace)
    try:
        KUBEFLOW.kubectl("create", "serviceaccount", RUNS_AS)
        yield eventually(
            lambda: everything() if "configmap/kube-root-ca.crt" in everything() else None
        )
    finally:
        kubectl("delete", "namespace", "--ignore-not-found", KUBEFLOW.namespace, STORE.namespace)


@pytest.fixture(scope="module")
def clone(image: str, s3_image: str, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "manifests", folder / "manifests")
    file = folder / "manifests/seaweedfs/seaweedfs.yaml"
    file.write_text(file.read_text().replace(SEAWEEDFS, s3_image))
    return Clone(folder, image)


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A volume for SeaweedFS, of this machine if the cluster makes none by itself."""
    if names("storageclasses"):
        yield
        return
    folder = tmp_path_factory.mktemp("volume")
    folder.chmod(0o777)
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": str(folder)},
    }
    name = f"nas-test-{os.getpid()}"
    STORE.apply(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
    )
    yield
    kubectl("delete", "persistentvolume", name, "--wait=false")


@pytest.fixture(scope="module")
def logs(before: set[str], volume: None, clone: Clone) -> list[str]:
    """What both Jobs say after `standalone` was applied, with a store that is late."""
    clone.types(block_after("## Apply"), NAS_IMAGE=clone.image)
    clone.types(block_after("**standalone, kind**"))
    STORE.kubectl("scale", "statefulset/seaweedfs", "--replicas=0")
    eventually(lambda: "cannot reach the server" in log("nas-store-init"))
    STORE.kubectl("scale", "statefulset/seaweedfs", "--replicas=1")
    return [clone.checks_the_store(), STORE.wait_for_job("nas-bucket", timeout_s=120)]


def test_a_store_that_is_late_is_waited_for_in_one_pod(logs: list[str]) -> None:
    runs, admin = (log.splitlines() for log in logs)

    assert runs[-3:] == [
        "s3://mlpipeline/nas/digits is there and ready for searches",
        "create-only writes are atomic: one winner in each of 4 races",
        "these credentials may not set the bucket's rules, which remove old checkpoints",
    ]
    assert admin[-3::2] == [
        "s3://mlpipeline/nas/digits is made and ready for searches",
        "checkpoints below nas/digits/checkpoints/ expire after 30 days",
    ]
    for place in (KUBEFLOW, STORE):
        pods = place.get("pods", "--selector", "app.kubernetes.io/component=store-init")
        assert [pod["status"]["phase"] for pod in pods] == ["Succeeded"]


@pytest.mark.usefixtures("logs")
def test_the_user_of_runs_can_search_and_touch_nothing_else(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (clone.folder / "manifests/seaweedfs/runs.env").read_text().splitlines()
    keys = dict(line.split("=") for line in lines)
    with STORE.forwarded("service/seaweedfs", 9000) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["accesskey"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["secretkey"])
        handle = search(tabular(max_children=8), store="s3://mlpipeline/nas/tabular", workers=1)
        assert handle.view.finished

        client = Minio(
            f"127.0.0.1:{port}",
            access_key=keys["accesskey"],
            secret_key=keys["secretkey"],
            secure=False,
            region="us-east-1",
        )
        for refused in trespasses(client):
            with pytest.raises(S3Error) as caught:
                refused()
            assert caught.value.code == "AccessDenied"


def trespasses(client: Minio) -> list[Callable[[], object]]:
    bucket, elsewhere = "mlpipeline", "v2/artifacts/x"
    policy = '{"Version": "2012-10-17", "Statement": []}'
    return [
        lambda: client.make_bucket("mine"),
        lambda: client.remove_bucket(bucket),
        lambda: client.set_bucket_policy(bucket, policy),
        lambda: client.delete_bucket_lifecycle(bucket),
        lambda: list(client.list_objects(bucket)),
        lambda: list(client.list_objects(bucket, prefix="v2/")),
        lambda: client.get_object(bucket, elsewhere),
        lambda: client.put_object(bucket, elsewhere, io.BytesIO(b"x"), 1),
        lambda: client.remove_object(bucket, elsewhere),
    ]


@pytest.mark.usefixtures("logs")
def test_another_overlay_is_applied_over_it_and_checks_again(clone: Clone) -> None:
    """That of a cloud, whose S3 is the SeaweedFS here, and whose runs have an account of theirs."""
    commands = block_after("**gke, eks, aks**").replace("cloud=gke", "cloud=eks")
    commands = commands.replace(
        'echo "search_uri=gs://$BUCKET/nas/digits"',
        "printf 'search_uri=s3://mlpipeline/nas/other\\nendpoint=http://seaweedfs.nas.svc:9000\\n'",
    )

    clone.types(block_after("**Again**") + commands, IDENTITY="arn:aws:iam::111122223333:role/nas")

    assert "s3://mlpipeline/nas/other is there and ready" in clone.checks_the_store()
    (pod,) = KUBEFLOW.get("pods", "--selector", "app.kubernetes.io/name=nas-store-init")
    assert pod["spec"]["serviceAccountName"] == "nas"


@pytest.mark.usefixtures("logs")
def test_a_wrong_key_fails_at_once_in_one_sentence(clone: Clone) -> None:
    """A Secret and a ConfigMap that were made by hand, as for another store."""
    KUBEFLOW.kubectl("delete", "secret/nas-store", "configmap/nas-store")
    (clone.folder / "runs.env").write_text("accesskey=nas-runs\nsecretkey=wrong\n")
    commands = block_after("## Another store instead")
    commands = commands.replace("https://S3.EXAMPLE.COM", "http://seaweedfs.nas.svc:9000")
    commands = commands.replace("BUCKET/", "mlpipeline/")
    began_s = time.monotonic()

    clone.types(block_after("**Again**") + commands)

    assert clone.checks_the_store() == (
        "nas: cannot set up s3://mlpipeline/nas/digits: the credentials were refused; "
        "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY\n"
    )
    assert time.monotonic() - began_s < 60


@pytest.mark.usefixtures("logs")
def test_what_is_missing_shows_as_the_guide_says(clone: Clone) -> None:
    again = block_after("**Again**") + "kubectl apply -k manifests/base"

    KUBEFLOW.kubectl("delete", "configmap", "nas-store", "--ignore-not-found")
    clone.types(again)
    eventually(lambda: waiting_for() == "CreateContainerConfigError")

    KUBEFLOW.kubectl("delete", "serviceaccount", RUNS_AS)
    clone.types(again)
    eventually(lambda: "FailedCreate" in KUBEFLOW.kubectl("describe", "job", "nas-store-init"))
    KUBEFLOW.kubectl("create", "serviceaccount", RUNS_AS)


@pytest.mark.usefixtures("logs")
def test_the_commands_to_delete_it_leave_nothing(before: set[str], clone: Clone) -> None:
    assert everything() > before

    clone.types(block_after("## Stop, delete", 1))

    assert STORE.namespace not in names("namespaces")
    eventually(lambda: everything() == before)


def test_kubeflow_s_own_store_gets_a_user_for_runs(
    before: set[str], clone: Clone, s3_image: str
) -> None:
    kubeflows_own_store(s3_image)
    clone.types(block_after("## Apply"), NAS_IMAGE=clone.image)

    clone.types(block_after("Kubeflow's own is SeaweedFS", document=GUIDE))

    said = clone.checks_the_store()
    assert said == block_after("Whichever it is", 1, document=GUIDE, kind="(?:sh)?")
    clone.types(block_after("## Stop, delete", 1))
    KUBEFLOW.kubectl("delete", "deployment/seaweedfs", "service/seaweedfs")
    eventually(lambda: everything() == before)


def kubeflows_own_store(s3_image: str) -> None:
    """Start a SeaweedFS with the arguments, bucket and user that Kubeflow 2.17 gives its own."""
    labels = {"app": "seaweedfs"}
    options = ["-dir=/data", "-s3", "-iam", "-filer", "-master.volumePreallocate=false"]
    container = {
        "name": "seaweedfs",
        "image": s3_image,
        "command": ["weed", "server", *options],
        "readinessProbe": {"httpGet": {"path": "/status", "port": 8333}, "periodSeconds": 1},
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pod = {
        "containers": [container],
        "securityContext": {"fsGroup": 1000},
        "volumes": [{"name": "data", "emptyDir": {}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    ports = [{"port": 9000, "targetPort": 8333}]
    name = {"name": "seaweedfs"}
    KUBEFLOW.apply(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": name, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": name,
            "spec": {"selector": labels, "ports": ports},
        },
    )
    KUBEFLOW.kubectl("rollout", "status", "deployment/seaweedfs", "--timeout=2m")
    admin = "s3.configure -user kubeflow-admin -access_key minio -secret_key of-this-test"
    shell = f"s3.bucket.create --name mlpipeline\n{admin} -actions Admin -apply\n"
    KUBEFLOW.kubectl("exec", "-i", "deployment/seaweedfs", "--", "weed", "shell", stdin=shell)


def waiting_for() -> str | None:
    pods = KUBEFLOW.get("pods", "--selector", "app.kubernetes.io/name=nas-store-init")
    states = [box["state"] for pod in pods for box in pod["status"].get("containerStatuses", ())]
    return states[0].get("waiting", {}).get("reason") if states else None


def everything() -> set[str]:
    """Return all that there is in Kubeflow's namespace, but for what is told of it."""
    listed = ["api-resources", "--verbs=list", "--namespaced", "-o", "name"]
    kinds = [kind for kind in kubectl(*listed).split() if not kind.startswith("events")]
    return set(KUBEFLOW.kubectl("get", ",".join(kinds), "-o", "name").splitlines())


def names(kind: str) -> set[str]:
    found = kubectl("get", kind, "-o", "name").splitlines()
    return {each.partition("/")[2] for each in found if "/" in each}


def log(job: str) -> str:
    return KUBEFLOW.kubectl("logs", f"job/{job}", check=False)
