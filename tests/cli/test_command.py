from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from click.testing import CliRunner
from nas_command import Nas
from searches import SMALL_SHARED, tabular

from nas_lib.cli import commands
from nas_lib.cli.kubeflow import FAMILIES, FAN_OUTS
from nas_lib.cluster import package
from nas_lib.config import FanOut, RandomConfig, SearchConfig
from nas_lib.config_file import read_config, resolve_config, to_yaml
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.presets import PRESETS, preset
from nas_lib.steps import view_search
from nas_lib.store import SearchStore


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Let the command think that this process is its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def write(config: SearchConfig, path: Path) -> Path:
    path.write_text(to_yaml(config))
    return path


def test_presets_are_listed_with_a_description(nas: Nas) -> None:
    code, output, _ = nas("presets")

    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == list(PRESETS)


def test_init_writes_a_preset_that_search_can_read(nas: Nas, tmp_path: Path) -> None:
    code, output, _ = nas("init", "digits", "-o", "search.yaml", "--set", "seed=3")

    assert code == 0
    assert "search.yaml is written" in output
    assert read_config(tmp_path / "search.yaml") == preset("digits").model_copy(update={"seed": 3})


def test_init_overwrites_nothing(nas: Nas, tmp_path: Path) -> None:
    (tmp_path / "search.yaml").write_text("mine")

    code, _, errors = nas("init", "digits", "-o", "search.yaml")

    assert (code, errors) == (2, "nas: cannot write search.yaml: File exists\n")
    assert (tmp_path / "search.yaml").read_text() == "mine"


def test_check_says_what_the_search_would_be(nas: Nas) -> None:
    code, output, _ = nas("check", "digits", "--json")

    facts = json.loads(output)
    assert code == 0
    # 1,797 images: 359 test, then 288 of 1,438 for validation
    assert (
        "1,150 training, 288 validation and 359 test images of 8x8x1 in 10 classes" in facts["data"]
    )
    assert "depth 4, " in facts["space"]
    assert "on one CPU worker" in facts["time"]


def by_shared_weights() -> SearchConfig:
    """Two epochs of shared weights, then two children."""
    config = resolve_config("enas-macro-digits", SMALL_SHARED, stored=None)
    assert config is not None
    return config


def test_check_says_what_a_search_by_shared_weights_would_be(nas: Nas, tmp_path: Path) -> None:
    code, output, _ = nas("check", write(by_shared_weights(), tmp_path / "search.yaml"), "--json")

    facts = json.loads(output)
    assert code == 0
    # two operations in each of 3 layers, and each of 0 + 1 + 2 skips is there or not: 2^6
    assert facts["space"] == "enas-macro, 64 architectures"
    # 200 images less 40 for validation are two batches of 64, and one of the rest
    assert facts["shared weights"].endswith(
        "parameters, 2 epochs of 3 steps; after each, 2 controller steps of 2 architectures"
    )
    assert facts["children"] == (
        "2 children: the best 1 of 3 samples and 1 probe, each trained from scratch for 1 epoch"
    )
    assert "of shared weights; about" in facts["time"]
    assert "budget" not in facts


def test_a_search_by_shared_weights_shows_epochs_and_children(nas: Nas, tmp_path: Path) -> None:
    config = write(by_shared_weights(), tmp_path / "search.yaml")

    code, output, progress = nas("search", config, "--store", "memory://epochs-and-children")

    assert code == 0
    first, *epochs, _, last = progress.splitlines()
    assert first.endswith("2 epoch(s) of shared weights to do, 2 children, 1 worker(s)")
    assert [line.partition(":")[0] for line in epochs] == [
        "shared weights, epoch 1",
        "shared weights, epoch 2",
    ]
    assert last.startswith("from scratch: 2/2 children, best ")
    assert "Winner r000-000000-0" in output

    code, output, _ = nas("top", "memory://epochs-and-children", "--json")
    assert (code, len(json.loads(output)["leaderboard"])) == (0, 2)
    assert nas("report", "memory://epochs-and-children", "-o", "page.html")[0] == 0

    code, _, errors = nas(
        "search", config, "--store", "memory://epochs-and-children", "--rounds", "1"
    )
    assert code == 2
    assert "has neither rounds nor replicas to choose" in errors


