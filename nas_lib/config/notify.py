"""Whom a search tells how it goes: a tracking server, and somebody who waits for its end."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from nas_lib.bounds import Seconds
from nas_lib.part import Part
from nas_lib.redaction import without_secrets

_MOST_CHARS = 2048
_VARIABLE = re.compile(r"\$[A-Za-z_]|\$\{[A-Za-z_]")
_KEY = re.compile(  # as services have them in a path: a long row of letters and digits, or a UUID
    r"(?<![:/])/(?=[\w-]*\d)(?=[\w-]*[A-Za-z])(?:[\w-]*[A-Za-z0-9]{20}|(?:[0-9a-f]+-){4}[0-9a-f]{12}\b)"
)


def is_address(text: str) -> bool:
    """Say whether a text has letters that addresses have, and no blanks."""
    return re.fullmatch(r"[\x21-\x7e]+", text) is not None


def _address(text: str) -> str:
    """Refuse what would let its reader in, as the document is stored; no refusal repeats it."""
    if not is_address(text) or len(text) > _MOST_CHARS:
        raise ValueError(f"expected an address without blanks, of at most {_MOST_CHARS} characters")
    if without_secrets(text) != text:
        raise _secret("a password or token")
    return text


def _secret(what: str) -> ValueError:
    return ValueError(
        f"expected an address without {what}, which would be stored: write $NAME in its place, a "
        "variable of the environment in which the search runs"
    )


def _webhook(address: str) -> str:
    if not re.match(r"https?://[^/\s]", address) and not _VARIABLE.match(address):
        raise ValueError(f"expected https://host/path, or http://, or $NAME{_got(address)}")
    if _KEY.search(address):
        raise _secret("what looks like a key in its path")
    return address


def _tracking(address: str) -> str:
    begins = r"(https?|file|sqlite|postgresql|mysql|databricks)(\+\w+)?://|databricks$"
    if not re.match(begins, address) and not _VARIABLE.match(address):
        raise ValueError(
            f"expected http://host:port, what else MLflow takes, or $NAME{_got(address)}"
        )
    return address


def _got(address: str) -> str:
    scheme, separator, _ = address.partition("://")
    return f", got {scheme}://" if separator else ""


_Address = Annotated[
    str,
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "maxLength": _MOST_CHARS}),
]


class MlflowConfig(Part):
    """A tracking server that has each child as a run. It is never waited for longer than said."""

    uri: Annotated[_Address, AfterValidator(_tracking)] | None = Field(
        None,
        description="The address of an MLflow server that is told of each child; "
        "$NAME is a variable of the environment.",
    )
    experiment: str | None = Field(
        None,
        min_length=1,
        max_length=250,
        description="The experiment there; unset: the search's name.",
    )
    wait_s: Seconds = Field(
        60.0,
        description="At a run's end it is waited so long for what is still to be sent; what is "
        "left is sent by the next run.",
    )


class NotifyConfig(Part):
    """Whom a search tells how it goes. That somebody is away never stops it."""

    webhook: Annotated[_Address, AfterValidator(_webhook)] | None = Field(
        None,
        description="An address that is sent JSON by POST once the search is finished, or a run of "
        "it failed or was stopped; $NAME is a variable of the environment.",
    )
    mlflow: MlflowConfig = Field(default_factory=MlflowConfig)

    def shown(self) -> NotifyConfig:
        """Return this as people may see it: what follows a host may be all that a caller needs."""
        uri = None if self.mlflow.uri is None else host_of(self.mlflow.uri)
        return NotifyConfig.model_construct(
            webhook=None if self.webhook is None else host_of(self.webhook),
            mlflow=self.mlflow.model_copy(update={"uri": uri}),
        )


def host_of(address: str) -> str:
    """Return an address without what may be secret: its user, and what follows the host."""
    found = re.match(r"([a-z0-9+]+://)(?:[^/?#]*@)?([^/?#@]+)", address)
    if found is None:
        return address
    host = found[1] + found[2]
    return host if found.end() == len(address) else f"{host}/***"
