"""Whatever a text of YAML holds, it is plain data within bounds, or one sentence, at once."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import pytest

from nas_lib.document import check_document, place_text, shown
from nas_lib.errors import ConfigError
from nas_lib.yaml_text import parse_yaml


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, source="it")
    return str(caught.value)


def laughs(levels: int) -> str:
    """Lists of nine, each of aliases for the one before."""
    lists = ["&a0 [x, x, x, x, x, x, x, x, x]"]
    lists += [f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return f"a: [{', '.join(lists)}]"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: [1, 1.5, true, null, x, {b: c}]", {"a": [1, 1.5, True, None, "x", {"b": "c"}]}),
        ("a: 2024-02-30", {"a": "2024-02-30"}),  # text: there are no dates
        ("a: 9999-12-31T23:59:60Z", {"a": "9999-12-31T23:59:60Z"}),
        ("a: 1:30", {"a": "1:30"}),  # and 90 is not meant
        ("a: [1e-05, -1.5E3, 1e, 12ef]", {"a": [1e-05, -1500.0, "1e", "12ef"]}),
        ("a: 999999999999999999", {"a": 10**18 - 1}),
        (r'a: "\U0001f600"', {"a": "\U0001f600"}),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("[" * 49 + "]" * 49, eval("[" * 49 + "]" * 49)),
    ],
)
def test_what_a_text_says(text: str, value: Any) -> None:
    assert parse_yaml(text, source="it") == value


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        # what makers of values raise: ValueError, IndexError, KeyError, AttributeError, ...
        (
            "a: !!int 'x'",
            'it: line 1, column 4: expected a whole number of at most 18 digits, got "x',
        ),
        ("a: !!int ''", 'expected a whole number of at most 18 digits, got ""'),
        ("a: !!bool x", 'it: line 1, column 4: expected true or false, got "x"'),
        ("a: !!float x", 'expected a number, got "x"'),
        ("a: !!timestamp x", "it: line 1, column 4: the tag timestamp means nothing here"),
        ("a: !!binary x", "the tag binary means nothing here"),
        ("a: !!python/name:os.system x", "the tag python/name:os.system means nothing here"),
        ("a: !!seq x", "it is not valid YAML: line 1, column 4: expected a sequence node"),
        ("a: *b", "it is not valid YAML: line 1, column 4: found undefined alias"),
        ("a: [1,\nb: {", "it is not valid YAML: line 3, column 1: did not find expected node"),
        ("a: 1\n---\nb: 2", "it is not valid YAML: line 2, column 1: but found another document"),
        ("a: \0", "it is not valid YAML: unacceptable character #x0000"),
        ("a: \ud83d", "it is not valid YAML: 'utf-8' codec can't encode character '\\ud83d'"),
        (r'a: "\ud83d\ude00"', "it is not valid YAML: line 1, column 7: found invalid Unicode"),
        # keys
        ("1: x", "it: line 1, column 1: a key should be text: put 1 in quotes"),
        ("a: {yes: x}", "it: line 1, column 5: a key should be text: put yes in quotes"),
        ("? [a]\n: b", "it: line 1, column 3: a key should be text, got a list or a section"),
        ("a: 1\n'a': 2", "it: line 2, column 1: a stands twice in this section"),
        ("a: {b: {c: 1, c: 1}}", "it: line 1, column 15: c stands twice in this section"),
        # extent
        ("a: " + "9" * 5000, 'expected a whole number of at most 18 digits, got "9999999999'),
        ("a: 0x" + "f" * 5000, 'expected a whole number of at most 18 digits, got "0xffff'),
        ("{a: {b: [1000000000000000000]}}", "it: a.b.0: expected a whole number of at most 18 dig"),
        ("a: -1000000000000000000", "it: a: expected a whole number of at most 18 digits"),
        ("[" * 51 + "]" * 51, "it: line 1, column 51: expected at most 50 levels of sections"),
        ("[" * 200_000, "it: line 1, column 51: expected at most 50 levels of sections"),
        ("{a: " * 5000 + "}" * 5000, "expected at most 50 levels of sections and lists"),
        (f"[&a {'[' * 30}{']' * 30}, {'[' * 30}*a{']' * 30}]", "expected at most 50 levels"),
        ("&a [*a]", "it: line 1, column 5: an alias may not stand within what it is of"),
        (laughs(9), "expected at most 10,000 keys and values, with all that aliases stand for"),
        (f"[{'x, ' * 10_000}]", "it: line 1, column 29999: expected at most 10,000 keys and val"),
        ("x" * (2**20 + 1), "it: expected at most 1,048,576 bytes, got 1,048,577"),
    ],
)
def test_what_is_no_document_is_one_sentence(text: str, sentence: str) -> None:
    said = refused(text)

    assert sentence in said
    assert said.isprintable()
    assert len(said) < 300


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"a": {"b": date(2024, 1, 1)}}, "it: a.b: expected text, a number, true, false, null"),
        ({"a": {1: "x"}}, "it: a: expected keys that are text, got 1"),
        ({(1, 2): "x"}, "it: expected keys that are text, got (1, 2)"),
        ({"a": "x\0"}, "it: a: expected text without characters of code 0"),
        ({"a": ["\ud83d"]}, "it: a.0: expected text of whole characters, got half a one"),
        ({"\ud83d": 1}, "it: expected text of whole characters, got half a one"),
        ({"a": 10**5000}, "it: a: expected a whole number of at most 18 digits"),
        ({"a": "x" * 2**20 + "y"}, "it: a: expected at most 1,048,576 characters of text in all"),
        ({"a": [0] * 10_000}, "expected at most 10,000 keys and values"),
        ({"x\n" * 100: {1: 1}}, r'it: "x\nx\nx\nx\n'),
    ],
)
def test_plain_data_have_the_same_bounds(document: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_document(document, source="it")

    assert sentence in str(caught.value)
    assert str(caught.value).isprintable()


def test_data_that_hold_themselves_are_too_deep() -> None:
    document: dict[str, Any] = {"a": {}}
    document["a"]["b"] = document

    with pytest.raises(ConfigError, match=r"it: a\.b\.a\.b.*: expected at most 50 levels"):
        check_document(document, source="it")


def test_a_document_is_left_as_it_is() -> None:
    document = {"a": [1, 2.5, None, True, "x", ("y",)], "b": {"c": {}}}
    before = copy.deepcopy(document)

    check_document(document, source="it")

    assert document == before


def test_of_a_long_value_the_beginning_is_shown() -> None:
    assert shown([1, "a"]) == '[1, "a"]'
    assert shown("x" * 2**20) == '"' + "x" * 56 + "..."
    assert shown({"a": [float("nan"), "\x1b\n\U0001f600"]}) == (
        r'{"a": [NaN, "\u001b\n\ud83d\ude00"]}'
    )


def test_of_an_odd_key_what_it_would_be_in_quotes_is_shown() -> None:
    assert place_text(["children", "epochs"]) == "children.epochs"
    assert place_text(["a\x1b", "", "b", "c.d/e-f", "g h"]) == r'"a\u001b"."".b.c.d/e-f."g h"'
    assert len(place_text(["x" * 50] * 50)) == 200
