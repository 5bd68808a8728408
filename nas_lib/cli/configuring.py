"""`nas presets`, `nas init` and `nas check`: before the search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas_lib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from nas_lib.config import SearchConfig

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
@click.argument("preset_name", metavar="PRESET")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file.")
@set_option
def init(preset_name: str, output: Path | None, overrides: tuple[str, ...]) -> None:
    """Write a PRESET as a YAML file to edit, every setting explained."""
    from nas_lib.config_file import apply_overrides, parse_config, to_yaml
    from nas_lib.presets import preset

    document = preset(preset_name).model_dump(mode="json")
    text = to_yaml(parse_config(apply_overrides(document, overrides), source=preset_name))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as err:
        raise ConfigError(f"cannot write {one_line(output)}: {err.strerror}") from err
    click.echo(f"{output} is written: edit it, then `nas search {output}`")


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
