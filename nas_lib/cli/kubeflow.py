"""`nas prepare` and `nas compile`: what Kubeflow needs from this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas_lib.cli.configuring import config_argument, load_transfer, set_option, transfer_option
from nas_lib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from nas_lib.config import FanOut

FAN_OUTS = ("tasks", "jobs", "pod")
"""Those of `FanOut`, which takes a while to import."""
FAMILIES = ("nas-search", "enas-search", "transfer")
"""Those of `nas_lib.cluster.package`, likewise."""


def _compile_with_claim(context: object, parameter: object, claim: str | None) -> None:
    if claim is not None:
        os.environ["NAS_DATA_CLAIM"] = claim  # read when the pipelines are imported


data_claim_option = click.option(
    "--data-claim",
    envvar="NAS_DATA_CLAIM",
    show_envvar=True,
    expose_value=False,
    callback=_compile_with_claim,
    help="PersistentVolumeClaim with your data: what prepares them finds its files at /data.",
)


@click.command()
@config_argument
@click.option("--store", required=True, help="Where the search is to lie.")
@transfer_option
@set_option
def prepare(config: str, store: str, source: str | None, overrides: tuple[str, ...]) -> None:
    """Create the search of a CONFIG and store its data, without training anything.

    For data that lies on this machine and a search that runs elsewhere: pods then take the data
    from the store.
    """
    settings = load_transfer(source, config, overrides)

    from nas_lib import steps
    from nas_lib.open_search import OpenSearch

    prepared = steps.prepare_data(
        OpenSearch(store), config=settings, warn=lambda message: click.echo(message, err=True)
    )
    for notice in prepared.notices if prepared else ():
        click.echo(f"data: {notice}", err=True)
    what = f"{prepared.source}, " if prepared else ""
    click.echo(f"{what}prepared in {store}: start the pipeline there, with an empty preset")


@click.command("compile")
@click.argument("family", metavar="[PIPELINE]", type=click.Choice(FAMILIES), default=FAMILIES[0])
@click.option(
    "--fanout",
    type=click.Choice(FAN_OUTS),
    help="Children are a task each (the usual), a Job each, or all in one pod; of transfer, a Job "
    "each.",
)
@click.option("--image", help="The image that all tasks run in; by default NAS_IMAGE.")
@data_claim_option
@click.option(
    "--kubernetes", is_flag=True, help="Write Pipeline and PipelineVersion for kubectl apply."
)
@click.option("-n", "--namespace", help="Of those resources.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="By default <pipeline>.yaml.")
def compile_pipeline(
    family: str,
    fanout: FanOut | None,
    image: str | None,
    kubernetes: bool,
    namespace: str | None,
    output: Path | None,
) -> None:
    """Compile a PIPELINE to YAML for the Kubeflow UI, or for kubectl.

    It is nas-search, or for searches by shared weights enas-search; or transfer, of networks that
    were found elsewhere.
    """
    from nas_lib.cluster import package

    name = package.pipeline_name(family, fanout or package.usual_fanout(family))
    path = output or Path(f"{name.replace('-', '_')}.yaml")
    if path.suffix != ".yaml":
        raise ConfigError(f"cannot write {one_line(path)}: its name should end with .yaml")
    if kubernetes:
        package.compile_resources(name, path, image=image, namespace=namespace)
        click.echo(f"{path}: kubectl apply --server-side -f {path}")
    else:
        package.compile_pipeline(name, path, image=image)
        click.echo(f"{path}: upload it in the Kubeflow UI")


@click.command("train-child", hidden=True)
@click.argument("search_uri")
@click.argument("child")
@click.option("--run", required=True)
def train_child(search_uri: str, child: str, run: str) -> None:
    """Train one child of a search: what a Job's pod does."""
    from nas_lib import pods
    from nas_lib.records import ChildId
    from nas_lib.store import layout
    from nas_lib.store.objects import check_key

    try:
        ChildId.parse(child)
        check_key(layout.run_plan(run))
    except ValueError as err:
        raise ConfigError(one_line(err)) from err
    with pods.pod_step(search_uri, "train_child", run, children=[child]) as search:
        pods.train_child_in_job(search, child=child, run=run)
