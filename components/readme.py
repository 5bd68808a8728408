"""Writes each component's README.md from its docstring: `python -m kfp_nas.components.readme`."""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from kfp.dsl.base_component import BaseComponent

FOLDER = Path(__file__).parent
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/component.py"))


def component(name: str) -> BaseComponent:
    """Return the component of this name."""
    return getattr(importlib.import_module(f"kfp_nas.components.{name}"), name)


def readme(name: str) -> str:
    """Return the README of the component of this name, in Markdown."""
    return "\n".join(_lines(name)) + "\n"


def _lines(name: str) -> Iterator[str]:
    made = component(name)
    text, _, rest = inspect.getdoc(made.python_func).partition("\n\nArgs:\n")
    arguments, _, returns = rest.partition("\n\nReturns:\n")
    yield f"# {name}"
    yield ""
    yield text
    yield ""
    yield "| parameter | type | what it is |"
    yield "| --- | --- | --- |"
    inputs, outputs = made.component_spec.inputs, made.component_spec.outputs or {}
    for argument, description in _arguments(arguments):
        spec = inputs.get(argument) or outputs[argument]
        kind = spec.type.removeprefix("system.").removeprefix("typing.").partition("@")[0]
        kind = kind if argument in inputs else f"{kind}, an output"
        yield f"| `{argument}` | {kind} | {description} |"
    if returns:
        yield ""
        yield f"Returns: {' '.join(inspect.cleandoc(returns).split())}"
    yield ""
    yield "Generated from the component's docstring by `python -m kfp_nas.components.readme`."


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    for line in inspect.cleandoc(text).splitlines():
        name, _, description = line.partition(": ")
        yield name.strip(), description


def main() -> None:
    """Write them all."""
    for name in NAMES:
        (FOLDER / name / "README.md").write_text(readme(name))


if __name__ == "__main__":
    main()
