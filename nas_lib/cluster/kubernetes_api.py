"""The few calls to Kubernetes that Jobs for children need, each repeated where that may help."""

from __future__ import annotations

import json
import math
import os
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

from kubernetes import client, watch
from kubernetes import config as kubernetes_config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from nas_lib.errors import ClusterError, described, one_line
from nas_lib.redaction import redacted

_CONNECT_S, _ANSWER_S = 5.0, 30.0
_GIVE_UP_AFTER_S = 300.0  # a managed control plane is away for minutes while it is upgraded
_FIRST_BACKOFF_S, _MOST_BACKOFF_S = 0.5, 15.0
_BAD_REQUEST, _NOT_FOUND, _CONFLICT, _GONE, _TOO_MANY = 400, 404, 409, 410, 429
_OWNER = ("apiVersion", "kind", "name", "uid")

Resource = dict[str, Any]
Labels = dict[str, str]


class KubernetesApi:
    """Jobs and pods of one namespace, as plain dictionaries."""

    def __init__(self, namespace: str, *, give_up_after_s: float | None = None) -> None:
        """Find the cluster: that of KUBECONFIG, or the one that this pod runs in.

        Args:
            namespace: Where Jobs and pods are.
            give_up_after_s: A call that brings no answer, or a server's own error, is repeated
                for this long; None for five minutes.

        Raises:
            ClusterError: No cluster is known here.
        """
        self._configuration = _configuration()
        api = client.ApiClient(self._configuration)
        self._batch = client.BatchV1Api(api)
        self._core = client.CoreV1Api(api)
        self._custom = client.CustomObjectsApi(api)
        self._namespace = namespace
        self._give_up_after_s = _GIVE_UP_AFTER_S if give_up_after_s is None else give_up_after_s

    def create_job(self, job: Resource) -> bool:
        """Create a Job; False if there is one of this name, perhaps by a call of ours before."""
        method = self._batch.create_namespaced_job
        return bool(self._call("create a Job", method, body=job, expected=(_CONFLICT,)))

    def job(self, name: str) -> Resource:
        """Return a Job, empty if there is none."""
        method = self._batch.read_namespaced_job
        return self._call("read a Job", method, name=name, expected=(_NOT_FOUND,))

    def delete_job(self, name: str) -> None:
        """Delete a Job, if it is there; its name is free once its pods are gone."""
        method = self._batch.delete_namespaced_job
        pods_first = {"propagation_policy": "Foreground"}
        self._call("delete a Job", method, name=name, expected=(_NOT_FOUND,), **pods_first)

    def jobs(self, labels: Labels) -> tuple[list[Resource], str]:
        """Return the Jobs with these labels, and the version from which to watch them."""
        method = self._batch.list_namespaced_job
        answer = self._call("list Jobs", method, label_selector=_selector(labels))
        return answer["items"], answer["metadata"]["resourceVersion"]

    def pods(self, labels: Labels) -> list[Resource]:
        """Return the pods with these labels."""
        method = self._core.list_namespaced_pod
        answer = self._call("list pods", method, label_selector=_selector(labels))
        items: list[Resource] = answer["items"]
        return items

    def workflows(self, labels: Labels) -> list[Resource]:
        """Return Argo's Workflows with these labels, such as that of a run."""
        method = self._custom.list_namespaced_custom_object
        kind = {"group": "argoproj.io", "version": "v1alpha1", "plural": "workflows"}
        answer = self._call("list workflows", method, **kind, label_selector=_selector(labels))
        items: list[Resource] = answer["items"]
        return items

    def workflow_of(self, pod: str) -> Resource | None:
        """Return who owns a pod as `ownerReferences` name it: a Workflow, None where there is none.

        It comes from a list, which is a right that runs have anyway.
        """
        method = self._core.list_namespaced_pod
        selector = {"field_selector": f"metadata.name={pod}"}
        for found in self._call("list pods", method, **selector)["items"]:
            for owner in found["metadata"].get("ownerReferences") or ():
                if owner["kind"] == "Workflow":
                    kept: Resource = {key: owner[key] for key in _OWNER}
                    return kept | {"controller": False, "blockOwnerDeletion": False}
        return None

    def pod_log(self, name: str, container: str) -> str | None:
        """Return what a container has said; None if it has not started, or is gone."""
        method, expected = self._core.read_namespaced_pod_log, (_BAD_REQUEST, _NOT_FOUND)
        what = f"read the log of {name}"
        answer = self._answer(what, method, name=name, container=container, expected=expected)
        return None if answer is None else answer.decode(errors="replace")

    def changes(self, labels: Labels, version: str, timeout_s: float) -> Iterator[Resource]:
        """Yield the Jobs with these labels as they change, `{"type": ..., "object": ...}`.

        Ends after this time, or where the connection breaks off or the version is forgotten: then
        list the Jobs again, and go on from there.
        """
        seconds = max(1, math.ceil(timeout_s))
        try:
            for event in watch.Watch(return_type="object").stream(
                self._batch.list_namespaced_job,
                self._namespace,
                label_selector=_selector(labels),
                resource_version=version,
                timeout_seconds=seconds,
                _request_timeout=(_CONNECT_S, seconds + _ANSWER_S),
            ):
                yield {"type": event["type"], "object": event["raw_object"]}
        except HTTPError:
            return
        except ApiException as err:
            if err.status != _GONE and not _may_pass(err):
                raise self._error("watch Jobs", err) from err

    def _call(self, what: str, method: Callable[..., Any], **kwargs: Any) -> Resource:
        """Call as `_answer` does, and return what came; empty for an expected code."""
        plain: Resource = json.loads(self._answer(what, method, **kwargs) or b"{}")
        return plain

    def _answer(
        self,
        what: str,
        method: Callable[..., Any],
        *,
        expected: tuple[int, ...] = (),
        **kwargs: Any,
    ) -> bytes | None:
        """Call until there is an answer, and return it; None for one with an expected code."""
        deadline_s = time.monotonic() + self._give_up_after_s
        kwargs |= {"namespace": self._namespace, "_request_timeout": (_CONNECT_S, _ANSWER_S)}
        kwargs["_preload_content"] = False  # its classes refuse what newer servers leave out
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                answer: bytes = method(**kwargs).data
                return answer
            except (ApiException, HTTPError) as err:
                if isinstance(err, ApiException) and err.status in expected:
                    return None
                if not _may_pass(err) or time.monotonic() + backoff_s > deadline_s:
                    raise self._error(what, err) from err
            time.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _MOST_BACKOFF_S)

    def _error(self, what: str, err: Exception) -> ClusterError:
        redacted(err, *_secrets(self._configuration))
        reason = " ".join(str(err).split())
        if isinstance(err, ApiException):
            reason = _message(err)
            if err.status == 403 and " cannot " in reason:  # and not a quota, or a policy
                reason += " (the Role nas-jobs of the manifests allows it)"
        return ClusterError(f"cannot {what} in namespace {self._namespace}: {reason}")


