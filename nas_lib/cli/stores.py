"""`nas store`."""

from __future__ import annotations

import click


@click.group()
def store() -> None:
    """Set up where searches lie."""


@store.command()
@click.argument("uri", metavar="URI")
def init(uri: str) -> None:
    """Make a bucket (or folder) ready, and check that it keeps searches safe.

    URI is s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or a folder. Settings of
    S3 come from the environment: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_REGION. A bucket of the other two must be there already.
    """
    from nas_lib.store.setup import init_store

    done = init_store(uri)
    click.echo(f"{done.uri} is {'made' if done.is_new else 'there'} and ready for searches")
    click.echo(f"create-only writes are atomic: one winner in each of {done.num_races} races")
    click.echo(done.expiry)
