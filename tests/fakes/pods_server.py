"""The part of a Kubernetes API server that has pods and their logs, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from kubernetes import client

_API = "/api/v1/namespaces/kubeflow/pods"
_MODELS = client.ApiClient()


@dataclass
class FakePods:
    """The pods of one namespace, and what they have said."""

    url: str = ""
    pods: list[client.V1Pod] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    status: int = 200

    def add(
        self,
        name: str,
        second: int,
        labels: dict[str, str],
        *,
        place: str = "",
        command: list[str] | None = None,
        log: str | None,
    ) -> None:
        """Add a pod that began at this second; without a log, it has not started.

        Args:
            name: Of the pod.
            second: When it began.
            labels: Its labels.
            place: Of a task's pod, where Argo says that it is in the graph.
            command: Of its first container.
            log: What that has said.
        """
        annotations = {"workflows.argoproj.io/node-name": place} if place else None
        metadata = client.V1ObjectMeta(
            name=name,
            namespace="kubeflow",
            labels=labels,
            annotations=annotations,
            creation_timestamp=datetime(2030, 1, 1, 0, 0, second, tzinfo=UTC),
        )
        names = ["main", "wait"] if place else ["child"]
        containers = [client.V1Container(name=each, image="kfp-nas") for each in names]
        containers[0].command = command
        pod = client.V1Pod(
            metadata=metadata,
            spec=client.V1PodSpec(containers=containers),
            status=client.V1PodStatus(phase="Pending" if log is None else "Succeeded"),
        )
        self.pods.append(pod)
        if log is not None:
            self.logs[f"{_API}/{name}/log?container={names[0]}"] = log

    def answer(self, path: str) -> tuple[int, str, str]:
        """Return status, content type and body."""
        url = urlsplit(path)
        if self.status != 200:
            return self.status, "application/json", "{}"
        if url.path == _API:
            label = dict(parse_qsl(url.query))["labelSelector"].split("=")
            items = [pod for pod in self.pods if pod.metadata.labels.get(label[0]) == label[1]]
            listed = client.V1PodList(items=items)
            return 200, "application/json", json.dumps(_MODELS.sanitize_for_serialization(listed))
        if path in self.logs:
            return 200, "text/plain", self.logs[path]
        return 400, "application/json", '{"message": "container is waiting to start"}'


@contextmanager
def running_pods(kubeconfig: Path) -> Iterator[FakePods]:
    """Serve until the end, with this kubeconfig."""
    pods = FakePods()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content_type, text = pods.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pods.url = f"http://127.0.0.1:{server.server_port}"
    kubeconfig.write_text(json.dumps(_kubeconfig(pods.url)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield pods
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _kubeconfig(url: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "clusters": [{"name": "tests", "cluster": {"server": url}}],
        "users": [{"name": "tests", "user": {}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
    }
