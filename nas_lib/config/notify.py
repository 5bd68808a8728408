"""Whom a search tells how it goes: a tracking server, and somebody who waits for its end."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from nas_lib.bounds import Seconds
from nas_lib.part import Part
from nas_lib.redaction import without_secrets

_VARIABLE = re.compile(r"\$[A-Za-z_]|\$\{[A-Za-z_]")


def _without_secrets(address: str) -> str:
    """Refuse what would let its reader in: the document is stored, and shown to people."""
    if without_secrets(address) != address:
        raise PydanticCustomError(
            "secret",
            "an address without a password or token, which would be stored: write $NAME in its "
            "place, a variable of the environment in which the search runs",
        )
    return address


def _webhook(address: str) -> str:
    if not re.match(r"https?://[^/\s]", address) and not _VARIABLE.match(address):
        raise PydanticCustomError("address", "https://host/path, or http://, or $NAME")
    return address


def _tracking(address: str) -> str:
    begins = r"(https?|file|sqlite|postgresql|mysql|databricks)(\+\w+)?://|databricks$"
    if not re.match(begins, address) and not _VARIABLE.match(address):
        raise PydanticCustomError("address", "http://host:port, what else MLflow takes, or $NAME")
    return address


_Address = Annotated[
    str, Field(max_length=2048, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_without_secrets)
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
    """Return an address without what may be secret in it: all that follows the host."""
    found = re.match(r"[a-z0-9+]+://(?:[^/?#]*@)?[^/?#@]+", address)
    if found is None or address == found[0]:
        return address
    return f"{found[0]}/***"
