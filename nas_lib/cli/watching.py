"""`nas watch`: a search's report, live."""

from __future__ import annotations

import click

from nas_lib.cli.results import search_argument
from nas_lib.errors import MissingExtraError


@click.command()
@search_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen at this address.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8081,
    show_default=True,
    help="And at this port; 0 is any that is free.",
)
@click.option("--open", "opens", is_flag=True, help="Open it in a browser.")
def watch(search: str, host: str, port: int, opens: bool) -> None:
    """Show the report of a SEARCH while it runs, in a browser, until Ctrl-C.

    The page is renewed where the search has gone on. SEARCH may not have
    begun yet. Who can reach the address can read the report.
    """
    try:
        from nas_lib.serving.server import address_of, listening, server_of
        from nas_lib.serving.watching import Watched, watching
    except ImportError as err:
        raise MissingExtraError("nas watch needs Starlette and uvicorn", "serve", err) from err
    with listening(host, port) as listener, Watched(search) as watched:
        address = address_of(listener)
        click.echo(f"The report of {search} is at {address}; Ctrl-C ends it")
        server = server_of(watching(watched, host=host, is_ending=lambda: server.should_exit))
        if opens:
            click.launch(address)
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:  # is how it ends
            return
