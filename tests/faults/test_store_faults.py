"""The store fails: a full or broken disk, and all that a network does to S3."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from accounts import check
from faulty_store import fail_at, run_watched
from s3_proxy import FAULTS, faulty_proxy
from s3_server import S3Server
from searches import account, tabular
from tally import Tally

from nas_lib.config_file import to_yaml
from nas_lib.engine import SearchHandle, search
from nas_lib.errors import StoreError
from nas_lib.steps import view_search
from nas_lib.store import open_store

TESTS = Path(__file__).parents[1]
EVERY = [pytest.param(37, id="sample"), pytest.param(2, id="every", marks=pytest.mark.faults)]
SIZES = [pytest.param(12, id="short"), pytest.param(200, id="long", marks=pytest.mark.faults)]
TIMEOUT_S = 0.5


def nothing(called: int, name: str, key: str) -> None:
    """Let the call be."""


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_search_survives_a_call_that_fails(
    tmp_path: Path, tally: Tally, every: int, replicas: int
) -> None:
    config = tabular(max_children=8, children_per_round=2, replicas=replicas, shards=2)
    num_calls = run_watched(str(tmp_path / "whole"), config, nothing)
    whole = view_search(str(tmp_path / "whole"))
    for number in range(1 + replicas, num_calls + 1, every):
        uri = str(tmp_path / f"{number}")
        with pytest.raises(StoreError):
            run_watched(uri, config, fail_at(number))
        tally.store_faults["disk full or broken"] += 1

        run_watched(uri, config, nothing)

        tally.add(check(uri, finished=True))
        if replicas == 1:
            again = SearchHandle("", "", view_search(uri))
            assert account(again) == account(SearchHandle("", "", whole))


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path, tally: Tally) -> None:
    """On a real file system of 1 MB, where the kernel lets us make one."""
    config = tabular(max_children=400)
    (tmp_path / "search.yaml").write_text(to_yaml(config))
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size=1m none {disk} && "
        f"{sys.executable} -m nas_lib.cli search search.yaml --store {disk}/state --workers 1; "
        f"code=$?; cp -r {disk}/state saved; exit $code"
    )
    ran = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in ran.stderr:
        pytest.skip(f"no file system can be made here: {ran.stderr.strip()}")

    assert ran.returncode == 1
    assert "no space left on device" in ran.stderr.splitlines()[-1]
    assert ran.stderr.count("Traceback") == 0
    tally.store_faults["disk full or broken"] += 1
    saved = str(tmp_path / "saved")
    done = check(saved, finished=False)
    assert done.results > 0
    search(config, store=saved, workers=1)
    tally.add(check(saved, finished=True))


@pytest.mark.parametrize("fault", FAULTS)
def test_every_call_survives_every_fault(
    s3_uri: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tally: Tally, fault: str
) -> None:
    monkeypatch.setenv("NAS_S3_TIMEOUT_S", f"{TIMEOUT_S}")
    with faulty_proxy(s3_server.endpoint, seed=0, rate=0, hang_s=2 * TIMEOUT_S) as (proxy, url):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        store = open_store(s3_uri)
        for number, call in enumerate(
            (
                lambda: store.create("new", b"content"),
                lambda: store.get("new"),
                lambda: store.replace("new", b"other content"),
                lambda: store.keys(""),
                lambda: store.delete("new"),
            )
        ):
            proxy.arm(fault)
            answer = call()
            if number == 0:  # with an answer lost, one's own object looks like another's
                assert answer is (fault not in ("dropped after it was done",)) or answer
                assert store.get("new") == b"content"
            elif number == 1:
                assert answer == b"content"
            elif number == 3:
                assert list(answer) == ["new"]
        proxy.disarm()
        assert list(store.keys("")) == []
        tally.store_faults.update(proxy.counts)


@pytest.mark.parametrize("max_children", SIZES)
def test_a_search_in_s3_survives_what_networks_and_servers_do(
    tmp_path: Path,
    s3_uri: str,
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    tally: Tally,
    max_children: int,
) -> None:
    """Real processes: the engine and two workers, all through the proxy."""
    config = tabular(max_children=max_children, children_per_round=2, replicas=2, shards=2)
    (tmp_path / "search.yaml").write_text(to_yaml(config))
    with faulty_proxy(s3_server.endpoint, seed=max_children, rate=0.2, hang_s=2 * TIMEOUT_S) as (
        proxy,
        url,
    ):
        environment = {
            "AWS_ENDPOINT_URL": url,
            "NAS_S3_TIMEOUT_S": f"{TIMEOUT_S}",
            "PYTHONPATH": str(TESTS),
        }
        num_runs = 1
        while (ran := command(tmp_path, s3_uri, environment)).returncode != 0:
            assert ran.returncode == 1, ran.stderr  # a store may be away for too long: one sentence
            assert ran.stderr.splitlines()[-1].startswith("nas: cannot "), ran.stderr
            num_runs += 1
            assert num_runs < 10
        tally.store_faults.update(proxy.counts)

    tally.add(check(s3_uri, finished=True))
    assert proxy.counts.total() > max_children / 2


def command(
    folder: Path, uri: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `nas search` on the folder's search.yaml."""
    arguments = ["search", "search.yaml", "--store", uri, "--workers", "2"]
    return subprocess.run(
        [sys.executable, "-m", "nas_lib.cli", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.faults
def test_k_1_through_a_faulty_network_gives_what_an_undisturbed_search_gives(
    s3_uri: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    config = tabular(max_children=24)
    monkeypatch.setenv("NAS_S3_TIMEOUT_S", f"{TIMEOUT_S}")
    with (
        faulty_proxy(s3_server.endpoint, seed=1, rate=0.2, hang_s=2 * TIMEOUT_S) as (proxy, url),
        monkeypatch.context() as through_proxy,
    ):
        through_proxy.setenv("AWS_ENDPOINT_URL", url)
        run_watched(s3_uri, config, nothing)
        tally.store_faults.update(proxy.counts)
    handle = search(config, store=s3_uri, workers=1)

    assert account(handle) == account(search(config, store=f"memory://{uuid4().hex}"))
    tally.add(check(s3_uri, finished=True))
