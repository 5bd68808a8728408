"""From what a user writes (YAML, overrides) to a checked SearchConfig, and back."""

from __future__ import annotations

import copy
import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nas_lib.config import SearchConfig
from nas_lib.errors import ConfigError
from nas_lib.part import MAY_CHANGE
from nas_lib.presets import PRESETS, preset

_MOST_SHOWN = 60  # characters of a value
_UNION_TAGS = ("kind", "format")
_OLD_KINDS = {"task": ("image_classification", "language_modelling"), "controller": ("enas",)}


def read_config(path: Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Return the configuration in a YAML file, with `key.key=value` overrides applied.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or says something impossible.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"cannot read the configuration {path}: {err}") from err
    except yaml.YAMLError as err:
        reason = " ".join(str(err).split())
        raise ConfigError(f"{path} is not valid YAML: {reason}") from err
    return parse_config(apply_overrides(document or {}, overrides), source=str(path))


def parse_config(document: object, *, source: str) -> SearchConfig:
    """Return the configuration that a plain document spells out.

    Args:
        document: Nested mappings and lists, as YAML gives them.
        source: Where it comes from, for the error.

    Raises:
        ConfigError: An unknown key, a wrong type or an impossible value.
    """
    if not isinstance(document, Mapping):
        raise ConfigError(f"{source}: expected settings (key: value), got {_shown(document)}")
    try:
        return SearchConfig.model_validate(document)
    except ValidationError as err:
        raise ConfigError(f"{source}: {_old_form(document) or _sentence(err)}") from err


def apply_overrides(document: object, overrides: Sequence[str]) -> Any:
    """Return the document with `section.key=value` settings replaced; values are YAML.

    Choosing another `kind` or `format` drops the settings of the one before.

    Raises:
        ConfigError: An override is not of this form, or goes through something with no keys.
    """
    changed = copy.deepcopy(document)
    for override in sorted(overrides, key=_is_no_tag):
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ConfigError(f"an override looks like children.epochs=5, got {override!r}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as err:
            raise ConfigError(f"the value in {override!r} is not valid YAML") from err
        _set(changed, key.split("."), value, override)
    return changed


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
    base = preset(preset_name) if preset_name else stored
    if not preset_name and not overrides:
        return None
    if base is None:
        raise ConfigError("there is no search yet: name a preset to start from")
    document = base.model_dump(mode="json")
    for key, value in _dotted(overrides):
        _set(document, key.split("."), value, f"{key}={_shown(value)}")
    return parse_config(document, source="preset and overrides")


def as_preset(config: SearchConfig) -> tuple[str, dict[str, Any]]:
    """Return a preset and overrides that mean this configuration, as few as there are.

    `resolve_config` makes the configuration of them again, also from what Kubeflow makes of the
    numbers in a dict: floats.
    """
    wanted = config.model_dump(mode="json")
    changes = {
        name: dict(_changes(preset(name).model_dump(mode="json"), wanted)) for name in PRESETS
    }
    fewest = min(changes, key=lambda name: len(changes[name]))
    return fewest, changes[fewest]


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any]]:
    """Yield the settings that differ; where a section is of another kind, all that it has."""
    if any(old.get(tag) != new.get(tag) for tag in _UNION_TAGS):
        old = {}
    for key, value in new.items():
        place = (*path, key)
        if place in _section_paths() and value is not None:
            yield from _changes(old.get(key) or {}, value, place)
        elif key not in old or old[key] != value:
            yield ".".join(place), _exact_as_float(value)


def _exact_as_float(value: Any) -> Any:
    """Return the value, a whole number too large for a float as text, which is read as one."""
    large = isinstance(value, int) and abs(value) > 2**53
    return str(value) if large else value


