"""What a small cluster does with a Job: pods one after the other, whose container really runs."""

from __future__ import annotations

import os
import random
import string
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from tests.fakes.cluster_state import ClusterState, Key, Resource, now

POLL_S = 0.02
GRACE_S = 1.0  # between SIGTERM and SIGKILL


class Container(Protocol):
    """What runs in a pod."""

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


StartContainer = Callable[[list[str], Mapping[str, str], Path], Container]
"""From command, environment and log to what runs."""


def start_process(command: list[str], environment: Mapping[str, str], log: Path) -> Container:
    """Run the container's command on this machine, as its image would."""
    program = {"nas": [sys.executable, "-m", "nas_lib.cli"]}.get(command[0], [command[0]])
    inherited = {name: x for name, x in os.environ.items() if not name.startswith("AWS_")}
    with log.open("ab") as output:
        return subprocess.Popen(
            [*program, *command[1:]],
            env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


class FunctionContainer:
    """A function in place of a program: quick, and it cannot be ended before its time."""

    def __init__(self, function: Callable[[list[str]], None], command: list[str]) -> None:
        self._code: int | None = None
        self._thread = Thread(target=self._run, args=(function, command), daemon=True)
        self._thread.start()

    def poll(self) -> int | None:
        return self._code

    def terminate(self) -> None:
        self.kill()

    def kill(self) -> None:
        self._code = -9

    def _run(self, function: Callable[[list[str]], None], command: list[str]) -> None:
        code = 0
        try:
            function(command)
        except SystemExit as ended:
            code = int(ended.code or 0)
        if self._code is None:
            self._code = code


def start_function(function: Callable[[list[str]], None]) -> StartContainer:
    """Return what calls this function with the container's command, in a thread."""
    return lambda command, environment, log: FunctionContainer(function, command)


class JobController:
    """Runs every Job that there is.

    Attributes:
        start: What starts a pod's container.
        backoff_s: Between a pod that failed and the next one.
        deletion_s: How long a Job that is deleted is still there.
        obstacle: Says why a pod of this Job does not run, empty if it does: "Suspended" in a queue,
            "Refused" by a quota, or what its status says.
    """

    def __init__(self, state: ClusterState, folder: Path, settings: Mapping[str, Mapping]) -> None:
        self.start: StartContainer = start_process
        self.backoff_s = 0.05
        self.deletion_s = 0.0
        self.obstacle: Callable[[Resource], str] = lambda job: ""
        self.state = state
        self.folder = folder
        self.settings = settings  # Secrets and ConfigMaps by name
        self.doomed: dict[str, str] = {}  # pods to be ended, and how
        self._runs: dict[str, JobRun] = {}

    def begin(self, job: Resource) -> None:
        self._runs[job["metadata"]["uid"]] = JobRun(self, job)

    def delete(self, key: Key, *, with_pods: bool) -> None:
        """Delete a Job; without its pods these go on."""
        job = self.state.change(key, lambda job: job["metadata"].update(deletionTimestamp=now()))
        if job is None:
            return
        run = self._runs.get(job["metadata"]["uid"])  # none of a Job that a test put there
        if with_pods and run:
            run.is_over.set()
        if self.deletion_s:
            Thread(target=self._remove_later, args=(key,), daemon=True).start()
        else:
            self.state.remove(key)

    def stop(self) -> None:
        """End all pods."""
        for run in self._runs.values():
            run.is_over.set()
        for run in self._runs.values():
            run.join()

    def _remove_later(self, key: Key) -> None:
        time.sleep(self.deletion_s)
        self.state.remove(key)


class JobRun(Thread):
    """One Job from its beginning to its end."""

    def __init__(self, controller: JobController, job: Resource) -> None:
        super().__init__(daemon=True)
        self.is_over = Event()  # nobody wants this Job any more
        self._controller = controller
        self._state = controller.state
        self._job = job
        self._last_code = 0  # of a pod
        metadata = job["metadata"]
        self._key = ("jobs", metadata["namespace"], metadata["name"])
        seconds = job["spec"].get("activeDeadlineSeconds")
        self._until_s = time.monotonic() + seconds if seconds else float("inf")
        self.start()

    def run(self) -> None:
        num_failed = 0
        self._set_status(startTime=now(), active=1)
        while not self.is_over.is_set():
            self._wait_for_leave()
            end = self._run_pod()
            if end == "Succeeded":
                self._end(
                    "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
                )
                return
            if end == "late":
                message = "Job was active longer than specified deadline"
                self._end("Failed", "DeadlineExceeded", message)
                return
            if end == "Failed":
                num_failed += 1
                self._set_status(failed=num_failed, active=0)
            if end == "Failed" and self._last_code in self._fatal_codes():
                message = f"Container child failed with exit code {self._last_code}"
                self._end(
                    "Failed", "PodFailurePolicy", f"{message} matching FailJob rule at index 0"
                )
                return
            if num_failed > self._job["spec"].get("backoffLimit", 6):
                message = "Job has reached the specified backoff limit"
                self._end("Failed", "BackoffLimitExceeded", message)
                return
            self.is_over.wait(self._controller.backoff_s)

    def _wait_for_leave(self) -> None:
        """Make no pod while a queue or a quota says so."""
        while (why := self._controller.obstacle(self._job)) in ("Suspended", "Refused"):
            self._set_suspended(why == "Suspended")
            if self.is_over.wait(POLL_S):
                return
        self._set_suspended(False)

    def _set_suspended(self, suspended: bool) -> None:
        there = self._state.find(self._key)
        if there and there["spec"].get("suspend", False) != suspended:
            self._state.change(self._key, lambda job: job["spec"].update(suspend=suspended))

    def _run_pod(self) -> str:
        """Return how it ended: Succeeded, Failed, disrupted, late, or over."""
        obstacle = self._controller.obstacle(self._job)
        pod = Pod(self._controller, self._job)
        if obstacle:
            pod.obstruct(obstacle)
        else:
            self._set_status(active=1, ready=1)
            pod.begin()
        while True:
            if self.is_over.is_set() or time.monotonic() > self._until_s:
                pod.end(remove=True)
                return "over" if self.is_over.is_set() else "late"
            doom = self._controller.doomed.pop(pod.name, "")
            if doom in ("deleted", "disrupted"):
                pod.end(remove=True)
                return "disrupted" if doom == "disrupted" and self._ignores() else "Failed"
            if doom == "OOMKilled":
                pod.kill()
            code = pod.poll()
            if code is not None:
                self._last_code = code
                return pod.note_end(code, doom)
            time.sleep(POLL_S)

    def _fatal_codes(self) -> list[int]:
        """Return the exit codes of a pod that end the Job."""
        rules = self._job["spec"].get("podFailurePolicy", {}).get("rules", [])
        codes = [rule["onExitCodes"] for rule in rules if rule["action"] == "FailJob"]
        return [value for each in codes for value in each["values"]]

    def _ignores(self) -> bool:
        """Whether the Job does not count pods that are taken away."""
        rules = self._job["spec"].get("podFailurePolicy", {}).get("rules", [])
        conditions = [
            condition["type"]
            for rule in rules
            for condition in rule.get("onPodConditions", [])
            if rule["action"] == "Ignore"
        ]
        return "DisruptionTarget" in conditions

    def _end(self, type: str, reason: str, message: str) -> None:
        """Say first that it will end, and then that it did, as Kubernetes 1.31 and newer do."""
        first = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}[type]
        counts = {"succeeded": 1} if type == "Complete" else {}
        conditions = []
        for each in (first, type):
            conditions.append(
                {"type": each, "status": "True", "reason": reason, "message": message}
            )
            self._set_status(active=0, ready=0, conditions=list(conditions), **counts)
        ttl_s = self._job["spec"].get("ttlSecondsAfterFinished")
        if ttl_s is not None and not self.is_over.wait(ttl_s):
            self._controller.delete(self._key, with_pods=True)

    def _set_status(self, **values: object) -> None:
        def update(job: Resource) -> None:
            job["status"] = {**job.get("status", {}), **values}

        now_there = self._state.find(self._key)
        if now_there and now_there["metadata"]["uid"] == self._job["metadata"]["uid"]:
            self._state.change(self._key, update)


