"""The page *your own images*: its program is run as it stands."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from nas_lib.engine import crew

PAGE = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")


def test_a_number_and_two_labels_are_learnt_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crew, "_is_inline", lambda *_: True)  # no process that loads torch anew
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "data.md", "exec"), {"__name__": "example"})

    told = dict(re.findall(r"^(\w+) ([0-9.]+)$", printed.getvalue(), re.M))
    assert float(told["number"]) < 0.5  # telling the mean has 1
    assert float(told["labels"]) > 0.6  # chance has one half
