"""The workflow that publishes a release: what of it can be said without a forge."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / ".github/workflows/release.yml").read_text()
JOBS = yaml.safe_load(TEXT)["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
COMMANDS = "\n".join(step["run"] for step in STEPS if "run" in step).replace("\\\n", " ")


def test_its_commands_are_shell() -> None:
    subprocess.run(["bash", "-n"], input=COMMANDS, text=True, check=True)


def test_what_it_takes_from_elsewhere_is_known_by_its_content() -> None:
    actions = [step["uses"] for step in STEPS if "uses" in step]
    assert all(re.search("@[0-9a-f]{40}$", action) for action in actions)
    pip = [line for line in COMMANDS.splitlines() if "-m pip" in line]
    assert pip
    assert all("--require-hashes" in line for line in pip)
    assert "PIP_NO_INDEX=1" in COMMANDS


def test_its_builds_are_those_of_the_dockerfile() -> None:
    arguments = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    given = set(re.findall(r"--build-arg (\w+)=", COMMANDS))
    assert {"BASE", "TORCH", "VERSION"} <= given <= arguments
    for torch in JOBS["image"]["strategy"]["matrix"]["torch"]:
        assert (ROOT / "image" / f"{torch}.lock").exists()


def test_nothing_of_the_event_is_pasted_into_a_command() -> None:
    assert "${{" not in COMMANDS  # a tag's name might be shell
