from __future__ import annotations

import subprocess
import sys

_ROOMS = (
    *("cli.answers", "cli.commands", "cli.progress", "cluster", "config", "config_file", "data"),
    *("engine", "models", "models.bulk", "open_search", "pods", "presets", "procedures", "report"),
    *("results", "serving", "spaces", "steps", "store", "tasks"),
)


def test_nothing_but_networks_and_their_training_loads_torch() -> None:
    code = (
        "import importlib, sys; sys.modules['torch'] = None\n"
        "for room in sys.argv[1:]: importlib.import_module(f'nas_lib.{room}')"
    )

    ended = subprocess.run([sys.executable, "-c", code, *_ROOMS], capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr
