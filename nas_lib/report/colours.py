"""Colours of charts and pictures, and what each of them is on a dark page.

They are written into the SVG, which so looks the same wherever it is shown alone. Where a page is
dark, its style exchanges each for its partner: `page.css` has a rule for every pair. Whatever is
drawn with another colour would stay as it is there, so a test looks for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LINES: Final = ("#0b62a4", "#c4500a", "#00735a", "#9a3a80", "#5c5c5c")
"""Okabe and Ito's, darkened until each has a contrast of at least 4.5 on white."""

BLUE, ORANGE, *_ = LINES
TEXT, WEAK_TEXT, AXIS, ZERO, GRID = "#222222", "#555555", "#666666", "#888888", "#e3e6ea"
FAINT = "#8a94a0"
"""Of what is in the background: a line of many, the outline of a box."""
CONV, POOL, END = "#dcebf9", "#fbe6c6", "#e9ecef"
"""Fills of boxes: what has weights, what has none, where data comes in and goes out."""
GREY = "#6b7280"

PAPER: Final = "#ffffff"
DARK_PAPER: Final = "#12161b"
DARK: Final[Mapping[str, str]] = {
    BLUE: "#6cb6f2",
    ORANGE: "#ff9f5a",
    "#00735a": "#45cfa1",
    "#9a3a80": "#e894d2",
    "#5c5c5c": "#b9c0c8",
    TEXT: "#e3e8ee",
    WEAK_TEXT: "#b4bdc7",
    AXIS: "#97a1ac",
    ZERO: "#7d8894",
    GRID: "#2b333b",
    FAINT: "#7f8a96",
    CONV: "#1b3a59",
    POOL: "#4a3816",
    END: "#2a323b",
    GREY: "#a3adb8",
}
"""Each colour's partner on a dark page."""
