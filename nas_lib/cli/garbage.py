"""`nas gc`: make a search smaller."""

from __future__ import annotations

import click

from nas_lib.cli.configuring import print_json
from nas_lib.cli.results import search_argument


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
    from rich.console import Console
    from rich.filesize import decimal

    from nas_lib.steps import WHY, collect_garbage

    garbage = collect_garbage(search, older_than_s=hours * 3600, delete=delete)
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
    Console().print(table)
    click.echo("Removed." if delete else "Nothing was removed: add --delete to do it.")