def test_search_prints_progress_a_leaderboard_and_where_the_report_is(
    nas: Nas, tmp_path: Path
) -> None:
    config = write(tabular(), tmp_path / "search.yaml")

    code, output, progress = nas("search", config, "--store", "state", "--workers", "2")

    assert code == 0
    assert "6 round(s) to do, 24 children, 2 worker(s)" in progress
    assert "replica 0 round 6/6: 24/24 children" in progress
    report = Path(output.splitlines()[-1].removeprefix("Report: "))
    assert report.read_text().startswith("<!DOCTYPE html>")


def test_search_goes_on_where_it_stopped(nas: Nas, tmp_path: Path) -> None:
    config = write(tabular(), tmp_path / "search.yaml")
    nas("search", config, "--store", "state", "--rounds", "2")

    code, output, progress = nas("search", config, "--store", "state", "--json")

    assert code == 0
    assert "4 round(s) to do" in progress
    assert json.loads(output)["search"]["children"] == 24


@pytest.mark.usefixtures("in_this_process")
def test_a_stored_search_goes_on_without_its_configuration(nas: Nas) -> None:
    search(tabular(), store="state", workers=1)

    code, output, _ = nas("search", "--store", "state", "--set", "search.max_children=32", "--json")

    assert code == 0
    assert json.loads(output)["search"]["children"] == 32


@pytest.mark.usefixtures("in_this_process")
def test_top_shows_the_best_children(nas: Nas) -> None:
    handle = search(tabular(), store="state", workers=1)

    code, output, _ = nas("top", "state", "--top", "3", "--json")

    shown = json.loads(output)["leaderboard"]
    assert code == 0
    assert [row["child"] for row in shown] == [row.id for row in handle.leaderboard(3)]


@pytest.mark.usefixtures("in_this_process")
def test_top_shows_replicas_throughput_and_staleness(nas: Nas) -> None:
    search(tabular(replicas=3), store="state", workers=1, rounds=1)
    search(tabular(replicas=3), store="state", workers=1, replicas=[1])  # its second and last round

    code, output, _ = nas("top", "state")

    assert code == 0
    assert "3 replicas, 0 at work; rounds 1 to 2 of 2" in output
    assert "Throughput: not known" in output  # each run did one round


@pytest.mark.usefixtures("in_this_process")
def test_report_writes_a_page(nas: Nas, tmp_path: Path) -> None:
    search(tabular(), store="state", workers=1)

    code, _, errors = nas("report", "state", "-o", "page.html")

    assert (code, errors) == (0, "Report: page.html\n")
    assert "tabular" in (tmp_path / "page.html").read_text()


@pytest.mark.usefixtures("in_this_process")
def test_report_prints_every_child_as_json_if_asked_to(nas: Nas, tmp_path: Path) -> None:
    search(tabular(), store="state", workers=1)

    code, output, _ = nas("report", "state", "--json")

    assert code == 0
    assert len(json.loads(output)["leaderboard"]) == 24  # 6 rounds of 4
    assert not (tmp_path / "report.html").exists()


@pytest.mark.usefixtures("in_this_process")
def test_compare_draws_policy_gradient_against_random_search(nas: Nas, tmp_path: Path) -> None:
    search(tabular(), store="policy", workers=1)
    search(tabular(controller=RandomConfig()), store="random", workers=1)

    code, output, _ = nas("compare", "policy", "random", "--json", "-o", "page.html")

    assert code == 0
    assert {"reinforce", "random"} <= set(output.replace('"', " ").split())
    assert "<svg" in (tmp_path / "page.html").read_text()


def test_prepare_stores_the_data_and_trains_nothing(nas: Nas) -> None:
    code, output, _ = nas("prepare", "digits", "--store", "state")

    assert code == 0
    assert "prepared in state: start the pipeline there, with an empty preset" in output
    assert view_search(OpenSearch("state")).rows == ()
    assert SearchStore.open("state").objects.keys("data")


