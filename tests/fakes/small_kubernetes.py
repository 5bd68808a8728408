"""Just enough of Kubernetes to run Jobs, over its real REST protocol, and to be a bad one.

Jobs run on this machine: a pod is the container's command in a process. Kept apart are what the
cluster knows (`cluster_state`), what becomes of a Job (`job_controller`), and here, how one asks.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR
from threading import Lock, Thread
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.fakes.cluster_state import ClusterState, Event, ExistsError, Resource
from tests.fakes.job_controller import JobController

NAMESPACE = "nas"
USER = "system:serviceaccount:nas:pipeline-runner"
GROUPS = {"jobs": "batch", "pods": "", "workflows": "argoproj.io"}
LISTS = {
    "jobs": ("JobList", "batch/v1"),
    "pods": ("PodList", "v1"),
    "workflows": ("WorkflowList", "argoproj.io/v1alpha1"),
}
PATHS = (
    re.compile(
        r"/apis/argoproj.io/v1alpha1/namespaces/(?P<namespace>[^/]+)/(?P<kind>workflows)"
        r"(/(?P<name>.+))?"
    ),
    re.compile(
        r"/apis/(?P<group>batch)/v1/namespaces/(?P<namespace>[^/]+)/(?P<kind>jobs)(/(?P<name>.+))?"
    ),
    re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/(?P<kind>pods)(/(?P<name>.+))?"),
)
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
NO_NAME = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters"
NO_LABEL = "a valid label must be an empty string or consist of alphanumeric characters"
LONG = "must be no more than 63 characters"
MESSAGES = {
    429: ("TooManyRequests", "too many requests, please try again later"),
    500: ("InternalError", "Internal error occurred: etcdserver: request timed out"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
}

What = int | Literal["dropped", "answer lost", "slow"]
"""What goes wrong with a request: it is answered by this code; not done; done; done late."""


@dataclass
class Fault:
    """What goes wrong with the next requests of a kind."""

    what: What
    verb: str  # empty for any
    left: int


class SmallKubernetes:
    """One cluster.

    Attributes:
        url: Where it listens.
        kubeconfig: The file that says so.
        calls: Requests so far, by verb and resource.
        jobs: What runs Jobs; its attributes say how.
        quota: How many Jobs there may be.
    """

    def __init__(self, url: str, folder: Path, settings: Mapping[str, Mapping[str, str]]) -> None:
        self.url = url
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(url)))
        self.calls: Counter[tuple[str, str]] = Counter()
        self.state = ClusterState()
        self.jobs = JobController(self.state, folder, settings)
        self.quota = 10_000
        self._forbidden: set[tuple[str, str]] = set()
        self._faults: list[Fault] = []
        self._lock = Lock()

    # --- what tests do and see ---

    def fail(self, what: What, *, times: int = 1, verb: str = "") -> None:
        """Let something go wrong with the next requests."""
        self._faults.append(Fault(what, verb, times))

    def forbid(self, verb: str, kind: str) -> None:
        """Take a right away from whoever asks."""
        self._forbidden.add((verb, kind))

    def allow_all(self) -> None:
        self._forbidden.clear()

    def all(self, kind: str) -> list[Resource]:
        """Return all Jobs or pods."""
        return self.state.list(kind, NAMESPACE)[0]

    def wait_for_pod(self, child: str, *, phase: str = "Running") -> Resource:
        """Return a child's pod once there is one in this phase."""
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s:
            for pod in self.all("pods"):
                found = pod["metadata"]["labels"]["kfp-nas/child"], pod["status"]["phase"]
                if found == (child, phase):
                    return pod
            time.sleep(0.02)
        raise TimeoutError(f"no pod of {child} is {phase}")

    def end_pod(self, pod: Resource, how: Literal["deleted", "disrupted", "OOMKilled"]) -> None:
        """Delete a pod, preempt it for another, or kill it for its memory."""
        self.jobs.doomed[pod["metadata"]["name"]] = how

    def delete_job(self, name: str) -> None:
        """Delete a Job, as a person would."""
        self.jobs.delete(("jobs", NAMESPACE, name), with_pods=True)

    # --- what requests need ---

    def fault(self, verb: str) -> What | None:
        """Return what is to go wrong with this request."""
        with self._lock:
            for fault in self._faults:
                if fault.left and fault.verb in ("", verb):
                    fault.left -= 1
                    return fault.what
        return None

    def count(self, verb: str, kind: str) -> None:
        with self._lock:
            self.calls[verb, kind] += 1

    def is_forbidden(self, verb: str, kind: str) -> bool:
        return (verb, kind) in self._forbidden


