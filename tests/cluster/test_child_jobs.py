"""Jobs of children as a real Kubernetes takes them: its checks, its queues, its scheduler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from place import Place, eventually, kubectl
from searches import tabular

from nas_lib import steps
from nas_lib.cluster import job_news
from nas_lib.cluster.child_job import JobPlace, child_job, job_name
from nas_lib.cluster.jobs import JobWorkers
from nas_lib.cluster.kubernetes_api import KubernetesApi
from nas_lib.config import ResourcesConfig, SearchConfig
from nas_lib.open_search import OpenSearch
from nas_lib.pods import Log
from nas_lib.store import SearchStore

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

CHILD, RUN = "r000-000000-00", "run-1"
RICH = ResourcesConfig(
    ephemeral_storage="1Gi",
    shared_memory="64Mi",
    gpu_count=1,
    node_selector={"kubernetes.io/os": "linux"},
    tolerations=(
        {"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
    ),
    image_pull_secrets=("registry",),
    queue="gpus",
)
QUEUES = """
apiVersion: kueue.x-k8s.io/v1beta1
kind: ResourceFlavor
metadata: {{name: {name}}}
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {{name: {name}}}
spec:
  namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {name}}}}}
  resourceGroups:
    - coveredResources: [cpu, memory]
      flavors:
        - name: {name}
          resources: [{{name: cpu, nominalQuota: 8}}, {{name: memory, nominalQuota: 8Gi}}]
---
apiVersion: kueue.x-k8s.io/v1beta1
kind: LocalQueue
metadata: {{name: children, namespace: {name}}}
spec: {{clusterQueue: {name}}}
"""


@pytest.fixture
def there(place: Place, image: str) -> JobPlace:
    return JobPlace(place.namespace, image, "default", "nas-store", "nas-store")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_news, "LOOK_S", 0.5)


@pytest.fixture
def queues(place: Place) -> Iterator[str]:
    """What makes a queue; it is no queue yet."""
    if "clusterqueues.kueue.x-k8s.io" not in kubectl("get", "crds", "-o", "name"):
        pytest.skip("there is no Kueue in this cluster")
    yield QUEUES.format(name=place.namespace)
    for kind in ("localqueue/children", f"clusterqueue/{place.namespace}"):
        place.kubectl("delete", kind, "--ignore-not-found", "--wait=false")
    kubectl("delete", f"resourceflavor/{place.namespace}", "--ignore-not-found", "--wait=false")


def job(there: JobPlace, resources: ResourcesConfig, name: str = "checked") -> dict[str, Any]:
    config = SearchConfig(name=name, resources=resources)
    return child_job(CHILD, run=RUN, search_uri="s3://bucket/x", config=config, place=there)


def dry_run(place: Place, resource: dict[str, Any]) -> str:
    """Return what the server says of a resource, of which it knows every field."""
    options = ("--dry-run=server", "--validate=strict", "-f", "-")
    return place.kubectl("create", *options, stdin=json.dumps(resource), check=False)


class Waiter:
    """Who waits for the Jobs of a search of one round of one child."""

    def __init__(self, folder: Path, there: JobPlace, resources: ResourcesConfig) -> None:
        self.uri = str(folder / "state")
        config = tabular(max_children=1, children_per_round=1)
        config = config.model_copy(update={"resources": resources, "name": "waited-for"})
        steps.prepare_data(OpenSearch(self.uri), config=config)
        children = steps.sample_architectures(OpenSearch(self.uri), replica=0, run=RUN)
        search, self.api = OpenSearch(self.uri), KubernetesApi(there.namespace)
        self.name = job_name(CHILD, search_uri=search.uri, config=search.config)
        self.workers = JobWorkers(
            search, self.api, there, children=children, run=RUN, listener=Log()
        )

    @property
    def job(self) -> dict[str, Any]:
        return self.api.job(self.name)

    @property
    def problems(self) -> list[str]:
        return [problem.message for problem in SearchStore.open(self.uri).problems()]


@pytest.mark.parametrize("resources", [ResourcesConfig(), RICH])
def test_the_server_knows_every_field(
    place: Place, there: JobPlace, resources: ResourcesConfig
) -> None:
    made = dry_run(place, job(there, resources))

    assert "created (server dry run)" in made
    assert "Warning" not in made  # that pods of it would violate the namespace's restrictions


def test_a_misspelt_field_or_a_pod_with_rights_would_be_found(
    place: Place, there: JobPlace
) -> None:
    misspelt, privileged = job(there, ResourcesConfig()), job(there, ResourcesConfig())
    misspelt["spec"]["bakoffLimit"] = 1
    (container,) = privileged["spec"]["template"]["spec"]["containers"]
    container["securityContext"] = {"privileged": True}

    assert 'unknown field "spec.bakoffLimit"' in dry_run(place, misspelt)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "privileged"}}
    pod["spec"] = privileged["spec"]["template"]["spec"]
    assert 'violates PodSecurity "restricted' in dry_run(place, pod)


def test_a_finished_job_goes_after_its_time(place: Place, there: JobPlace) -> None:
    finished = job(there, ResourcesConfig(ttl_s=3), name="finished")
    (container,) = finished["spec"]["template"]["spec"]["containers"]
    container["command"] = ["true"]
    name, api = finished["metadata"]["name"], KubernetesApi(place.namespace)
    api.create_job(finished)

    eventually(lambda: api.job(name)["status"].get("succeeded"))
    assert api.job(name)  # and what it said can be read
    eventually(lambda: not api.job(name))
    assert place.get("pods", "--selector", f"job-name={name}") == []


@pytest.mark.usefixtures("often")
def test_a_job_that_no_node_can_take_is_given_up_with_the_schedulers_sentence(
    tmp_path: Path, there: JobPlace
) -> None:
    waiter = Waiter(tmp_path, there, ResourcesConfig(gpu_count=1, pending_s=2))
    waiter.workers.start(CHILD)

    assert waiter.workers.wait(60) == [CHILD]

    (problem,) = waiter.problems
    assert "was given up: no pod of it ran for 2 s (resources.pending_s); its pod: " in problem
    assert "Unschedulable 0/1 nodes are available: 1 Insufficient nvidia.com/gpu" in problem
    eventually(lambda: not waiter.job)


@pytest.mark.usefixtures("often")
def test_a_job_waits_in_a_queue_as_long_as_it_takes(
    tmp_path: Path, place: Place, there: JobPlace, queues: str
) -> None:
    """Though it belongs to something that no queue knows, as that is not its controller."""
    place.kubectl("create", "configmap", "run")
    (run,) = (each for each in place.get("configmaps") if each["metadata"]["name"] == "run")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "run", "uid": run["metadata"]["uid"]}
    owned = replace(there, owner=owner | {"controller": False, "blockOwnerDeletion": False})
    resources = ResourcesConfig(cpu="100m", memory="200Mi", queue="children", pending_s=1)
    waiter = Waiter(tmp_path, owned, resources)
    waiter.workers.start(CHILD)

    assert waiter.workers.wait(4) == []
    assert waiter.job["spec"]["suspend"] is True
    assert waiter.problems == []
    kubectl("apply", "-f", "-", stdin=queues)
    selector = ("--selector", f"job-name={waiter.name}")
    eventually(lambda: place.get("pods", *selector))
    assert waiter.job["spec"]["suspend"] is False

    place.kubectl("delete", "configmap", "run")
    eventually(lambda: not waiter.job)  # as with a run that is deleted
