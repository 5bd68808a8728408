"""The `nas` command, in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nas_lib import cli


class Nas:
    """Runs the command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        self._monkeypatch.setattr(sys, "argv", ["nas", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as err:
            code = int(err.code or 0)
        return code, *self._capsys.readouterr()
