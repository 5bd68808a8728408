"""A task's log without the lines of what started it.

In a task's pod Argo starts Kubeflow's launcher, which starts the SDK, which starts the step; all of
them write to one log.
"""

from __future__ import annotations

import re

_SDK = "Looking for component|Loading KFP component|Got executor_input|Wrote executor output"
_STARTED_IT = re.compile(
    r"time=\S+ .*\bargo=true\b"
    rf"|\[KFP Executor [^]]* INFO\]: (--component_module_path|Did not write|{_SDK})"
    r"|[IW]\d{4} [\d:.]+ +\d+ [\w.-]+\.go:\d+\] "
    r"|[EF]\d{4} [\d:.]+ +\d+ [\w.-]+\.go:\d+\] .*: exit status \d+$"  # why, the step has said
)
_OPENS = ("{", "Got executor_input:")  # so ends a line that JSON in several follows
_IN_JSON = (" ", "\t", "{")


def without_launcher(text: str) -> str:
    """Return what the step said, and what its launcher failed at if that was not the step."""
    return "".join(f"{line}\n" for line in _kept(text.splitlines()))


def lines_about(text: str, child: str) -> str:
    """Return the lines that name a child."""
    name = re.compile(rf"{re.escape(child)}(?!\d)", re.ASCII)
    return "".join(f"{line}\n" for line in text.splitlines() if name.search(line))


def _kept(lines: list[str]) -> list[str]:
    kept, in_json = [], False
    for line in lines:
        if in_json and (line.startswith(_IN_JSON) or line == "}"):
            in_json = line != "}"
        elif _STARTED_IT.match(line):
            in_json = line.endswith(_OPENS)
        else:
            kept.append(line)
            in_json = False
    return kept
