"""A Kubeflow Pipelines API server for the tests: in this process, over real HTTP.

It speaks the shapes of 2.17: what comes in is read into `kfp_server_api`'s models, what goes out is
written from them, and a field that the model lacks is refused. It keeps what the real one does that
matters here: unique names, filters on listed fields only, pages, arguments checked against the
uploaded pipeline, errors of its gateway and of its upload handler.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import kfp_server_api as kfp
import yaml

LOGIN_PAGE = "<!doctype html><html><head><title>Sign in</title></head><body>Dex</body></html>"
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 500: 13, 503: 14}
_MODELS = kfp.ApiClient()
_NUMBERS = (int, float)
_TYPES = {"STRING": str, "STRUCT": dict, "NUMBER_INTEGER": _NUMBERS, "LIST": list, "BOOLEAN": bool}


class RefusedError(Exception):
    """The server says no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Fault:
    """What happens in place of an answer, to the next requests that this describes."""

    request: str
    """A regular expression for "GET /apis/v2beta1/runs"."""
    status: int = 0
    login_page: bool = False
    redirect: bool = False
    broken: bool = False
    slow_s: float = 0
    done: bool = False
    """Whether the work is done all the same, and only the answer is lost."""
    times: int = 1


@dataclass
class FakeKubeflow:
    """What the server knows, and what the tests tell it."""

    url: str = ""
    token: str | None = None
    """That requests must bear."""
    multi_user: str | None = None
    """The namespace that this user may use, if there are profiles."""
    experiments: dict[str, kfp.V2beta1Experiment] = field(default_factory=dict)
    pipelines: dict[str, kfp.V2beta1Pipeline] = field(default_factory=dict)
    versions: dict[str, kfp.V2beta1PipelineVersion] = field(default_factory=dict)
    runs: dict[str, kfp.V2beta1Run] = field(default_factory=dict)
    recurring_runs: dict[str, kfp.V2beta1RecurringRun] = field(default_factory=dict)
    propagation: list[str] = field(default_factory=list)
    """How each deletion of a recurring run was asked to go on to its runs."""
    requests: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    before: Callable[[str], None] = lambda request: None
    """Called before each request is answered, for what others do meanwhile."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def count(self, request: str) -> int:
        """Return how many requests were like this regular expression."""
        return sum(bool(re.fullmatch(request, each)) for each in self.requests)

    def answer(
        self, request: str, query: dict[str, str], body: bytes, headers: Any
    ) -> tuple[int, str, str]:
        """Return status, content type and body."""
        try:
            self._check_user(query, headers)
            for pattern, action in _ROUTES.items():
                if found := re.fullmatch(pattern, request):
                    arguments = [unquote(part) for part in found.groups()]
                    answer = action(self, *arguments, query=query, body=body, headers=headers)
                    return 200, "application/json", json.dumps(_plain(answer))
            raise RefusedError(404, "Not Found")
        except RefusedError as refused:
            return refused.status, "application/json", _error(request, refused)

    def _check_user(self, query: dict[str, str], headers: Any) -> None:
        if self.token is not None and headers["authorization"] != f"Bearer {self.token}":
            raise RefusedError(
                401, "Unauthenticated: there is no user identity header in the request"
            )
        namespace = query.get("namespace")
        if self.multi_user is not None and namespace not in (None, self.multi_user):
            raise RefusedError(403, f"User is not authorized in namespace {namespace!r}")

    def make_experiment(self, *, body: bytes, **_: Any) -> kfp.V2beta1Experiment:
        experiment = _read(body, "V2beta1Experiment")
        self._refuse_twice(self.experiments, experiment)
        experiment.experiment_id, experiment.created_at = _new()
        self.experiments[experiment.experiment_id] = experiment
        return experiment

    def make_pipeline(self, *, body: bytes, **_: Any) -> kfp.V2beta1Pipeline:
        pipeline = _read(body, "V2beta1Pipeline")
        self._refuse_twice(self.pipelines, pipeline)
        pipeline.pipeline_id, pipeline.created_at = _new()
        self.pipelines[pipeline.pipeline_id] = pipeline
        return pipeline

    def upload_version(
        self, *, query: dict[str, str], body: bytes, headers: Any, **_: Any
    ) -> kfp.V2beta1PipelineVersion:
        if query.get("pipelineid") not in self.pipelines:
            raise RefusedError(400, "Failed to create a pipeline version")
        content = b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + body
        (part,) = BytesParser().parsebytes(content).get_payload()
        assert part.get_param("name", header="content-disposition") == "uploadfile"
        specs = list(yaml.safe_load_all(part.get_payload(decode=True)))
        version = kfp.V2beta1PipelineVersion(
            pipeline_id=query["pipelineid"],
            name=query["name"],
            display_name=query.get("display_name", query["name"]),
            description=query.get("description"),
            pipeline_spec={"pipeline_spec": specs[0]},
        )
        self._refuse_twice(self.versions, version, "Failed to create a pipeline version")
        version.pipeline_version_id, version.created_at = _new()
        self.versions[version.pipeline_version_id] = version
        return version

    def make_run(self, *, body: bytes, **_: Any) -> kfp.V2beta1Run:
        run = _read(body, "V2beta1Run")
        self._check_job(run)
        run.run_id, run.created_at = _new()
        self.runs[run.run_id] = run
        if run.runtime_config is not None and not run.runtime_config.parameters:
            run.runtime_config = None
        self.enter(run, "PENDING")
        return run

    def enter(self, run: kfp.V2beta1Run, state: str) -> None:
        """Let a run come into a state, as its workflow is reported."""
        now = datetime.now(UTC)
        run.state = getattr(kfp.V2beta1RuntimeState, state)
        entry = kfp.V2beta1RuntimeStatus(update_time=now, state=run.state)
        run.state_history = [*(run.state_history or ()), entry]

    def make_recurring_run(self, *, body: bytes, **_: Any) -> kfp.V2beta1RecurringRun:
        recurring = _read(body, "V2beta1RecurringRun")
        self._check_job(recurring)
        if not 1 <= int(recurring.max_concurrency) <= 10:
            raise RefusedError(
                400, "The max concurrency of the recurring run must be in range [1, 10]"
            )
        recurring.recurring_run_id, recurring.created_at = _new()
        recurring.status = kfp.V2beta1RecurringRunStatus.ENABLED
        self.recurring_runs[recurring.recurring_run_id] = recurring
        return recurring

    def fire(self, recurring_id: str, due: datetime) -> kfp.V2beta1Run:
        """Make the run of a schedule that is due: its controller writes times into texts."""
        recurring = self.get_recurring_run(recurring_id)
        arguments = (recurring.runtime_config and recurring.runtime_config.parameters) or {}
        run = kfp.V2beta1Run(
            run_id=(made := _new())[0],
            created_at=made[1],
            display_name=f"{recurring.display_name} {due:%m-%d}",
            recurring_run_id=recurring_id,
            experiment_id=recurring.experiment_id,
            pipeline_version_reference=recurring.pipeline_version_reference,
            runtime_config=kfp.V2beta1RuntimeConfig(
                parameters={name: _expanded(value, due) for name, value in arguments.items()}
            ),
        )
        self.runs[run.run_id] = run
        self.enter(run, "PENDING")
        return run

    def get_run(self, run_id: str, **_: Any) -> kfp.V2beta1Run:
        if run_id not in self.runs:
            raise RefusedError(404, f"Run {run_id} not found")
        return self.runs[run_id]

    def terminate_run(self, run_id: str, **_: Any) -> object:
        run = self.get_run(run_id)
        if run.state not in ("PENDING", "RUNNING"):
            raise RefusedError(500, f"Failed to terminate a run {run_id}. Row not found")
        self.enter(run, "CANCELING")  # in the end it is FAILED
        return {}

    def get_recurring_run(self, recurring_id: str, **_: Any) -> kfp.V2beta1RecurringRun:
        if recurring_id not in self.recurring_runs:
            raise RefusedError(404, f"Job {recurring_id} not found")
        return self.recurring_runs[recurring_id]

    def delete_recurring_run(self, recurring_id: str, *, query: dict[str, str], **_: Any) -> object:
        self.get_recurring_run(recurring_id)
        self.propagation.append(query.get("propagation_policy", "BACKGROUND"))
        del self.recurring_runs[recurring_id]
        return {}

    def disable_recurring_run(self, recurring_id: str, **_: Any) -> object:
        recurring = self.get_recurring_run(recurring_id)
        recurring.status = kfp.V2beta1RecurringRunStatus.DISABLED
        return {}

    def get_version(
        self, pipeline_id: str, version_id: str, **_: Any
    ) -> kfp.V2beta1PipelineVersion:
        version = self.versions.get(version_id)
        if version is None or version.pipeline_id != pipeline_id:
            raise RefusedError(404, f"PipelineVersion {version_id} not found")
        return version

    def list_experiments(self, *, query: dict[str, str], **_: Any) -> object:
        return _page(kfp.V2beta1ListExperimentsResponse, "experiments", self.experiments, query)

    def list_pipelines(self, *, query: dict[str, str], **_: Any) -> object:
        return _page(kfp.V2beta1ListPipelinesResponse, "pipelines", self.pipelines, query)

    def list_versions(self, pipeline_id: str, *, query: dict[str, str], **_: Any) -> object:
        own = {k: v for k, v in self.versions.items() if v.pipeline_id == pipeline_id}
        return _page(kfp.V2beta1ListPipelineVersionsResponse, "pipeline_versions", own, query)

    def list_runs(self, *, query: dict[str, str], **_: Any) -> object:
        return _page(kfp.V2beta1ListRunsResponse, "runs", self.runs, query)

    def list_recurring_runs(self, *, query: dict[str, str], **_: Any) -> object:
        response = kfp.V2beta1ListRecurringRunsResponse
        return _page(response, "recurring_runs", self.recurring_runs, query)

    def _refuse_twice(self, known: dict[str, Any], new: Any, message: str = "") -> None:
        for each in known.values():
            owner = "pipeline_id" if hasattr(new, "pipeline_version_id") else "namespace"
            same_owner = (getattr(each, owner) or "") == (getattr(new, owner) or "")
            if same_owner and each.display_name == new.display_name:
                raise RefusedError(409, message or f"{new.display_name} already exists")

    def _check_job(self, job: kfp.V2beta1Run | kfp.V2beta1RecurringRun) -> None:
        if not job.display_name or job.experiment_id not in self.experiments:
            raise RefusedError(400, "a run needs a name and an experiment")
        reference = job.pipeline_version_reference
        version = self.versions.get(reference.pipeline_version_id)
        if version is None or version.pipeline_id != reference.pipeline_id:
            raise RefusedError(404, "PipelineVersion not found")
        inputs = version.pipeline_spec["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
        arguments = (job.runtime_config and job.runtime_config.parameters) or {}
        for name, value in arguments.items():
            if name not in inputs or not isinstance(value, _TYPES[inputs[name]["parameterType"]]):
                raise RefusedError(
                    400, f"parameter {name} is not one of {sorted(inputs)}, or its type"
                )
        for name, spec in inputs.items():
            optional = "defaultValue" in spec or spec.get("isOptional")
            if name not in arguments and not optional:
                raise RefusedError(400, f"parameter {name} is missing")


def _expanded(value: Any, due: datetime) -> Any:
    """Return an argument as a run of a schedule has it, by 2.17's parameter_formatter.go."""
    if not isinstance(value, str):
        return value
    when = due.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    return re.sub(r"\[\[(ScheduledTime|CurrentTime)\]\]", when, value)


