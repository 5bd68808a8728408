"""`nas export`: what a search hands on, as a folder."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas_lib.cli.results import search_argument

if TYPE_CHECKING:
    from nas_lib.models import ModelInfo


@click.command()
@search_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The folder to write a copy into; it is made, or empty.",
)
@click.option(
    "--network",
    metavar="ID",
    default="",
    help="Of another network: a child's id, final-KEY for the winner of that final training, or "
    "KEY-CHILD for any child of it.",
)
@click.option("--kserve", is_flag=True, help="Print an InferenceService by which KServe serves it.")
def export(search: str, output: Path | None, network: str, kserve: bool) -> None:
    """Make a model of what a SEARCH found: ONNX, weights, labels, and a card that says what it is.

    It is the winner of the newest final training, or the best child where there is none. The model
    is made once and lies in the SEARCH, at models/ID, as Triton and KServe want it.

    At the address of searches on fresh data (nas refresh) it is the model in use.
    """
    from nas_lib.export.kserve import inference_service
    from nas_lib.export.stable import model_in_use
    from nas_lib.models.stored import StoredModel
    from nas_lib.open_search import OpenSearch
    from nas_lib.steps import require_model
    from nas_lib.store import layout

    opened = OpenSearch(search)
    stored = None if network else model_in_use(opened.store.objects)
    if stored is None:
        info = require_model(opened, run=secrets.token_hex(4), network=network)
        stored = StoredModel(opened.store.objects, layout.model_folder(info.id), info)
    service = inference_service(stored.info, stored.uri) if kserve else ""
    if output is not None:
        stored.copy_to(output)
    _tell(stored.info, stored.uri if output is None else str(output))
    click.echo(service, nl=False)


def _tell(info: ModelInfo, place: str) -> None:
    """Say on standard error where the model is, and how to use it; the other one is for YAML."""
    shown = shlex.quote(place)
    served = f", or nas serve {shown}" if info.inputs.is_served else ""
    click.echo(
        f"Model {info.id} of {info.name}: {place}\n"
        f"Use it: nas predict {shown} {info.inputs.sample}{served}",
        err=True,
    )
