"""YAML within bounds: whatever a text holds, reading it takes a moment and little memory.

It ends in plain data or in one sentence. Only what JSON has too is read: no dates, no objects, and
no keys but texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from nas_lib.document import (
    MOST_BYTES,
    MOST_DIGITS,
    MOST_LEVELS,
    MOST_NODES,
    MOST_SHOWN,
    TOO_DEEP,
    TOO_MANY,
    check_document,
    shown,
)
from nas_lib.errors import ConfigError, one_line

_MOST_SAID = 200  # characters of what the parser says
_LONGEST_NUMBER = 100  # characters, also of null, true and false
_SCIENTIFIC = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")  # JSON's 1e-05 is one, too
_TAG = "tag:yaml.org,2002:"
_YAML: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str, *, source: str) -> Any:
    """Return what a text says in YAML.

    Args:
        text: The text.
        source: Where it comes from, for the error.

    Raises:
        ConfigError: It is no YAML, or no document within the bounds.
    """
    if (size := len(text.encode(errors="replace"))) > MOST_BYTES:
        raise ConfigError(f"{source}: expected at most {MOST_BYTES:,} bytes, got {size:,}")
    try:
        _check_extent(text)
        document = yaml.load(text, Loader=_Loader)
    except _RefusedError as err:
        raise ConfigError(f"{source}: {_reason(err)}") from err
    except yaml.MarkedYAMLError as err:
        raise ConfigError(f"{source} is not valid YAML: {_reason(err)}") from err
    except (yaml.YAMLError, UnicodeEncodeError) as err:  # a character that may not be there
        raise ConfigError(f"{source} is not valid YAML: {one_line(err, _MOST_SAID)}") from err
    check_document(document, source=source)
    return document


class _RefusedError(yaml.MarkedYAMLError):
    """Is YAML, and no document of ours."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(None, None, problem, mark)


def _reason(error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong with a text, and where."""
    what = " ".join(filter(None, (error.problem, error.context)))
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return where + one_line(what, _MOST_SAID)


def _check_extent(text: str) -> None:
    """Refuse a text whose nodes are too many or too deep, before they are made."""
    sizes: dict[str, int] = {}  # nodes that an alias stands for
    opened: list[tuple[str, int]] = []  # anchors, and how many nodes came before
    num_nodes = 0
    for event in yaml.parse(text, Loader=_YAML):
        if isinstance(event, yaml.AliasEvent):
            if any(event.anchor == anchor for anchor, _ in opened):
                raise _RefusedError("an alias may not stand within what it is of", event.start_mark)
            num_nodes += sizes.get(str(event.anchor), 1)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            sizes[anchor] = num_nodes - before
        elif isinstance(event, yaml.NodeEvent):
            num_nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append((event.anchor or "", num_nodes - 1))
        if num_nodes > MOST_NODES or len(opened) > MOST_LEVELS:
            problem = TOO_DEEP if len(opened) > MOST_LEVELS else TOO_MANY
            raise _RefusedError(problem, event.start_mark)


class _Loader(_YAML):  # type: ignore[misc]
    """Makes plain data of a text."""

    def get_single_data(self) -> Any:
        """Return the one document that there is, None of an empty text."""
        node = self.get_single_node()
        if node is None:
            return None
        _check_keys(node)
        return self.construct_document(node)


def _check_keys(root: yaml.Node) -> None:
    """Refuse keys that are no text, and sections with two of the same."""
    waiting, seen = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        parts = node.value if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            _check_keys_of(node)
            parts = [part for _, part in node.value]
        fresh = [part for part in parts if id(part) not in seen]
        seen |= {id(part) for part in fresh}
        waiting += fresh


def _check_keys_of(node: yaml.MappingNode) -> None:
    known: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _RefusedError("a key should be text, got a list or a section", key.start_mark)
        name = one_line(key.value, MOST_SHOWN)
        if key.tag not in (f"{_TAG}str", f"{_TAG}merge"):
            raise _RefusedError(f"a key should be text: put {name} in quotes", key.start_mark)
        if key.value in known:
            raise _RefusedError(f"{name} stands twice in this section", key.start_mark)
        known.add(key.value)


def _scalar(name: str, noun: str) -> Callable[[Any, Any], Any]:
    """Return what makes a value of a node, whatever stands there."""
    make = getattr(yaml.SafeLoader, f"construct_yaml_{name}")

    def construct(loader: Any, node: yaml.Node) -> Any:
        text = loader.construct_scalar(node)
        if ":" in text:  # to YAML 1.1, 1:30 is 90
            return text
        try:
            if len(text) > _LONGEST_NUMBER:
                raise ValueError("a maker may take a time that grows with the square of this")
            return make(loader, node)
        except Exception as err:  # each of the makers has some of its own
            raise _RefusedError(f"expected {noun}, got {shown(text)}", node.start_mark) from err

    return construct


def _refuse_tag(_: Any, node: yaml.Node) -> None:
    tag = one_line(node.tag.removeprefix(_TAG), MOST_SHOWN)
    raise _RefusedError(f"the tag {tag} means nothing here", node.start_mark)


_Loader.yaml_constructors = {
    f"{_TAG}null": _scalar("null", "null"),
    f"{_TAG}bool": _scalar("bool", "true or false"),
    f"{_TAG}int": _scalar("int", f"a whole number of at most {MOST_DIGITS} digits"),
    f"{_TAG}float": _scalar("float", "a number"),
    f"{_TAG}str": yaml.SafeLoader.construct_yaml_str,
    f"{_TAG}seq": yaml.SafeLoader.construct_yaml_seq,
    f"{_TAG}map": yaml.SafeLoader.construct_yaml_map,
    None: _refuse_tag,
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != f"{_TAG}timestamp"]
    for first, resolvers in _YAML.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{_TAG}float", _SCIENTIFIC, list("-+0123456789"))
