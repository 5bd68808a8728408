"""What is wrong with a document, in sentences: where, what was expected, what came."""

from __future__ import annotations

import difflib
from collections.abc import Container, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nas_lib.config import SearchConfig
from nas_lib.config.search import MisfitsError
from nas_lib.config.sections import models, sections, tag
from nas_lib.document import MOST_DIGITS, place_text, shown
from nas_lib.errors import one_line

_MOST_LISTED = 20
_MOST_SAID = 300  # characters of a sentence
_LONGEST_NAME = 40  # characters: longer ones are compared by their beginning
_LIMITS = ("gt", "ge", "lt", "le", "min_length", "max_length")
_OLD_KINDS = {"task": ("image_classification", "language_modelling"), "controller": ("enas",)}
_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a section of settings (key: value)",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": f"a whole number of at most {MOST_DIGITS} digits",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "model_attributes_type": "a section of settings (key: value)",
    "model_type": "a section of settings (key: value)",
    "string_too_long": "at most {max_length} characters long",
    "string_too_short": "at least {min_length} character(s) long",
    "string_type": "text",
    "too_short": "a list of at least {min_length}",
    "tuple_type": "a list",
}
"""What was expected, by the type of pydantic's error, where its own words are not enough."""


def explain(document: Mapping[str, Any], error: ValidationError) -> str:
    """Say all that is wrong with a document: in one sentence, or with a line for each of several.

    Args:
        document: What the user wrote.
        error: What the configuration says of it.
    """
    if old := _old_form(document):
        return old
    problems = _but_what_follows(error.errors())
    wrong = {str(problem["loc"][0]) for problem in problems if problem["loc"]}
    sentences = [_problem(problem) for problem in problems if problem["loc"]]
    sentences += _misfits(error) or _misfits_without(wrong, document)
    sentences = list(dict.fromkeys(one_line(sentence, _MOST_SAID) for sentence in sentences))
    if len(sentences) == 1:
        return sentences[0]
    left_out = len(sentences) - _MOST_LISTED
    more = [f"and {left_out} more"] if left_out > 0 else []
    lines = [f"{len(sentences)} settings are wrong:", *sentences[:_MOST_LISTED], *more]
    return "\n  ".join(lines)


def _but_what_follows(problems: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return problems but for lists too short only because pydantic leaves out wrong items."""
    lists = {problem["loc"][:-1] for problem in problems}
    return [each for each in problems if each["type"] != "too_short" or each["loc"] not in lists]


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


def _misfits(error: ValidationError, without: Container[str] = ()) -> list[str]:
    """Return what does not go together, but for what these sections have to do with."""
    found = [problem.get("ctx", {}).get("error") for problem in error.errors()]
    return [
        misfit.sentence
        for each in found
        if isinstance(each, MisfitsError)
        for misfit in each.misfits
        if not any(section in without for section in misfit.sections)
    ]


def _misfits_without(wrong: Container[str], document: Mapping[str, Any]) -> list[str]:
    """Return what does not go together among the sections that are right by themselves."""
    try:
        SearchConfig.model_validate({key: document[key] for key in document if key not in wrong})
    except ValidationError as err:
        return _misfits(err, without=wrong)
    return []


def _problem(problem: ErrorDetails) -> str:
    place = _place(problem["loc"])
    where = place_text(place)
    context = problem.get("ctx", {})
    setting = str(context.get("discriminator", "")).strip("'")
    match problem["type"]:
        case "extra_forbidden":
            return f"unknown setting {where}{_suggestion(place)}"
        case "missing":
            return f"{where} is missing"
        case "value_error":
            return f"{where}: {context['error']}"
        case "union_tag_not_found":
            return f"{where}.{setting} is missing"
        case "union_tag_invalid":
            expected = context["expected_tags"].replace("'", "")
            found = problem["input"].get(setting)
            return f"{where}.{setting} should be one of {expected}, got {shown(found)}"
    if place[-1] == "[key]":  # of a section whose keys are the user's own
        where = f"a key of {place_text(place[:-2])}"
    return f"{where} should be {_expected(problem)}, got {shown(problem['input'])}"


def _expected(problem: ErrorDetails) -> str:
    form = _EXPECTED.get(problem["type"])
    if form is None:
        return problem["msg"].removeprefix("Input should be ")
    context = problem.get("ctx", {})
    limits = {key: f"{value:,.12g}" for key, value in context.items() if key in _LIMITS}
    return form.format_map(limits)


def _place(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return a place in the document, without the union tags that pydantic puts in between."""
    place: list[str] = []
    parts: list[type[BaseModel]] = [SearchConfig]
    for name in loc:
        tagged = [part for part in parts if name == tag(part)[1]]
        if len(parts) > 1 and tagged:
            parts = tagged
            continue
        place.append(str(name))
        fields = [part.model_fields[str(name)] for part in parts if name in part.model_fields]
        parts = [part for field in fields for part in models(field.annotation)]
    return tuple(place)


def _suggestion(place: tuple[str, ...]) -> str:
    """Say which setting was meant by an unknown one, or what else has one of this name."""
    beside = [section for section in sections() if section.path == place[:-1]]
    having = [section.choice for section in beside if place[-1] in section.names]
    if having:
        return f"; it goes with {' or '.join(dict.fromkeys(having))}"
    names = {name for section in beside for name in section.names}
    close = difflib.get_close_matches(place[-1][:_LONGEST_NAME], names, n=1)
    return f"; did you mean {close[0]}?" if close else ""
