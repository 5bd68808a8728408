"""`nas serve`: a model over HTTP."""

from __future__ import annotations

from types import ModuleType

import click

from nas_lib.cli.predicting import model_argument
from nas_lib.errors import ConfigError, MissingExtraError, one_line


@click.command()
@model_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen at this address.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="And at this port; 0 is any that is free.",
)
def serve(model: str, host: str, port: int) -> None:
    """Serve a MODEL over HTTP, to try it out, until Ctrl-C.

    There is a page to drop a picture on, or to paste a series or a text, and
    the Open Inference Protocol (KServe v2) for programs. MODEL is a folder that
    `nas export` wrote, a search, or SEARCH/models/ID.
    """
    from nas_lib.models import open_model

    serving = _serving()
    opened = open_model(model)
    if not opened.info.inputs.is_served:
        raise ConfigError(
            f"{one_line(opened.uri)}: expected a model of images, series or texts, got one that "
            "translates, by two graphs: use `nas predict`, or Triton, which serves both of them"
        )
    app = serving.application(opened)
    with serving.listening(host, port) as listener:
        address = serving.address_of(listener)
        click.echo(f"Serving {opened.info.name} ({opened.info.id}) at {address}; Ctrl-C ends it")
        click.echo(f"Open Inference Protocol: POST {address}/v2/models/{opened.info.name}/infer")
        serving.server_of(app).run(sockets=[listener])


def _serving() -> ModuleType:
    try:
        from nas_lib import serving
    except ImportError as err:
        raise MissingExtraError("nas serve needs Starlette and uvicorn", "serve", err) from err
    return serving