@contextmanager
def running_kubeflow() -> Iterator[FakeKubeflow]:
    """Serve until the end, on this machine only."""
    kubeflow = FakeKubeflow()
    handler = type("Handler", (_Handler,), {"kubeflow": kubeflow})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    kubeflow.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kubeflow
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    kubeflow: FakeKubeflow
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for its second packet

    def _serve(self) -> None:
        url = urlsplit(self.path)
        request = f"{self.command} {url.path}"
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.kubeflow.before(request)
        with self.kubeflow.lock:
            self.kubeflow.requests.append(request)
            fault = self._fault(request)
            answer: tuple[int, str, str] = (0, "", "")
            if fault is None or fault.done or not _is_failure(fault):
                query = dict(parse_qsl(url.query, keep_blank_values=True))
                answer = self.kubeflow.answer(request, query, body, self.headers)
        if fault is not None:
            self._misbehave(fault, request, answer)
        else:
            self._send(*answer)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 (http.server's names)

    def _fault(self, request: str) -> Fault | None:
        for fault in self.kubeflow.faults:
            if fault.times and re.fullmatch(fault.request, request):
                fault.times -= 1
                return fault
        return None

    def _misbehave(self, fault: Fault, request: str, answer: tuple[int, str, str]) -> None:
        time.sleep(fault.slow_s)
        if fault.broken:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault.login_page:
            self._send(200, "text/html; charset=utf-8", LOGIN_PAGE)
        elif fault.redirect:
            self._send(302, "text/html", LOGIN_PAGE, location="/dex/auth?client_id=kubeflow")
        elif fault.status:
            said = RefusedError(fault.status, f"the tests want a {fault.status}")
            self._send(fault.status, "application/json", _error(request, said))
        else:
            self._send(*answer)

    def _send(self, status: int, content_type: str, text: str, location: str = "") -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(text.encode())))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(text.encode())
        except OSError:
            self.close_connection = True  # the client has lost patience

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _is_failure(fault: Fault) -> bool:
    return bool(fault.status or fault.login_page or fault.redirect or fault.broken)


