"""Documents and overrides that something is wrong with: presets, with oddities put into them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from datetime import date
from functools import cache, reduce
from typing import Any

import yaml
from hypothesis import strategies as st

from nas_lib.config_file import to_yaml
from nas_lib.presets import PRESETS, preset

Place = tuple[str, ...]

LAUGHS = "[&l0 [x, x, x, x, x, x, x, x, x], " + ", ".join(
    f"&l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)
)
ODD_TEXTS = [
    *("", "~", "null", "true", "no", "x", "''", '"', "'", "[", "]", "{", "}", "- a", "? a", ": b"),
    *("a: b", "&a", "*a", "&a [*a]", "&a {b: *a}", "<<: *a", "{<<: [1]}", "!", "!x y", "!!x", "|2"),
    *("!!int 'x'", "!!int ''", "!!bool x", "!!float x", "!!null x", "!!timestamp x", "!!set {a}"),
    *(
        "!!binary x",
        "!!omap [a]",
        "!!pairs a",
        "!!str [a]",
        "!!seq a",
        "!!map [a]",
        "!!python/none",
    ),
    *("2024-02-30", "0000-00-00", "9999-12-31T23:59:60Z", "1:30", "1:2:3.5", "0x", "0b2", "010"),
    *("0", "-1", "1", "1.0", "1.5", "-0.0", ".nan", ".inf", "-.inf", "1e-400", "1e400", "5.0e-324"),
    *("999999999999999999", "1000000000000000000", "9" * 400, "9" * 5000, "0x" + "f" * 400, "4097"),
    *("1000000", "1e6", "[1, 1000000]", "[1, 1]", "[]", "{}", "[[]]", "{a: {b: c}}", "{1: 2}"),
    *("{true: 1}", "{~: 1}", "? [a]", "{a: 1, a: 2}", "[" * 60, "[" * 30 + "]" * 30, "{a: " * 60),
    *("- " * 60 + "x", LAUGHS, f"{LAUGHS}]", "x" * 5000, "[" + "x, " * 11_000 + "]", "%YAML 9.9"),
    *(
        "---",
        "...",
        "--- a",
        "# x",
        "@",
        "`",
        "\t",
        "\r",
        "\x00",
        "\x1b[2J",
        "\x7f",
        "\x85",
        "\u2028",
    ),
    *(
        "\ufeff",
        "\ud83d",
        "\U0001f600",
        '"\\ud83d\\ude00"',
        '"\\x00"',
        '"\\uffff"',
        "~nouser/x",
        "%s",
    ),
    *(
        "{0}",
        "gpu",
        "cuda:7",
        "cuda:x",
        "auto",
        "inline",
        "nothing:here",
        ":",
        "500m",
        "1e99Gi",
        "kind",
    ),
    *(
        "images",
        "text",
        "own",
        "rounds",
        "shared",
        "reinforce",
        "random",
        "cnn",
        "enas-macro",
        "custom",
    ),
    *(
        "enas-micro",
        "enas-rnn",
        "nas-rnn",
        "nas",
        "enas",
        "digits",
        "image_folder",
        "npz",
        "language_modelling",
    ),
]
ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, 1.5, -0.0, 5e-324, 1e308, float("nan"), float("inf"), 4097),
    *(
        10**6,
        10**17,
        10**18,
        10**400,
        "",
        "x",
        "1",
        "1.5",
        "true",
        "\0",
        "\x1b",
        "\ud83d",
        "\u2028",
    ),
    *("9" * 5000, "x" * 5000, "x" * 2**20, [], [[]], [1, 10**6], [1, 1], ["x"], [None], [True], ()),
    *(
        {},
        {"a": 1},
        {1: 2},
        {None: 1},
        {"": ""},
        {"\ud83d": 1},
        {("a",): 1},
        {"kind": []},
        [0] * 11_000,
    ),
    *(date(2024, 1, 1), object(), b"x", {1}, 1j, range(3), Exception("x"), "auto", "gpu", "cuda:7"),
    *(
        "images",
        "text",
        "own",
        "rounds",
        "shared",
        "random",
        "cnn",
        "enas-macro",
        "enas-rnn",
        "custom",
    ),
]
ODD_KEYS = [
    *("x", "", " ", "kind", "format", "<<", "__class__", "a.b", "shared", "evaluate", "epoch", "1"),
    *(
        "x" * 5000,
        "\x1b[2J",
        "\u202e",
        "\U0001f600",
        "name",
        "seed",
        "task",
        "weights",
        "model_config",
    ),
]


@cache
def text_of(name: str) -> tuple[str, ...]:
    """Return the lines of a preset, as `nas init` writes them or without comments."""
    return tuple(to_yaml(preset(name)).splitlines())


@cache
def short_text_of(name: str) -> tuple[str, ...]:
    return tuple(yaml.safe_dump(preset(name).model_dump(mode="json"), sort_keys=False).splitlines())


@cache
def places_of(name: str) -> tuple[Place, ...]:
    """Return where sections and settings of a preset stand."""
    return tuple(_places(preset(name).model_dump(mode="json"), ()))


@cache
def numbers_of(name: str) -> tuple[Place, ...]:
    """Return where numbers of a preset stand."""

    def value(place: Place) -> object:
        return reduce(lambda part, key: part[key], place, preset(name).model_dump(mode="json"))

    return tuple(place for place in places_of(name) if isinstance(value(place), int | float))


def _places(part: object, place: Place) -> Iterator[Place]:
    if place:
        yield place
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _places(value, (*place, key))


NAMES = st.sampled_from([*PRESETS])
SNIPPETS = st.sampled_from(ODD_TEXTS) | st.text(max_size=8)
VALUES = st.sampled_from(ODD_VALUES) | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(ODD_KEYS) | st.text(max_size=8)
NUMBERS = st.integers(1, 64) | st.integers(1, 4096) | st.floats(0, 1)
"""That suit many a setting: not everything is refused."""
_NUMBER = re.compile(r"(?<=[ \[])[0-9]+(\.[0-9]+)?")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A document as it is in a file."""
    name = draw(NAMES)
    lines = list(draw(st.sampled_from([text_of, short_text_of]))(name))
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, lines)
    return "\n".join(lines)