class RefusedError(Exception):
    """A request cannot be carried out."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status(code, reason, message)


def status(code: int, reason: str, message: str) -> Resource:
    """Return what Kubernetes answers in place of an object."""
    answer = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**answer, "message": message, "reason": reason, "code": code}


class Handler(BaseHTTPRequestHandler):
    """Answers requests."""

    protocol_version = "HTTP/1.1"
    cluster: SmallKubernetes

    def do_GET(self) -> None:
        self._do("get")

    def do_POST(self) -> None:
        self._do("create")

    def do_DELETE(self) -> None:
        self._do("delete")

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _do(self, verb: str) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else {}
        parts = urlsplit(self.path)
        self._query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        found = next((match for path in PATHS if (match := path.fullmatch(parts.path))), None)
        if found is None:
            self._answer(
                404, status(404, "NotFound", "the server could not find the requested resource")
            )
            return
        kind, name = found["kind"], found["name"] or ""
        if verb == "get" and not name:
            verb = "watch" if self._query.get("watch") in ("true", "True", "1") else "list"
        self.cluster.count(verb, kind)
        self._with_faults(verb, kind, found["namespace"], name, body)

    def _with_faults(self, verb: str, kind: str, namespace: str, name: str, body: Resource) -> None:
        fault = self.cluster.fault(verb)
        if fault == "dropped":
            self._hang_up()
            return
        if isinstance(fault, int):
            self._answer(fault, status(fault, *MESSAGES[fault]))
            return
        if fault == "slow":
            time.sleep(1)
        try:
            self._check_rights(verb, kind, namespace, name)
            if verb == "watch":
                self._watch(kind, namespace, cut=fault == "answer lost")
                return
            code, answer = getattr(self, f"_{verb}")(kind, namespace, name, body)
        except RefusedError as refused:
            code, answer = refused.status["code"], refused.status
        if fault == "answer lost":
            self._hang_up()
        else:
            self._answer(code, answer)

    def _check_rights(self, verb: str, kind: str, namespace: str, name: str) -> None:
        if self.cluster.is_forbidden(verb, kind):
            group = GROUPS[kind]
            resource = ".".join(filter(None, (kind, group)))
            which = f'{resource} "{name}"' if name else resource
            raise RefusedError(
                403,
                "Forbidden",
                f'{which} is forbidden: User "{USER}" cannot {verb} resource "{kind}" in API group '
                f'"{group}" in the namespace "{namespace}"',
            )

    def _create(self, kind: str, namespace: str, name: str, body: Resource) -> tuple[int, Resource]:
        name = body["metadata"]["name"]
        _check_names(body)
        num = len(self.cluster.all(kind))
        if num >= self.cluster.quota:
            why = f"exceeded quota: children, used: {num}, limited: {self.cluster.quota}"
            raise RefusedError(403, "Forbidden", f'jobs.batch "{name}" is forbidden: {why}')
        try:
            job = self.cluster.state.create(kind, namespace, {**body, "status": {}})
        except ExistsError as err:
            there = self.cluster.state.find((kind, namespace, name)) or {"metadata": {}}
            leaving = "deletionTimestamp" in there["metadata"]
            why = "object is being deleted: " if leaving else ""
            message = f'{why}jobs.batch "{name}" already exists'
            raise RefusedError(409, "AlreadyExists", message) from err
        self.cluster.jobs.begin(job)
        return 201, job

    def _get(self, kind: str, namespace: str, name: str, body: Resource) -> tuple[int, Resource]:
        job = self.cluster.state.find((kind, namespace, name))
        if job is None:
            raise RefusedError(404, "NotFound", f'jobs.batch "{name}" not found')
        return 200, job

    def _delete(self, kind: str, namespace: str, name: str, body: Resource) -> tuple[int, Resource]:
        self._get(kind, namespace, name, body)
        policy = self._query.get("propagationPolicy") or body.get("propagationPolicy")
        with_pods = policy in ("Background", "Foreground")  # of a Job's own accord they stay
        self.cluster.jobs.delete((kind, namespace, name), with_pods=with_pods)
        details = {"name": name, "group": "batch", "kind": "jobs"}
        return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success", "details": details}

    def _list(self, kind: str, namespace: str, name: str, body: Resource) -> tuple[int, Resource]:
        found, version = self.cluster.state.list(kind, namespace)
        title = LISTS[kind]
        return 200, {
            "kind": title[0],
            "apiVersion": title[1],
            "metadata": {"resourceVersion": str(version)},
            "items": [each for each in found if self._is_selected(each)],
        }

    def _watch(self, kind: str, namespace: str, *, cut: bool) -> None:
        """Send events as they come, each a chunk; cut in the middle of the second one."""
        version, state = int(self._query.get("resourceVersion") or 0), self.cluster.state
        until_s = time.monotonic() + float(self._query["timeoutSeconds"])
        cuts, num_sent = state.cuts, 0
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while (left_s := until_s - time.monotonic()) > 0:
            if version < state.oldest_version:
                message = f"too old resource version: {version} ({state.oldest_version})"
                self._send_event("ERROR", status(410, "Expired", message))
                break
            for event in state.wait(version, cuts=cuts, timeout_s=left_s):
                version = event.version
                if self._concerns(event, kind, namespace):
                    num_sent += 1
                    self._send_event(event.type, event.object, cut=cut and num_sent == 2)
            if state.cuts != cuts or (cut and num_sent >= 2):
                self._hang_up()
                return
        self.wfile.write(b"0\r\n\r\n")

    def _concerns(self, event: Event, kind: str, namespace: str) -> bool:
        return (event.kind, event.namespace) == (kind, namespace) and self._is_selected(
            event.object
        )

    def _is_selected(self, object: Resource) -> bool:
        field, _, name = self._query.get("fieldSelector", "").partition("=")
        if field == "metadata.name" and name != object["metadata"]["name"]:
            return False
        labels = object["metadata"].get("labels", {})
        pairs = (
            each.split("=", 1) for each in self._query.get("labelSelector", "").split(",") if each
        )
        return all(labels.get(key) == value for key, value in pairs)

    def _send_event(self, type: str, object: Resource, *, cut: bool = False) -> None:
        line = json.dumps({"type": type, "object": object}).encode() + b"\n"
        chunk = b"%x\r\n%s\r\n" % (len(line), line)
        self.wfile.write(chunk[: len(chunk) // 2] if cut else chunk)

    def _answer(self, code: int, body: Resource) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if code == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(SHUT_RDWR)


def _check_names(job: Resource) -> None:
    """Refuse names and labels that Kubernetes would."""
    name, template = job["metadata"]["name"], job["spec"]["template"]
    problem = ""
    if not NAME.fullmatch(name):
        problem = f"metadata.name: Invalid value: {name!r}: {NO_NAME}"
    if len(name) > 63:
        problem = f"spec.template.labels: Invalid value: {name!r}: {LONG}"
    for labels in (job["metadata"]["labels"], template["metadata"]["labels"]):
        for value in labels.values():
            if len(value) > 63 or not LABEL.fullmatch(value):
                problem = f"metadata.labels: Invalid value: {value!r}: {NO_LABEL}"
    if problem:
        raise RefusedError(422, "Invalid", f'Job.batch "{name}" is invalid: {problem}')


def _kubeconfig(url: str) -> Resource:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "small", "cluster": {"server": url}}],
        "users": [{"name": "tests", "user": {"token": "of this test alone"}}],
        "contexts": [{"name": "small", "context": {"cluster": "small", "user": "tests"}}],
        "current-context": "small",
    }


@contextmanager
def running_small_kubernetes(
    folder: Path, settings: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[SmallKubernetes]:
    """Run a cluster, and afterwards end its pods.

    Args:
        folder: For its kubeconfig and its pods' logs.
        settings: The Secrets and ConfigMaps that it has, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handler = type("Handler", (Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        url = f"http://127.0.0.1:{server.server_port}"
        handler.cluster = SmallKubernetes(url, folder, settings or {})  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True, kwargs={"poll_interval": 0.05}).start()
        try:
            yield handler.cluster
        finally:
            handler.cluster.jobs.stop()
            handler.cluster.state.cut_watches()
            server.shutdown()