def test_compile_writes_the_pipeline_for_an_image(tmp_path: Path) -> None:
    """In a process of its own: the image is read when the components are imported."""
    command = [sys.executable, "-m", "nas_lib.cli", "compile", "--image", "registry/nas:7"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == "nas_search.yaml: upload it in the Kubeflow UI\n"
    assert "image: registry/nas:7" in (tmp_path / "nas_search.yaml").read_text()


def test_compile_has_every_family_and_every_fan_out() -> None:
    assert package.FAMILIES == FAMILIES
    assert get_args(FanOut) == FAN_OUTS


def test_compile_writes_the_pipeline_for_shared_weights(nas: Nas) -> None:
    code, output, _ = nas("compile", "enas-search", "--fanout", "pod")

    assert (code, output) == (0, "enas_search_pod.yaml: upload it in the Kubeflow UI\n")
    assert "train-shared-weights" in Path("enas_search_pod.yaml").read_text()


def test_compile_writes_resources_for_kubectl(nas: Nas, tmp_path: Path) -> None:
    code, output, _ = nas("compile", "--fanout", "jobs", "--kubernetes", "-n", "team-a")

    assert (code, output) == (
        0,
        "nas_search_jobs.yaml: kubectl apply --server-side -f nas_search_jobs.yaml\n",
    )
    kinds = [each["kind"] for each in yaml.safe_load_all(Path("nas_search_jobs.yaml").read_text())]
    assert kinds == ["Pipeline", "PipelineVersion"]


def test_store_init_checks_a_folder(nas: Nas) -> None:
    code, output, _ = nas("store", "init", "fresh")

    assert code == 0
    assert "create-only writes are atomic" in output


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["top", "absent"], 2, "nas: there is no search at "),
        (["report", "absent"], 2, "nas: there is no search at "),
        (["gc", "absent"], 2, "nas: there is no search at "),
        (["compare", "absent"], 2, "nas: comparing takes at least two searches, got one"),
        (["search"], 2, "name a CONFIG to search, or the --store of a search"),
        (["search", "--store", "absent"], 2, "nas: there is no search at "),
        (
            ["check", "digits", "--set", "children={kind: own, evaluate: f}"],
            2,
            "read module:name, got 'f'",
        ),
        (["search", "absent.yaml"], 2, "nas: cannot read the configuration absent.yaml"),
        (["search", "digits", "--set", "seed"], 2, "nas: an override looks like"),
        (["search", "digits", "--set", "sed=1"], 2, "unknown setting sed; did you mean seed?"),
        (["search", "digits", "--workers", "0"], 2, "Invalid value for '--workers'"),
        (["search", "digits", "--store", "ftp://x"], 2, "nas: a store is a folder"),
        (["init", "absent"], 2, "nas: no preset is called 'absent'"),
        (["check", "nas-cnn"], 2, "cifar-10-python.tar.gz"),
        (["frobnicate"], 2, "No such command 'frobnicate'"),
        ([], 2, "Usage: nas"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    nas: Nas, arguments: list[str], code: int, sentence: str
) -> None:
    got, _, errors = nas(*arguments)

    assert got == code
    assert sentence in errors
    assert "Traceback" not in errors


def test_a_store_out_of_reach_is_exit_code_1(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    code, _, errors = nas("top", "s3://bucket/search")

    assert code == 1
    assert errors == (
        "nas: cannot read search.json in s3://bucket/search: "
        "cannot reach the server; is AWS_ENDPOINT_URL right?\n"
    )


def test_refused_credentials_are_exit_code_1(
    nas: Nas, s3_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

    code, _, errors = nas("search", "digits", "--store", s3_uri)

    assert code == 1
    assert errors.splitlines()[-1].endswith(
        "the credentials were refused; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


def test_a_mistake_of_our_own_shows_no_traceback(nas: Nas, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr(commands.presets, "callback", broken)

    code, _, errors = nas("presets")

    assert (code, errors) == (
        1,
        "nas: internal error: RuntimeError: oops (NAS_DEBUG=1 shows where)\n",
    )


def test_help_names_every_command() -> None:
    text = CliRunner().invoke(commands.cli, ["--help"]).output

    for name in (
        "presets",
        "init",
        "check",
        "search",
        "top",
        "report",
        "compare",
        "prepare",
        "compile",
        "store",
    ):
        assert f"\n  {name} " in text


@pytest.mark.parametrize(
    ("command", "limit_s"), [("import nas_lib", 0.3), ("import nas_lib.cli", 0.6)]
)
def test_starting_is_fast_and_loads_no_torch(command: str, limit_s: float) -> None:
    code = (
        f"import time; started = time.perf_counter(); {command}; import sys; "
        "print(time.perf_counter() - started); assert not {'torch', 'pydantic'} & {*sys.modules}"
    )

    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]

    assert min(seconds) < limit_s


@pytest.mark.usefixtures("in_this_process")
def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    search(tabular(max_children=400), store="state", workers=1)

    pipe = subprocess.run(
        f"{sys.executable} -m nas_lib.cli top state --top 400 | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )

    assert "Traceback" not in pipe.stderr
