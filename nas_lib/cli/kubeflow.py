"""`nas prepare` and `nas compile`: what Kubeflow needs from this machine."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nas_lib.cli.configuring import config_argument, load, set_option
from nas_lib.errors import ConfigError

PIPELINES = ("nas_search",)


@click.command()
@config_argument
@click.option("--store", required=True, help="Where the search is to lie.")
@set_option
def prepare(config: str, store: str, overrides: tuple[str, ...]) -> None:
    """Create the search of a CONFIG and store its data, without training anything.

    For data that lies on this machine and a search that runs elsewhere: pods then take the data
    from the store.
    """
    settings = load(config, overrides)

    from nas_lib import steps

    prepared = steps.prepare_data(store, config=settings)
    what = f"{prepared.source}, " if prepared else ""
    click.echo(f"{what}prepared in {store}: start the pipeline there, with an empty preset")


@click.command("compile")
@click.option("--pipeline", type=click.Choice(PIPELINES), default=PIPELINES[0], show_default=True)
@click.option("--image", help="The image that all tasks run in; by default NAS_IMAGE.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="By default <pipeline>.yaml.")
def compile_pipeline(pipeline: str, image: str | None, output: Path | None) -> None:
    """Compile a pipeline to YAML for the Kubeflow UI."""
    if image is not None:
        os.environ["NAS_IMAGE"] = image  # read when the components are imported
    path = output or Path(f"{pipeline}.yaml")
    try:
        from kfp.compiler import Compiler
        from kfp_nas import pipelines
    except ImportError as err:
        raise ConfigError(
            f"compiling needs Kubeflow Pipelines' SDK: pip install 'kfp-nas[kubeflow]' ({err})"
        ) from err
    try:
        Compiler().compile(pipelines.find(pipeline), str(path))
    except OSError as err:
        raise ConfigError(f"cannot write {path}: {err.strerror}") from err
    click.echo(f"{path}: upload it in the Kubeflow UI")
