"""What works where there is no fork, and that a search says so: Windows, as far as it can be acted.

A process is left without the modules and names that Windows does not have.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from searches import tabular

import nas_lib
from nas_lib.config_file import to_yaml

_COMMANDS = """
import os, signal, subprocess, sys  # subprocess asks which system this is

for name in ("fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
_OF_OS = (
    "chown fork forkpty getegid geteuid getgid getloadavg getpgid getuid killpg mkfifo "
    "sched_getaffinity setpgid setsid statvfs sysconf"
)
_OF_SIGNAL = "ITIMER_REAL SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGUSR1 alarm setitimer"
for module, names in ((os, _OF_OS), (signal, _OF_SIGNAL)):
    for name in names.split():
        delattr(module, name)

from nas_lib.cli import main

for line in sys.argv[1].splitlines():
    sys.argv = ["nas", *line.split()]
    try:
        main()
    except SystemExit as end:
        print(f"{line}: {end.code}")
"""


def test_without_a_fork_a_search_is_refused_before_anything_is_created_and_the_rest_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nas_lib.search(tabular(max_children=4), store="done", workers=1)
    Path("search.yaml").write_text(to_yaml(tabular()))
    commands = (
        "init digits -o new.yaml",
        "check search.yaml",
        "top done",
        "report done -o page.html",
        "compare done done",
        "search search.yaml --store refused",
        "search search.yaml",
    )

    ended = subprocess.run(
        [sys.executable, "-c", _COMMANDS, "\n".join(commands)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "NAS_CACHE": "cache"},
    )

    codes = [line for line in ended.stdout.splitlines() if line.rpartition(":")[0] in commands]
    assert codes == [f"{each}: {2 if each.startswith('search') else 0}" for each in commands], ended
    assert ended.stderr == "Report: page.html\n" + 2 * (
        "nas: a search needs Linux, macOS or WSL (the Windows Subsystem for Linux): its workers "
        f"are forks of one process, and there is no fork here ({sys.platform})\n"
    )
    assert {path.name for path in tmp_path.iterdir()} - {"nas-cache", "__pycache__"} == {
        "done",
        "new.yaml",
        "page.html",
        "search.yaml",
    }