def _read(body: bytes, model: str) -> Any:
    """Return a request's body as this model, which must have all of its fields."""
    read = _MODELS.deserialize(SimpleNamespace(data=body), model)
    _check_same(json.loads(body), _plain(read))
    return read


def _check_same(sent: Any, read: Any) -> None:
    if isinstance(sent, dict):
        for name, value in sent.items():
            if name not in read:
                raise RefusedError(400, f"unknown field {name!r}")
            _check_same(value, read[name])


def _plain(answer: Any) -> Any:
    plain = _MODELS.sanitize_for_serialization(answer)
    return {} if plain is None else plain


def _new() -> tuple[str, datetime]:
    return str(uuid.uuid4()), datetime.now(UTC)


def _error(request: str, refused: RefusedError) -> str:
    """Return an error as the gateway writes it, or the upload handler."""
    if "/upload" in request:
        return json.dumps({"error_message": str(refused), "error_details": str(refused)})
    code = _CODES.get(refused.status, 2)
    detail = {"@type": "type.googleapis.com/google.rpc.Status", "code": code}
    detail["message"] = str(refused)
    message = f"Failed somewhere inside: {refused}: and a long chain of causes"
    return json.dumps({"code": code, "message": message, "details": [detail]})


def _page(response: type, items: str, known: dict[str, Any], query: dict[str, str]) -> Any:
    found = [each for each in known.values() if _matches(each, query)]
    name, _, direction = query.get("sort_by", "").partition(" ")
    if name:
        found.sort(key=lambda each: getattr(each, name), reverse=direction == "desc")
    start = int(query.get("page_token") or 0)
    end = start + int(query.get("page_size") or 20)
    token = str(end) if end < len(found) else None
    return response(
        **{items: found[start:end] or None}, total_size=len(found), next_page_token=token
    )