class Pod:
    """One pod of a Job."""

    def __init__(self, controller: JobController, job: Resource) -> None:
        self.name = (
            f"{job['metadata']['name'][:57]}-{''.join(random.choices(string.ascii_lowercase, k=5))}"
        )
        self._controller = controller
        self._state = controller.state
        self._spec = job["spec"]["template"]["spec"]
        self._key = ("pods", job["metadata"]["namespace"], self.name)
        self._container: Container | None = None
        labels = job["spec"]["template"]["metadata"]["labels"]
        metadata = {"name": self.name, "labels": {**labels, "job-name": job["metadata"]["name"]}}
        pod = {"metadata": metadata, "spec": self._spec, "status": {"phase": "Pending"}}
        self._state.create("pods", self._key[1], pod)

    def begin(self) -> None:
        container = self._spec["containers"][0]
        log = self._controller.folder / f"{self.name}.log"
        environment = self._environment(container.get("env", []))
        self._container = self._controller.start(container["command"], environment, log)
        self._set_status("Running", {"running": {"startedAt": now()}})

    def obstruct(self, reason: str) -> None:
        """Stay pending."""
        if reason == "Unschedulable":
            message = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
            condition = {"type": "PodScheduled", "status": "False", "reason": reason}
            self._set_status("Pending", None, conditions=[{**condition, "message": message}])
        else:
            image = self._spec["containers"][0]["image"]
            waiting = {"reason": reason, "message": f'Back-off pulling image "{image}"'}
            self._set_status("Pending", {"waiting": waiting})

    def poll(self) -> int | None:
        return None if self._container is None else self._container.poll()

    def kill(self) -> None:
        if self._container is not None:
            self._container.kill()
            while self._container.poll() is None:
                time.sleep(POLL_S)

    def end(self, *, remove: bool) -> None:
        """Ask the container to end, end it after the grace period, and forget the pod."""
        if self._container is not None:
            self._container.terminate()
            until_s = time.monotonic() + GRACE_S
            while self._container.poll() is None and time.monotonic() < until_s:
                time.sleep(POLL_S)
            self.kill()
        if remove:
            self._state.remove(self._key)

    def note_end(self, code: int, doom: str) -> str:
        """Say in the pod how its container ended, and return the pod's phase."""
        exit_code = code if code >= 0 else 128 - code
        reason = doom or ("Completed" if exit_code == 0 else "Error")
        phase = "Failed" if exit_code else "Succeeded"
        self._set_status(phase, {"terminated": {"exitCode": exit_code, "reason": reason}})
        return phase

    def _environment(self, variables: list[Resource]) -> dict[str, str]:
        """Return what Secrets and ConfigMaps say, as far as there are any."""
        found = {}
        for variable in variables:
            (source,) = variable["valueFrom"].values()
            values = self._controller.settings.get(source["name"], {})
            if source["key"] in values:
                found[variable["name"]] = values[source["key"]]
            else:
                assert source.get("optional"), f"{variable['name']} is not there"
        return found

    def _set_status(self, phase: str, state: Resource | None, **more: object) -> None:
        status: Resource = {"phase": phase, **more}
        if state is not None:
            container = {"name": "child", "ready": phase == "Running", "restartCount": 0}
            image = {"image": self._spec["containers"][0]["image"], "imageID": ""}
            status["containerStatuses"] = [{**container, **image, "state": state}]
        self._state.change(self._key, lambda pod: pod.update(status=status))
