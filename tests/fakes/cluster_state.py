"""What a small cluster knows: objects, each change of which has a version, and who waits for it."""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from typing import Any

Resource = dict[str, Any]
Key = tuple[str, str, str]  # kind, namespace, name


@dataclass(frozen=True)
class Event:
    """An object was ADDED, MODIFIED or DELETED."""

    version: int
    kind: str
    namespace: str
    type: str
    object: Resource


class ExistsError(Exception):
    """There is an object of this name."""


class ClusterState:
    """Objects by kind, namespace and name, as etcd would keep them."""

    def __init__(self) -> None:
        self.version = 1
        self.oldest_version = 0  # the earliest that one may still watch from
        self.cuts = 0  # how often all watches were cut
        self._objects: dict[Key, Resource] = {}
        self._events: list[Event] = []
        self._changed = Condition()

    def create(self, kind: str, namespace: str, object: Resource) -> Resource:
        """Keep a new object."""
        with self._changed:
            key = (kind, namespace, object["metadata"]["name"])
            if key in self._objects:
                raise ExistsError
            object = copy.deepcopy(object)
            object["metadata"] |= {
                "uid": str(uuid.uuid4()),
                "creationTimestamp": now(),
                "namespace": namespace,
            }
            return self._note("ADDED", key, object)

    def change(self, key: Key, update: Callable[[Resource], None]) -> Resource | None:
        """Change an object; None if there is none."""
        with self._changed:
            if key not in self._objects:
                return None
            object = copy.deepcopy(self._objects[key])
            update(object)
            return self._note("MODIFIED", key, object)

    def remove(self, key: Key) -> Resource | None:
        """Forget an object; None if there is none."""
        with self._changed:
            return self._note("DELETED", key, self._objects[key]) if key in self._objects else None

    def find(self, key: Key) -> Resource | None:
        with self._changed:
            return copy.deepcopy(self._objects.get(key))

    def list(self, kind: str, namespace: str) -> tuple[list[Resource], int]:
        """Return all objects of a kind, sorted by name, and the version at which they are so."""
        with self._changed:
            found = sorted(key for key in self._objects if key[:2] == (kind, namespace))
            return [copy.deepcopy(self._objects[key]) for key in found], self.version

    def wait(self, after: int, *, cuts: int, timeout_s: float) -> list[Event]:
        """Return the events after a version, waiting for the first; none if watches are cut."""
        with self._changed:
            self._changed.wait_for(lambda: self.version > after or self.cuts != cuts, timeout_s)
            return [event for event in self._events if event.version > after]

    def cut_watches(self) -> None:
        with self._changed:
            self.cuts += 1
            self._changed.notify_all()

    def forget_versions(self) -> None:
        """Refuse watches from any version that there has been, as etcd after it is compacted."""
        with self._changed:
            self.version += 1
            self.oldest_version = self.version
            self._changed.notify_all()

    def _note(self, type: str, key: Key, object: Resource) -> Resource:
        self.version += 1
        object = copy.deepcopy(object)
        object["metadata"]["resourceVersion"] = str(self.version)
        if type == "DELETED":
            del self._objects[key]
        else:
            self._objects[key] = object
        self._events.append(Event(self.version, key[0], key[1], type, object))
        self._changed.notify_all()
        return copy.deepcopy(object)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