def _matches(each: Any, query: dict[str, str]) -> bool:
    namespace = getattr(each, "namespace", None)
    if namespace is not None and namespace != query.get("namespace", ""):
        return False
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", ()):
        if predicate["operation"] != "EQUALS" or predicate["key"] != "display_name":
            raise RefusedError(400, f"no support for filtering on {predicate}")
        if each.display_name != predicate["stringValue"]:
            return False
    return True


_API = "/apis/v2beta1"
_ID = "([^/:]+)"
_ROUTES: dict[str, Callable[..., Any]] = {
    f"GET {_API}/experiments": FakeKubeflow.list_experiments,
    f"POST {_API}/experiments": FakeKubeflow.make_experiment,
    f"GET {_API}/pipelines": FakeKubeflow.list_pipelines,
    f"POST {_API}/pipelines": FakeKubeflow.make_pipeline,
    f"GET {_API}/pipelines/{_ID}/versions": FakeKubeflow.list_versions,
    f"GET {_API}/pipelines/{_ID}/versions/{_ID}": FakeKubeflow.get_version,
    f"POST {_API}/pipelines/upload_version": FakeKubeflow.upload_version,
    f"GET {_API}/runs": FakeKubeflow.list_runs,
    f"POST {_API}/runs": FakeKubeflow.make_run,
    f"GET {_API}/runs/{_ID}": FakeKubeflow.get_run,
    f"POST {_API}/runs/{_ID}:terminate": FakeKubeflow.terminate_run,
    f"GET {_API}/recurringruns": FakeKubeflow.list_recurring_runs,
    f"POST {_API}/recurringruns": FakeKubeflow.make_recurring_run,
    f"GET {_API}/recurringruns/{_ID}": FakeKubeflow.get_recurring_run,
    f"POST {_API}/recurringruns/{_ID}:disable": FakeKubeflow.disable_recurring_run,
    f"DELETE {_API}/recurringruns/{_ID}": FakeKubeflow.delete_recurring_run,
}
