"""How the pods of a round's Jobs fare, by one list of them a minute, however many fail."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable

from nas_lib.cluster import job_news
from nas_lib.cluster.kubernetes_api import KubernetesApi, Labels, Resource
from nas_lib.engine import Listener

_NO_TROUBLE = ("ContainerCreating", "PodInitializing")
_MORE_MEMORY = " (raise resources.memory)"
_NO_POD = "it has no pod: kubectl describe job says why (a quota or a policy may refuse it)"


class JobPods:
    """Tells what keeps pods from running and what ended them, once each, and who waits too long.

    Nobody waits in vain while a pod of the same round runs: all of them ask for the same, and take
    turns.
    """

    def __init__(
        self, api: KubernetesApi, labels: Labels, listener: Listener, *, pending_s: float
    ) -> None:
        """Nothing is asked for yet.

        Args:
            api: The cluster.
            labels: Of the round's Jobs and pods.
            listener: Is told.
            pending_s: For how long a pod may wait for a node or its image.
        """
        self._api = api
        self._labels = labels
        self._listener = listener
        self._pending_s = pending_s
        self._told: set[tuple[str, str]] = set()
        self._troubles: dict[str, str] = {}  # the newest of each child
        self._waiting_s: dict[str, float] = {}  # since when a child's pod does
        self._looked_s = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() - self._looked_s >= job_news.LOOK_S

    def look(self, expected: Iterable[str]) -> None:
        """List the pods, and tell what is new.

        Args:
            expected: Children who should have a pod.
        """
        self._looked_s = time.monotonic()
        pods: dict[str, list[Resource]] = defaultdict(list)
        for pod in self._api.pods(self._labels):
            child = pod["metadata"]["labels"]["kfp-nas/child"]
            pods[child].append(pod)
            self._tell(child, pod)
        self._note_waiting(expected, pods)

    def trouble(self, child: str) -> str:
        """Return what was last wrong with a child's pods, empty where nothing was."""
        return self._troubles.get(child, "")

    def overdue(self) -> set[str]:
        """Return the children whose pods have waited for too long."""
        long_ago_s = self._looked_s - self._pending_s
        return {child for child, since_s in self._waiting_s.items() if since_s <= long_ago_s}

    def _tell(self, child: str, pod: Resource) -> None:
        name, trouble = pod["metadata"]["name"], pod_trouble(pod)
        if not trouble or (name, trouble) in self._told:
            return
        self._told.add((name, trouble))
        self._troubles[child] = trouble
        tell = self._listener.waiting if _phase(pod) == "Pending" else self._listener.failed
        tell(child, f"its pod {name}: {trouble}")

    def _note_waiting(self, expected: Iterable[str], pods: dict[str, list[Resource]]) -> None:
        """Note whose pods wait, or are refused, while none runs."""
        before, self._waiting_s = self._waiting_s, {}
        if any(_phase(pod) == "Running" for each in pods.values() for pod in each):
            return
        for child in expected:
            if not pods[child] or any(_phase(pod) == "Pending" for pod in pods[child]):
                self._waiting_s[child] = before.get(child, self._looked_s)
            if not pods[child] and child in before and (child, _NO_POD) not in self._told:
                self._told.add((child, _NO_POD))
                self._troubles[child] = _NO_POD
                self._listener.waiting(child, _NO_POD)


def _phase(pod: Resource) -> str:
    return str(pod["status"].get("phase"))


def pod_trouble(pod: Resource) -> str:
    """Say what is wrong with a pod, empty if nothing is."""
    status = pod["status"]
    if status.get("reason"):  # it was evicted, its node was lost: what its containers say follows
        return f"{status['reason']} {status.get('message', '')}".strip()
    for container in status.get("containerStatuses") or ():
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting and waiting.get("reason") not in _NO_TROUBLE:
            return f"{waiting.get('reason')} {waiting.get('message', '')}".strip()
        if ended.get("exitCode"):
            said = f"{ended.get('reason', 'ended')}, exit code {ended['exitCode']}"
            return said + (_MORE_MEMORY if ended.get("reason") == "OOMKilled" else "")
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', '')} {condition.get('message', '')}".strip()
    return ""
