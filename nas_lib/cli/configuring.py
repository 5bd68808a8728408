"""`nas presets`, `nas init` and `nas check`: before the search."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas_lib.cli.addresses import WITH_TORCH_MB, require_addresses
from nas_lib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from nas_lib.config import SearchConfig
    from nas_lib.starting_documents import StartingDocument

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting, for instance children.epochs=5. May be repeated.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Networks trained at once; by default one per GPU, or per CPU where there is none.",
)
transfer_option = click.option(
    "--transfer",
    "source",
    metavar="SEARCH|CELL",
    help="In place of a search, the transfer of these networks to CONFIG's task (nas transfer).",
)
hours_option = click.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True, max=10_000),
    help="With data: search and final training are to fit into so many hours here; by default 1.",
)
format_option = click.option(
    "--format",
    "format_name",
    metavar="FORMAT",
    help="With data: which format they are of (task.data.format), where that cannot be told.",
)
config_argument = click.argument("config", metavar="CONFIG")


def load(config: str, overrides: tuple[str, ...]) -> SearchConfig:
    """Return the configuration in a YAML file, or the preset of this name."""
    from nas_lib.config_file import apply_overrides, parse_config

    document, called = _document(config)
    return parse_config(apply_overrides(document, overrides), source=called)


def _document(config: str) -> tuple[Any, str]:
    """Return a configuration as a plain document, and what it is called in errors."""
    from nas_lib.config_file import read_document
    from nas_lib.presets import PRESETS, preset

    if config in PRESETS and not Path(config).is_file():
        return preset(config).model_dump(mode="json"), f"preset {config}"
    if Path(config).is_dir():
        raise ConfigError(
            f"{one_line(config)}: expected a document, got a folder; of data, nas init --data "
            f"{one_line(shlex.quote(config))} -o search.yaml writes one"
        )
    return read_document(config), one_line(config)


def load_transfer(
    source: str | None,
    config: str,
    overrides: tuple[str, ...],
    *,
    top: int | None = None,
    networks: tuple[str, ...] = (),
) -> SearchConfig:
    """Return the configuration of a transfer to the task of a configuration; itself if of none.

    What of that has no meaning there is said on standard error.
    """
    if source is None:
        return load(config, overrides)
    from nas_lib.config_file import parse_override
    from nas_lib.steps import transferred

    document, called = _document(config)
    found = transferred(
        source,
        document,
        changes=map(parse_override, overrides),
        top=top,
        networks=networks,
        called=called,
    )
    if found.notice:
        click.echo(found.notice, err=True)
    return found.config


def load_stored(uri: str, overrides: tuple[str, ...]) -> SearchConfig:
    """Return the configuration of the search that is stored here."""
    from nas_lib.config_file import apply_overrides, parse_config
    from nas_lib.store import SearchStore

    document = SearchStore.open(uri).config().model_dump(mode="json")
    return parse_config(apply_overrides(document, overrides), source=one_line(uri))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def presets(as_json: bool) -> None:
    """List the named configurations to start from."""
    from nas_lib.presets import descriptions

    found = descriptions()
    if as_json:
        print_json(found)
        return
    width = max(map(len, found))
    for name, text in found.items():
        click.echo(f"{name:{width}}  {text}")


@click.command()
@click.argument("preset_name", metavar="[PRESET]", required=False)
@click.option(
    "--data",
    metavar="PATH",
    help="Look at these data, in a bucket too, and propose a search of them.",
)
@hours_option
@format_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file.")
@set_option
def init(
    preset_name: str | None,
    data: str | None,
    hours: float | None,
    format_name: str | None,
    output: Path | None,
    overrides: tuple[str, ...],
) -> None:
    """Write a PRESET as a YAML file to edit, every setting explained.

    Or with --data a document for data of your own: they are looked at, and each choice says why.
    """
    if data is None and preset_name is None:
        raise click.UsageError("name a PRESET to begin with, or --data of your own")
    if data is not None and preset_name is not None:
        raise ConfigError("a PRESET and --data both say what to begin with: choose one")
    if data is None:
        refuse_for_data_only(hours, format_name)
        text, said = _preset_yaml(str(preset_name), overrides), ""
    else:
        document = propose(data, hours, format_name, overrides)
        text, said = document.yaml(), "".join(f"{fact}\n" for fact in document.facts)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as err:
        raise ConfigError(f"cannot write {one_line(output)}: {err.strerror}") from err
    click.echo(f"{said}{output} is written: edit it, then `nas search {output}`")


def _preset_yaml(name: str, overrides: tuple[str, ...]) -> str:
    from nas_lib.config_file import apply_overrides, parse_config, to_yaml
    from nas_lib.presets import preset

    document = preset(name).model_dump(mode="json")
    return to_yaml(parse_config(apply_overrides(document, overrides), source=name))


def propose(
    path: str, hours: float | None, format_name: str | None, overrides: tuple[str, ...]
) -> StartingDocument:
    """Return a document for data that are looked at, as large as fits into some hours here."""
    require_addresses(WITH_TORCH_MB)  # steps are timed
    from nas_lib.starting_documents import DEFAULT_HOURS, starting_document

    return starting_document(
        path,
        hours=DEFAULT_HOURS if hours is None else hours,
        format_name=format_name,
        overrides=overrides,
    )


def refuse_for_data_only(hours: float | None, format_name: str | None) -> None:
    """Refuse what shapes a document for data, where there is one already."""
    for name, value in (("--hours", hours), ("--format", format_name)):
        if value is not None:
            raise ConfigError(
                f"{name} is for data of your own: what is begun with here says all settings itself"
            )


@click.command()
@config_argument
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(config: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check a CONFIG and its data, and say what the search would be."""
    from nas_lib.cli.preview import preview

    facts = preview(load(config, overrides))
    if as_json:
        print_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:{width}}  {value}")


def print_json(value: object) -> None:
    """Print a plain value as JSON."""
    import json

    click.echo(json.dumps(value, indent=2))