def _dotted(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield single settings; one that is itself a mapping, such as a node selector, is whole.

    Of two for the same place the one with the longer key comes last, and so counts: on their way
    through Kubeflow they lose their order.
    """
    for key in sorted(settings, key=lambda key: (_is_no_tag(key), key.count("."))):
        value = settings[key]
        if isinstance(value, Mapping) and tuple(f"{prefix}{key}".split(".")) in _section_paths():
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def to_yaml(config: SearchConfig) -> str:
    """Return the whole configuration as YAML, each setting with its description beside it.

    Reading it gives the same configuration.
    """
    return "\n".join(_yaml_lines(config, indent="")) + "\n"


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
        f"{key} is {_shown(old.get(key, 'absent'))} there and {_shown(new.get(key, 'absent'))} here"
        for key in dict.fromkeys([*old, *new])
        if old.get(key, "absent") != new.get(key, "absent")
    ]


def _yaml_lines(part: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _yaml_lines(value, indent + "  ")
        else:
            shown = json.dumps(value)  # JSON is YAML
            comment = f"  # {field.description}" if field.description else ""
            yield f"{indent}{name}: {shown}{comment}"


def _is_no_tag(override: str) -> bool:
    """Put a `kind` or `format` first, as it drops the others of its section."""
    return override.partition("=")[0].rpartition(".")[2] not in _UNION_TAGS


def _set(document: Any, path: Sequence[str], value: object, override: str) -> None:
    section = document
    for key in path[:-1]:
        if not isinstance(section, dict):
            break
        if section.get(key) is None:  # a section may be left out, as null
            section[key] = {}
        section = section[key]
    if not isinstance(section, dict):
        raise ConfigError(f"cannot apply {override!r}: no settings lie below {path[0]}")
    if path[-1] in _UNION_TAGS and section.get(path[-1]) != value:
        section.clear()
    section[path[-1]] = value


def _leaves(document: Any, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _leaves(value, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, document


def _old_form(document: Mapping[str, Any]) -> str:
    """Say that a document is written as it was before tasks and procedures; empty if it is not."""
    found = ["shared"] if "shared" in document else []
    for name, kinds in _OLD_KINDS.items():
        part = document.get(name)
        kind = part.get("kind") if isinstance(part, Mapping) else None
        found += [f"{name}.kind {kind}"] if kind in kinds else []
    if not found:
        return ""
    return (
        f"{found[0]} is of an earlier form of this document: `nas init PRESET` writes one as it is "
        "now, and the changelog says where each setting went"
    )


def _sentence(error: ValidationError) -> str:
    """Turn the first problem into one sentence: where, what was expected, what came."""
    problems = error.errors()
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return _problem(problems[0]) + more


def _problem(problem: ErrorDetails) -> str:
    place = _place(problem["loc"])
    where = ".".join(place) or "the configuration"
    context = problem.get("ctx", {})
    tag = str(context.get("discriminator", "")).strip("'")
    match problem["type"]:
        case "extra_forbidden":
            return f"unknown setting {where}{_suggestion(place)}"
        case "missing":
            return f"{where} is missing"
        case "value_error":
            return f"{where}: {context['error']}"
        case "union_tag_not_found":
            return f"{where}.{tag} is missing"
        case "union_tag_invalid":
            expected = context["expected_tags"].replace("'", "")
            return f"{where}.{tag} should be one of {expected}, got {_shown(context['tag'])}"
        case "string_pattern_mismatch":
            expected = "lower-case letters, digits and dashes"
        case "model_type" | "model_attributes_type" | "dict_type":
            expected = "a section of settings (key: value)"
        case "int_parsing" | "int_type" | "int_from_float":
            expected = "a whole number"
        case _:
            expected = problem["msg"].removeprefix("Input should be ")
    return f"{where} should be {expected}, got {_shown(problem['input'])}"


def _place(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return a place in the document, without the union tags that pydantic puts in between."""
    place: list[str] = []
    parts: list[type[BaseModel]] = [SearchConfig]
    for name in loc:
        tagged = [part for part in parts if name == _tag(part)[1]]
        if len(parts) > 1 and tagged:
            parts = tagged
            continue
        place.append(str(name))
        fields = [part.model_fields[str(name)] for part in parts if name in part.model_fields]
        parts = [part for field in fields for part in _models(field.annotation)]
    return tuple(place)


def _suggestion(place: tuple[str, ...]) -> str:
    """Say which setting was meant by an unknown one, or what else has one of this name."""
    beside = [section for section in _sections(SearchConfig) if section.path == place[:-1]]
    having = [section.choice for section in beside if place[-1] in section.names]
    if having:
        return f"; it goes with {' or '.join(dict.fromkeys(having))}"
    names = {name for section in beside for name in section.names}
    close = difflib.get_close_matches(place[-1], names, n=1)
    return f"; did you mean {close[0]}?" if close else ""


@cache
def _section_paths() -> frozenset[tuple[str, ...]]:
    return frozenset(section.path for section in _sections(SearchConfig))


class _Section(NamedTuple):
    """A section that a document may have, as one of the kinds that it may be of."""

    path: tuple[str, ...]
    names: tuple[str, ...]
    choice: str  # which kind leads to it, as `search.kind shared`; empty where it is always there


def _sections(
    model: type[BaseModel], path: tuple[str, ...] = (), choice: str = ""
) -> Iterator[_Section]:
    tag, value = _tag(model)
    if tag:
        choice = f"{'.'.join((*path, tag))} {value}"
    yield _Section(path, tuple(model.model_fields), choice)
    for name, field in model.model_fields.items():
        for part in _models(field.annotation):
            yield from _sections(part, (*path, name), choice)


def _tag(part: type[BaseModel]) -> tuple[str, str]:
    """Return the setting that tells a part from others of its section, and its value; or blanks."""
    fields = part.model_fields
    return next(((tag, fields[tag].default) for tag in _UNION_TAGS if tag in fields), ("", ""))


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _shown(value: object) -> str:
    """Return a value as JSON, and of a long one its beginning: aliases can stand for gigabytes."""
    text = ""
    for piece in json.JSONEncoder(default=str).iterencode(value):
        text += piece
        if len(text) > _MOST_SHOWN:
            return text[: _MOST_SHOWN - 3] + "..."
    return text
