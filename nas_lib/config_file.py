"""From what a user writes (YAML, overrides) to a checked SearchConfig, and back."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from nas_lib.config import SearchConfig
from nas_lib.config.following import followers, following
from nas_lib.config.sections import TAGS, section_paths
from nas_lib.document import MOST_BYTES, check_document, place_text, shown
from nas_lib.errors import ConfigError, one_line, visible
from nas_lib.part import MAY_CHANGE
from nas_lib.presets import PRESETS, preset
from nas_lib.wrong_settings import explain
from nas_lib.yaml_text import parse_yaml

_GOES_WITH: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("space", "kind"): ("final", "size"),
    ("children", "kind"): ("final", "children"),
    ("search", "kind"): ("controller", "chosen"),
}
"""What of another section is dropped, too, where another kind is chosen."""
_OF_TARGET: Final[Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {
    ("task", "target"): (("task", "score"), ("final", "children", "label_smoothing")),
}
"""What is dropped where images are to be told something else: it has another default then."""

PRESET_AND_OVERRIDES = "preset and overrides"
"""What a document is called in errors that Kubeflow's form is the source of."""

_IN_A_WORD = "controller"
"""The section that may be given as its kind alone, a text."""


def read_config(path: str | PathLike[str], overrides: Sequence[str] = ()) -> SearchConfig:
    """Return the configuration in a YAML file, with `key.key=value` overrides applied.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or says something impossible.
    """
    document = apply_overrides(read_document(path), overrides)
    return parse_config(document, source=one_line(path))


def read_document(path: str | PathLike[str]) -> Any:
    """Return what a YAML file says, unchecked.

    Raises:
        ConfigError: The file cannot be read, or is not YAML.
    """
    document = parse_yaml(_text_of(Path(path)), source=one_line(path))
    return {} if document is None else document  # an empty file


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)  # of whatever it is
        if len(data) > MOST_BYTES:
            raise ValueError(f"expected at most {MOST_BYTES:,} bytes")
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as err:
        message = f"cannot read the configuration {one_line(path)}: {one_line(err)}"
        raise ConfigError(message) from err


def parse_config(document: object, *, source: str) -> SearchConfig:
    """Return the configuration that a plain document spells out.

    Args:
        document: Nested mappings and lists, as YAML gives them.
        source: Where it comes from, for the error.

    Raises:
        ConfigError: An unknown key, a wrong type or an impossible value.
    """
    check_document(document, source=source)
    if not isinstance(document, Mapping):
        raise ConfigError(f"{source}: expected settings (key: value), got {shown(document)}")
    try:
        return SearchConfig.model_validate(document)
    except ValidationError as err:
        raise ConfigError(f"{source}: {explain(document, err)}") from err


def apply_overrides(document: object, overrides: Sequence[str]) -> Any:
    """Return the document with `section.key=value` settings replaced; values are YAML.

    Choosing another `kind` or `format` drops the settings of the one before.

    Raises:
        ConfigError: An override is not of this form, or goes through something with no keys.
    """
    return with_changes(document, map(parse_override, overrides))


def with_changes(document: object, changes: Iterable[tuple[str, Any]]) -> Any:
    """Return the document with settings replaced, given by their places, such as `children.epochs`.

    What final.children has as in children goes with these, unless a change says otherwise.

    Raises:
        ConfigError: A place goes through something with no keys.
    """
    document, changes = following(document, changes)
    changed = copy.deepcopy(document)
    for key, value in sorted(changes, key=lambda change: _is_no_tag(change[0])):
        _set(changed, key.split("."), value, f"{key}={shown(value)}")
    return changed


def parse_override(override: str) -> tuple[str, Any]:
    """Return where the setting stands that `section.key=value` is about, and its value.

    Raises:
        ConfigError: It is not of this form, or its value is not YAML.
    """
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"an override looks like children.epochs=5, got {shown(override)}")
    return key, parse_yaml(text, source=f"the value in {shown(override)}")


def resolve_config(
    preset_name: str, overrides: Mapping[str, Any], *, stored: SearchConfig | None
) -> SearchConfig | None:
    """Return the configuration that a preset and a dict of overrides mean, as Kubeflow has them.

    Args:
        preset_name: Empty for what is stored.
        overrides: Nested settings, or `section.key` settings, or both.
        stored: The search's configuration, None where there is no search.

    Returns:
        None if nothing is named or changed: whatever is stored goes on.

    Raises:
        ConfigError: Nothing to start from, an unknown preset or a bad setting.
    """
    check_document(overrides, source="overrides")
    base = preset(preset_name) if preset_name else stored
    if not preset_name and not overrides:
        return None
    if base is None:
        raise ConfigError("there is no search yet: name a preset to start from")
    document = with_changes(base.model_dump(mode="json"), dotted(overrides))
    return parse_config(document, source=PRESET_AND_OVERRIDES)


def as_preset(config: SearchConfig) -> tuple[str, dict[str, Any]]:
    """Return a preset and overrides that mean this configuration, as few as there are.

    `resolve_config` makes the configuration of them again, also from what Kubeflow makes of the
    numbers in a dict: floats.
    """
    wanted = config.model_dump(mode="json")
    changes = {
        name: dict(_changes(_followed(preset(name).model_dump(mode="json"), wanted), wanted))
        for name in PRESETS
    }
    fewest = min(changes, key=lambda name: len(changes[name]))
    return fewest, changes[fewest]


