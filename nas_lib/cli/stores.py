"""`nas store` and `nas gc`: where searches lie, and what they have there that nobody needs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from nas_lib.cli.configuring import print_json
from nas_lib.errors import one_line

if TYPE_CHECKING:
    from nas_lib.buckets import KeptCopy


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
@click.argument("search", metavar="[SEARCH]", required=False)
@click.option(
    "--copies", is_flag=True, help="Look at this machine's copies of data in buckets instead."
)
@click.option("--delete", is_flag=True, help="Remove it; without this, only say what there is.")
@click.option(
    "--older-than",
    "hours",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    help="Hours that leases and versions of the controller are kept at least, and copies unused.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gc(search: str | None, copies: bool, delete: bool, hours: float, as_json: bool) -> None:
    """Show, or remove, what a SEARCH has stored and needs no more.

    Results, the best children's weights and everything of open rounds stay. It may run beside the
    search. With --copies, of what lies in buckets the copies in NAS_CACHE: one that is wanted again
    is fetched anew.
    """
    if (search is None) != copies:
        raise click.UsageError("name a SEARCH, or --copies for those of data in buckets")
    if search is None:
        _show_copies(hours * 3600, delete=delete, as_json=as_json)
    else:
        _show_garbage(search, hours * 3600, delete=delete, as_json=as_json)


def _show_garbage(search: str, older_than_s: float, *, delete: bool, as_json: bool) -> None:
    from nas_lib.open_search import OpenSearch
    from nas_lib.steps import WHY, collect_garbage

    garbage = collect_garbage(OpenSearch(search), older_than_s=older_than_s, delete=delete)
    if as_json:
        rows = [
            {"kind": each.kind, "objects": len(each.infos), "bytes": each.num_bytes}
            for each in garbage
        ]
        print_json({"deleted": delete, "garbage": rows})
        return
    found = [
        (each.kind, len(each.infos), each.num_bytes, WHY[each.kind])
        for each in garbage
        if each.infos
    ]
    if not found:
        click.echo(f"{search} has nothing superfluous")
        return
    _print_table("Objects", found)
    click.echo("Removed." if delete else "Nothing was removed: add --delete to do it.")


def _show_copies(unused_s: float, *, delete: bool, as_json: bool) -> None:
    from nas_lib.buckets import kept_copies

    before_s = time.time() - unused_s
    copies = [each for each in kept_copies() if each.used_s < before_s]
    found = [(each, delete and each.remove()) for each in copies]
    if as_json:
        rows = [
            {
                "uri": each.uri,
                "path": str(each.root),
                "files": each.num_files,
                "bytes": each.num_bytes,
                "used_s": each.used_s,
                "removed": is_removed,
            }
            for each, is_removed in found
        ]
        print_json({"copies": rows})
    elif not copies:
        click.echo(f"no copy of data in a bucket was unused for {unused_s / 3600:g} hours")
    else:
        _print_table("Files", [_copy_row(each, is_removed) for each, is_removed in found])
        if not delete:
            click.echo("Nothing was removed: add --delete to do it.")


def _copy_row(copy: KeptCopy, is_removed: bool) -> tuple[str, int, int, str]:
    day = time.strftime("%Y-%m-%d", time.localtime(copy.used_s))
    state = "removed" if is_removed else f"last used on {day}"
    return one_line(copy.uri), copy.num_files, copy.num_bytes, state


def _print_table(counted: str, rows: Iterable[tuple[str, int, int, str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.filesize import decimal
    from rich.table import Table

    from nas_lib.cli.console import console

    table = Table("What", counted, "Size", "Why", box=SIMPLE_HEAD)
    for what, num, num_bytes, why in rows:
        table.add_row(what, f"{num:,}", decimal(num_bytes), why)
    console().print(table)
