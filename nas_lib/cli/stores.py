"""`nas store` and `nas gc`: where searches lie, and what they have there that nobody needs."""

from __future__ import annotations

import click

from nas_lib.cli.configuring import print_json
from nas_lib.cli.results import search_argument


@click.group()
def store() -> None:
    """Set up where searches lie."""


@store.command()
@click.argument("uri", metavar="URI")
@click.option(
    "--wait",
    "wait_min",
    type=click.FloatRange(min=0, max=1440),
    default=0.0,
    show_default=True,
    help="Minutes to go on trying while it cannot be reached, or has no bucket.",
)
def init(uri: str, wait_min: float) -> None:
    """Make a bucket (or folder) ready, and check that it keeps searches safe.

    URI is s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or a folder. Settings of
    S3 come from the environment: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_REGION. A bucket of the other two must be there already.
    """
    from nas_lib.store.arrival import init_arriving_store

    done = init_arriving_store(
        uri, wait_s=60 * wait_min, say=lambda text: click.echo(text, err=True)
    )
    click.echo(f"{done.uri} is {'made' if done.is_new else 'there'} and ready for searches")
    click.echo(f"create-only writes are atomic: one winner in each of {done.num_races} races")
    click.echo(done.expiry)


@click.command()
@search_argument
@click.option("--delete", is_flag=True, help="Remove it; without this, only say what there is.")
@click.option(
    "--older-than",
    "hours",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    help="Hours that leases and versions of the controller are kept at least.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gc(search: str, delete: bool, hours: float, as_json: bool) -> None:
    """Show, or remove, what a SEARCH has stored and needs no more.

    Results, the best children's weights and everything of open rounds stay. It may run beside the
    search.
    """
    from rich.box import SIMPLE_HEAD
    from rich.filesize import decimal

    from nas_lib.cli.console import console
    from nas_lib.open_search import OpenSearch
    from nas_lib.steps import WHY, collect_garbage

    garbage = collect_garbage(OpenSearch(search), older_than_s=hours * 3600, delete=delete)
    if as_json:
        rows = [
            {"kind": each.kind, "objects": len(each.infos), "bytes": each.num_bytes}
            for each in garbage
        ]
        print_json({"deleted": delete, "garbage": rows})
        return
    from rich.table import Table

    table = Table("What", "Objects", "Size", "Why", box=SIMPLE_HEAD)
    for each in garbage:
        if each.infos:
            count = f"{len(each.infos):,}"
            table.add_row(each.kind, count, decimal(each.num_bytes), WHY[each.kind])
    num = sum(len(each.infos) for each in garbage)
    if not num:
        click.echo(f"{search} has nothing superfluous")
        return
    console().print(table)
    click.echo("Removed." if delete else "Nothing was removed: add --delete to do it.")
