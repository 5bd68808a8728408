"""What others say within sentences of ours."""

import pytest

from nas_lib.errors import described, one_line, plural, visible


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain", "plain"),
        ("gr\xfc\xdfe, \u65e5\u672c \U0001f600", "gr\xfc\xdfe, \u65e5\u672c \U0001f600"),
        ("two\nlines", "two lines"),
        ("a\r\n\r\n   b\tc\n", "a b c"),
        ("next\x85line\u2028and\u2029page\x0cfeed", "next line and page feed"),
        ("a  b", "a  b"),  # a path may have two blanks
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m\x07\x00\x7f", r"\x9b31m\x07\x00\x7f"),
        ("\u202etxt.exe\u2066", r"\u202etxt.exe\u2066"),
        ("undecodable \udcff", r"undecodable \udcff"),
        ("", ""),
    ],
)
def test_what_others_say_is_one_line_without_anything_that_a_terminal_acts_on(
    said: str, shown: str
) -> None:
    assert one_line(said) == shown
    assert one_line(shown) == shown  # twice is as good as once


def test_what_others_say_is_cut() -> None:
    assert one_line("x" * 5000) == "x" * 997 + "..."
    assert one_line("abcdefgh", max_chars=7) == "abcd..."


def test_an_exception_that_cannot_be_written_is_named() -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert one_line(OddError()) == "OddError without a text"


def test_an_exception_that_says_nothing_is_named() -> None:
    assert one_line(MemoryError()) == "MemoryError"
    assert described(MemoryError()) == "MemoryError"
    assert one_line("") == ""


def test_line_breaks_of_our_own_stay_in_what_is_made_visible() -> None:
    assert visible("a\n\tb\r\x1b") == "a\n\tb\\r\\x1b"


def test_one_child_is_no_children() -> None:
    assert plural(1, "child", "children") == "1 child"
    assert plural(1200, "child", "children") == "1,200 children"
    assert plural(0, "image") == "0 images"