def _followed(base: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document in which final.children has followed children to what is wanted there."""
    ours = wanted["children"]
    if base["children"]["kind"] != ours["kind"]:
        return base
    same = {name: ours[name] for name in followers(base)}
    final = base["final"]
    return {**base, "final": {**final, "children": {**(final["children"] or {}), **same}}}


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """Yield the settings that differ; where a section is of another kind, all that it has."""
    if any(old.get(tag) != new.get(tag) for tag in TAGS):
        old = {}
    for key, value in new.items():
        place = (*path, key)
        if place in section_paths() and isinstance(value, Mapping):
            yield from _changes(old.get(key) or {}, value, place)
        elif key not in old or old[key] != value:
            yield ".".join(place), _exact_as_float(value)


def _exact_as_float(value: Any) -> Any:
    """Return the value, a whole number too large for a float as text, which is read as one."""
    large = isinstance(value, int) and abs(value) > 2**53
    return str(value) if large else value


def dotted(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield single settings; one that is itself a mapping, such as a node selector, is whole.

    Of two for the same place the one with the longer key comes last, and so counts: on their way
    through Kubeflow they lose their order.
    """
    for key in sorted(settings, key=lambda key: (_is_no_tag(key), key.count("."))):
        value = settings[key]
        if isinstance(value, Mapping) and tuple(f"{prefix}{key}".split(".")) in section_paths():
            yield from dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def to_yaml(config: SearchConfig, *, why: Mapping[str, str] | None = None) -> str:
    """Return the whole configuration as YAML, each setting with its description beside it.

    Reading it gives the same configuration.

    Args:
        config: The configuration.
        why: By the place of a setting, such as `children.epochs`: a comment above it. That at the
            empty place comes first; it may have several lines.
    """
    return "\n".join(_yaml_lines(config, why or {})) + "\n"


def identity(config: SearchConfig, data_hash: str) -> str:
    """Return the hash of all that makes a search what it is.

    The data counts by the hash of what was prepared.
    """
    text = json.dumps([identity_settings(config), data_hash], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def identity_settings(config: SearchConfig) -> dict[str, object]:
    """Return the settings that make a search what it is, by their place in the document.

    What is `MAY_CHANGE`, such as budget, stop rule, resources and paths, is left out: a search may
    be continued with another.
    """
    return dict(_leaves(_identity_part(config)))


def _identity_part(part: BaseModel) -> dict[str, Any]:
    """Return a part's settings as plain data, without those that may change."""
    fields = {
        name: field
        for name, field in type(part).model_fields.items()
        if field.json_schema_extra != MAY_CHANGE
    }
    plain = part.model_dump(mode="json", include=set(fields))
    parts = {name: getattr(part, name) for name in fields}
    return {
        name: _identity_part(value) if isinstance(value, BaseModel) else plain[name]
        for name, value in parts.items()
    }


def differences(stored: SearchConfig, given: SearchConfig) -> list[str]:
    """Return, in words, which settings of the identity differ."""
    old, new = identity_settings(stored), identity_settings(given)
    return [
        f"{key} is {shown(old.get(key, 'absent'))} there and {shown(new.get(key, 'absent'))} here"
        for key in dict.fromkeys([*old, *new])
        if old.get(key, "absent") != new.get(key, "absent")
    ]


def _yaml_lines(
    part: BaseModel, why: Mapping[str, str], path: tuple[str, ...] = ()
) -> Iterator[str]:
    indent = "  " * len(path)
    if not path:
        yield from _comments(why.get("", ""), indent)
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        yield from _comments(why.get(".".join((*path, name)), ""), indent)
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _yaml_lines(value, why, (*path, name))
        else:
            comment = f"  # {field.description}" if field.description else ""
            yield f"{indent}{name}: {_inline(value)}{comment}"


def _comments(text: str, indent: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"{indent}# {visible(line)}"


def _inline(value: object) -> str:
    """Return a value as JSON in ASCII, with escapes as YAML has them: no halves of characters."""
    escaped = json.dumps(value, ensure_ascii=False).encode("ascii", "backslashreplace").decode()
    return escaped.replace("\x7f", "\\x7f")


def _is_no_tag(override: str) -> bool:
    """Put a `kind` or `format` first, as it drops the others of its section."""
    place = override.partition("=")[0]
    is_target = tuple(place.split(".")) in _OF_TARGET
    return not is_target and place != _IN_A_WORD and place.rpartition(".")[2] not in TAGS


def _set(document: Any, path: Sequence[str], value: object, override: str) -> None:
    section = document
    if path == [_IN_A_WORD] and isinstance(value, str):
        path = [_IN_A_WORD, "kind"]
    if isinstance(document, dict) and isinstance(document.get(_IN_A_WORD), str):
        document[_IN_A_WORD] = {"kind": document[_IN_A_WORD]}
    for key in path[:-1]:
        if not isinstance(section, dict):
            break
        if section.get(key) is None:  # a section may be left out, as null
            section[key] = {}
        section = section[key]
    if not isinstance(section, dict):
        raise ConfigError(
            f"cannot apply {shown(override)}: no settings lie below {place_text(path[:1])}"
        )
    if path[-1] in TAGS and section.get(path[-1]) != value:
        section.clear()
        _drop(document, _GOES_WITH.get(tuple(path), ()))
    if section.get(path[-1]) != value:
        for other in _OF_TARGET.get(tuple(path), ()):
            _drop(document, other)
    section[path[-1]] = value


def _drop(document: Any, path: Sequence[str]) -> None:
    """Let a document leave out what stands at this place, if anything does."""
    section = document if path else None
    for name in path[:-1]:
        section = section.get(name) if isinstance(section, dict) else None
    if isinstance(section, dict):
        section.pop(path[-1], None)


def _leaves(document: Any, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _leaves(value, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, document