def _change(draw: st.DrawFn, lines: list[str]) -> None:
    numbers = [number for number, line in enumerate(lines) if _NUMBER.search(line)]
    if numbers and draw(st.booleans()):
        number = draw(st.sampled_from(numbers))
        lines[number] = _NUMBER.sub(str(draw(NUMBERS)), lines[number], count=1)
        return
    number = draw(st.integers(0, len(lines) - 1))
    line = lines[number]
    key, colon, value = line.partition(": ")
    indent = line[: len(line) - len(line.lstrip())]
    match draw(st.integers(0, 7)):
        case 0 | 1 | 2:
            lines[number] = f"{key}: {draw(SNIPPETS)}"
        case 3:
            lines.insert(number, f"{indent}{draw(KEYS)}: {draw(SNIPPETS)}")
        case 4:
            lines.insert(number, lines[draw(st.integers(0, len(lines) - 1))])
        case 5:
            lines[number] = f"{indent}{draw(KEYS)}{colon}{value}"
        case 6:
            at = draw(st.integers(0, len(line)))
            lines[number] = line[:at] + draw(SNIPPETS) + line[at + draw(st.integers(0, 3)) :]
        case 7:
            lines[number:] = [draw(SNIPPETS)]


@st.composite
def overrides(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A preset's name, and settings that `--set` would change."""
    name = draw(NAMES)
    keys = st.sampled_from(places_of(name)).map(".".join) | KEYS
    mild = st.tuples(st.sampled_from(numbers_of(name)).map(".".join), NUMBERS.map(str))
    pairs = draw(st.lists(mild | st.tuples(keys, SNIPPETS), min_size=1, max_size=3))
    return name, [f"{key}={value}" for key, value in pairs]


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A plain document, as a program would make it."""
    name = draw(NAMES)
    document = copy.deepcopy(preset(name).model_dump(mode="json"))
    for _ in range(draw(st.integers(0, 3))):
        *path, key = draw(st.sampled_from(places_of(name)))
        section: Any = document
        for above in path:
            section = section.get(above) if isinstance(section, dict) else None
        if isinstance(section, dict):
            is_mild = isinstance(section.get(key), int | float) and draw(st.booleans())
            key = key if is_mild or draw(st.booleans()) else draw(KEYS)
            section[key] = draw(NUMBERS if is_mild else VALUES)
    return document


@st.composite
def pipeline_overrides(draw: st.DrawFn) -> tuple[str, Any]:
    """A preset's name and a dict of overrides, as Kubeflow has them."""
    name = draw(NAMES)
    keys = st.sampled_from(places_of(name)).map(".".join) | KEYS
    nested = st.dictionaries(keys, VALUES, max_size=2)
    mild = st.dictionaries(st.sampled_from(numbers_of(name)).map(".".join), NUMBERS, max_size=3)
    return name, draw(mild | st.dictionaries(keys, VALUES | nested, max_size=3))