def _configuration() -> client.Configuration:
    """Return where the cluster is and who we are there; tokens in a pod are read anew."""
    configuration = client.Configuration()
    configuration.retries = False  # `_call` repeats
    known = {"client_configuration": configuration}
    try:
        if not os.environ.get("KUBECONFIG") and "KUBERNETES_SERVICE_HOST" in os.environ:
            kubernetes_config.load_incluster_config(**known)
        else:
            file = os.environ.get("KUBECONFIG", "~/.kube/config")
            kubernetes_config.load_kube_config(file, **known)
    except kubernetes_config.ConfigException as err:
        reason = one_line(redacted(err, *_secrets(configuration)))
        raise ClusterError(f"no Kubernetes cluster is known here: {reason}") from err
    except Exception as err:  # the client does not look at what the file holds
        reason = described(redacted(err, *_secrets(configuration)))
        raise ClusterError(
            f"no Kubernetes cluster is known here: KUBECONFIG cannot be read: {reason}"
        ) from err
    return configuration


def _secrets(configuration: client.Configuration) -> Iterator[str]:
    """Yield what we are known by there."""
    for key in configuration.api_key.values():
        kind, _, token = key.rpartition(" ")
        yield token
        if kind == "Basic":
            yield b64decode(token).decode().partition(":")[2]


def _may_pass(err: ApiException | HTTPError) -> bool:
    return isinstance(err, HTTPError) or err.status == _TOO_MANY or err.status >= 500


def _message(err: ApiException) -> str:
    try:
        return str(json.loads(err.body)["message"])
    except (TypeError, ValueError, KeyError):
        return f"{err.status} {err.reason}"


def _selector(labels: Labels) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())
