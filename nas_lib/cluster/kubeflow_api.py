"""One request to Kubeflow Pipelines' API: who is asked, as whom, and for how long.

Underneath is `kfp_server_api`, the generated client that `kfp.Client` wraps. The wrapper itself
prints, keeps settings in the user's home, guesses a host from the kubeconfig, gives no request a
time limit, and takes an HTML login page for an empty answer.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kfp_server_api
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from nas_lib.cluster.api_errors import api_error, not_json
from nas_lib.errors import ClusterError, ConfigError
from nas_lib.redaction import redacted, without_secrets

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 30
"""Of a single request. One that only reads is made up to three times, any other once."""

IN_CLUSTER_HOST = "http://ml-pipeline.kubeflow:8888"
TOKEN_FILE = "/var/run/secrets/kubeflow/pipelines/token"
"""Where Kubeflow mounts a pod's identity for its API, renewed from time to time."""

_PAGE_SIZE = 100
_RETRIES = Retry(
    total=2,
    redirect=0,  # to a login page; and tokens are not for others
    raise_on_redirect=False,
    status_forcelist=(502, 503, 504),
    raise_on_status=False,
    allowed_methods=("GET",),
    backoff_factor=0.5,
)


class KubeflowApi:
    """Kubeflow Pipelines at a host, for one user and namespace: its services, and asking them."""

    def __init__(
        self,
        host: str | None,
        *,
        namespace: str = "",
        token: str | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        """Choose host and identity; nothing is asked yet.

        Args:
            host: Of the UI or of the API; None inside a cluster is Kubeflow's own there.
            namespace: Of a profile; empty where Kubeflow Pipelines stands alone.
            token: To be known by; None is the pod's own identity, or nobody.
            answer_timeout_s: For one answer.

        Raises:
            ClusterError: There is no host.
            ConfigError: It has a user and password in it.
        """
        self.host = _address(host)
        self.namespace = namespace
        self._timeout = (CONNECT_TIMEOUT_S, answer_timeout_s)
        self._client = kfp_server_api.ApiClient(_configuration(self.host, token))
        self.experiments = kfp_server_api.ExperimentServiceApi(self._client)
        self.pipelines = kfp_server_api.PipelineServiceApi(self._client)
        self.uploads = kfp_server_api.PipelineUploadServiceApi(self._client)
        self.runs = kfp_server_api.RunServiceApi(self._client)
        self.recurring_runs = kfp_server_api.RecurringRunServiceApi(self._client)

    def ask(self, what: str, method: Callable[..., Any], *args: object, **options: object) -> Any:
        """Return what a service's method answers.

        Args:
            what: Is asked, for the error: "list the runs".
            method: Of one of the services.
            *args: Its arguments.
            **options: Its options.

        Raises:
            ClusterError: It was refused, or nothing came, or no JSON.
        """
        try:
            answer = method(*args, _request_timeout=self._timeout, **options)
        except (kfp_server_api.ApiException, HTTPError, ValueError) as err:
            raise api_error(self.host, what, redacted(err, *self._secrets)) from err
        response = self._client.last_response
        if "json" not in (response.getheader("content-type") or ""):
            said = without_secrets(str(response.data), *self._secrets)
            raise not_json(self.host, what, said)
        return answer

    @property
    def _secrets(self) -> tuple[str, ...]:
        """What we are known by there."""
        return tuple(self._client.configuration.api_key.values())

    def every(
        self, method: Callable[..., Any], items: str, *args: object, **options: object
    ) -> Iterator[Any]:
        """Yield all that a method lists, page after page.

        Args:
            method: Of one of the services.
            items: The field of the answer that has them.
            *args: As for `ask`.
            **options: As for `ask`.
        """
        what = f"list the {items.replace('_', ' ')}"
        token: str | None = ""
        while token is not None:
            page = self.ask(what, method, *args, page_token=token, page_size=_PAGE_SIZE, **options)
            yield from getattr(page, items) or ()
            token = page.next_page_token or None

    def find(
        self, name: str, method: Callable[..., Any], items: str, *args: object, **options: object
    ) -> list[Any]:
        """Return what a method lists under exactly this name.

        Args:
            name: As it is displayed.
            method: As for `every`.
            items: As for `every`.
            *args: As for `ask`.
            **options: As for `ask`.
        """
        predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
        only = json.dumps({"predicates": [predicate]})
        return list(self.every(method, items, *args, filter=only, **options))


def _address(host: str | None) -> str:
    if host and "@" in host:
        raise ConfigError(
            "the address of Kubeflow Pipelines (--host, KF_PIPELINES_ENDPOINT) should be without "
            "user and password, which would not be sent: pass --token"
        )
    if host:
        address = re.split("[?#]", host)[0]  # of a page of the UI, copied from the browser
        return (address if "://" in address else f"https://{address}").rstrip("/")
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return IN_CLUSTER_HOST
    raise ClusterError(
        "no address of Kubeflow Pipelines: pass --host, or set KF_PIPELINES_ENDPOINT"
    )


def _configuration(host: str, token: str | None) -> kfp_server_api.Configuration:
    configuration = kfp_server_api.Configuration(host=host)
    configuration.retries = _RETRIES
    configuration.logger["urllib3_logger"].setLevel(logging.ERROR)  # it tells of each repetition
    configuration.ssl_ca_cert = os.environ.get("SSL_CERT_FILE")
    configuration.api_key_prefix["authorization"] = "Bearer"
    token_file = Path(os.environ.get("KF_PIPELINES_SA_TOKEN_PATH", TOKEN_FILE))
    if token:
        configuration.api_key["authorization"] = token
    elif token_file.is_file():
        _read_token(configuration, token_file)
        configuration.refresh_api_key_hook = lambda each: _read_token(each, token_file)
    return configuration


def _read_token(configuration: kfp_server_api.Configuration, path: Path) -> None:
    configuration.api_key["authorization"] = path.read_text(encoding="utf-8").strip()
