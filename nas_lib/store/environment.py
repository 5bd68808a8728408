"""Settings of a store in environment variables, looked at before a client gets them.

The clients are written in Rust and panic at what they do not expect: a region with a line break, a
port of 99999. What may be secret is never shown.
"""

from __future__ import annotations

import math
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from nas_lib.errors import ConfigError, one_line

_TIMEOUT_S = 8.0
_PATIENCE_S = 600.0
_MAX_S = 86_400.0
_SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GOOGLE_BEARER_TOKEN",
    "AZURE_STORAGE_TOKEN",
)


def address(*variables: str) -> str:
    """Return the server's URL that the first of these variables with anything in it has, or "".

    Raises:
        ConfigError: It is none.
    """
    name = next(filter(os.environ.get, variables), variables[-1])
    url = os.environ.get(name, "")
    if not url:
        return ""
    shown = one_line(repr(url), 100)
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{name} must begin with http:// or https://, got {shown}")
    if not _is_address(url):
        raise ConfigError(f"{name} must be like https://host or http://host:9000, got {shown}")
    return url.rstrip("/")


def word(default: str, *variables: str) -> str:
    """Return what the first of these variables says, such as a region or an account's name.

    Raises:
        ConfigError: It is not of letters, digits and dashes.
    """
    name = next(filter(os.environ.get, variables), "")
    value = os.environ.get(name, default)
    if not re.fullmatch(r"[A-Za-z0-9_-]*", value):
        raise ConfigError(
            f"{name} must be of letters, digits and dashes, got {one_line(repr(value), 100)}"
        )
    return value


def check_secrets() -> None:
    """Refuse keys and tokens that cannot be sent.

    Raises:
        ConfigError: There is such; it is named, and not shown.
    """
    for name in _SECRETS:
        if re.search(r"[^\x21-\x7e]", os.environ.get(name, "")):
            raise ConfigError(f"{name} has a blank, a line break or another letter than ASCII's")


def timeout_s() -> float:
    """Return how long a request may be without an answer: NAS_STORE_TIMEOUT_S seconds.

    Raises:
        ConfigError: It is no such time.
    """
    return _seconds("NAS_STORE_TIMEOUT_S", _TIMEOUT_S, "above")


def patience_s() -> float:
    """Return how long a store may be away that has answered: NAS_STORE_PATIENCE_S seconds.

    Raises:
        ConfigError: It is no such time.
    """
    return _seconds("NAS_STORE_PATIENCE_S", _PATIENCE_S, "from")


def _seconds(variable: str, default: float, least: Literal["above", "from"]) -> float:
    text = os.environ.get(variable) or str(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _MAX_S or (least == "above" and seconds == 0):
        raise ConfigError(
            f"{variable} must be a number of seconds {least} 0 and at most {_MAX_S:.0f}, a day, "
            f"got {one_line(repr(text), 100)}"
        )
    return seconds


_KEPT_IN = (
    (
        "AWS_ACCESS_KEY_ID",
        "they are accesskey and secretkey in the Secret that store_secret names",
    ),
    ("AWS_ENDPOINT_URL", "it is the endpoint in the ConfigMap that store_settings names"),
    ("AWS_REGION", "it is the region in the ConfigMap that store_settings names"),
    ("AZURE_STORAGE_ACCOUNT_NAME", "it is the account in the ConfigMap that store_settings names"),
)
"""Where the variables of a run's pods come from, by the arguments of its pipeline."""
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def kept_in(sentence: str) -> str:
    """Say for a run's pod where a variable comes from that a sentence names; empty if none."""
    found = next((where for variable, where in _KEPT_IN if variable in sentence), "")
    namespace = pods_namespace() if found else ""
    return f"{found}, in the namespace {namespace}" if namespace else found


def pods_namespace() -> str:
    """Return the namespace of the pod that this process is in; empty outside of any."""
    with suppress(OSError):
        return one_line(_NAMESPACE.read_text())
    return ""


def _is_address(url: str) -> bool:
    if re.search(r"[^\x21-\x7e]", url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_name = re.fullmatch(r"[A-Za-z0-9._:-]+", parts.hostname or "") is not None
    return is_name and port != 0 and not parts.query and not parts.fragment
