"""The store fails: a full or broken disk, and all that a network and a server do to S3."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from accounts import check
from faulty_store import fail_at, run_watched
from s3_proxy import FAULTS, FaultyProxy, faulty_proxy, use_in_every_way
from s3_server import S3Server
from searches import SUPPORT, account, tabular
from tally import Tally

from nas_lib.config_file import to_yaml
from nas_lib.engine import SearchHandle, search
from nas_lib.errors import InterruptedSearchError, StoreAwayError, StoreError
from nas_lib.open_search import OpenSearch
from nas_lib.steps import view_search
from nas_lib.store import open_store

EVERY = [pytest.param(61, id="sample"), pytest.param(2, id="every", marks=pytest.mark.faults)]
TIMEOUT_S = 0.5


@pytest.fixture
def proxy(
    s3_uri: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> Iterator[FaultyProxy]:
    """Put a proxy before the server, that does nothing yet; count what it will have done."""
    del s3_uri  # it sets the environment, which we change
    monkeypatch.setenv("NAS_STORE_TIMEOUT_S", f"{TIMEOUT_S}")
    with faulty_proxy(s3_server.endpoint, seed=1, hang_s=2 * TIMEOUT_S) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy
    tally.store_faults.update(proxy.counts)


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_search_survives_a_call_that_fails(
    tmp_path: Path, tally: Tally, every: int, replicas: int
) -> None:
    config = tabular(max_children=8, children_per_round=2, replicas=replicas, shards=2)
    calls = run_watched(str(tmp_path / "whole"), config)
    whole = view_search(OpenSearch(str(tmp_path / "whole")))
    for number in range(1 + replicas, len(calls) + 1, every):
        uri = str(tmp_path / f"{number}")
        with pytest.raises(StoreError):
            run_watched(uri, config, fail_at(number))
        tally.store_faults["disk full or broken"] += 1

        run_watched(uri, config)

        tally.add(check(uri, finished=True))
        if replicas == 1:
            again = SearchHandle("", "", view_search(OpenSearch(uri)))
            assert account(again) == account(SearchHandle("", "", whole))


def test_a_search_that_is_stopped_while_its_store_is_away_says_that_it_was_stopped(
    tmp_path: Path,
) -> None:
    """Neither its lease nor its report can be written then."""

    def stopped(called: int, name: str, key: str) -> None:
        if called == 60:
            raise KeyboardInterrupt
        if called > 60:
            raise StoreAwayError(f"cannot write {key}: cannot reach the server")

    uri = str(tmp_path / "state")
    with pytest.raises(InterruptedSearchError, match="the same command continues there"):
        run_watched(uri, tabular(), stopped)

    run_watched(uri, tabular())
    assert view_search(OpenSearch(uri)).finished


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path, tally: Tally) -> None:
    """On a real file system of 800 kB, where the kernel lets us make one."""
    config = tabular(max_children=80)
    (tmp_path / "search.yaml").write_text(to_yaml(config))
    (tmp_path / "disk").mkdir()
    script = (
        "mount -t tmpfs -o size=800k none disk && "
        f"{sys.executable} -m nas_lib.cli search search.yaml --store disk/state --workers 1; "
        "code=$?; cp -r disk/state saved; exit $code"
    )
    ran = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SUPPORT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in ran.stderr:
        pytest.skip(f"no file system can be made here: {ran.stderr.strip()}")

    assert ran.returncode == 1
    assert "no space left on device" in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr
    tally.store_faults["disk full or broken"] += 1
    saved = str(tmp_path / "saved")
    assert check(saved, finished=False).results > 0
    run_watched(saved, config)
    tally.add(check(saved, finished=True))


@pytest.mark.parametrize("fault", FAULTS)
def test_every_call_survives_every_fault(s3_uri: str, proxy: FaultyProxy, fault: str) -> None:
    store = open_store(s3_uri)

    use_in_every_way(store, proxy, fault)

    assert proxy.counts[fault] > 0


@pytest.mark.parametrize(
    "max_children",
    [
        pytest.param(4, id="short", marks=pytest.mark.faults),
        pytest.param(24, id="long", marks=pytest.mark.faults),
    ],
)
def test_a_search_through_a_faulty_network_ends_as_an_undisturbed_one(
    s3_uri: str, proxy: FaultyProxy, tally: Tally, max_children: int
) -> None:
    config = tabular(max_children=max_children, children_per_round=2, shards=2)
    proxy.rate = 0.2
    run_watched(s3_uri, config)
    proxy.rate = 0

    again = SearchHandle("", "", view_search(OpenSearch(s3_uri)))
    assert account(again) == account(search(config, store=f"memory://{s3_uri}"))
    tally.add(check(s3_uri, finished=True))
    assert proxy.counts.total() > max_children


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_engines_and_workers_survive_a_faulty_network(
    tmp_path: Path, s3_uri: str, proxy: FaultyProxy, tally: Tally
) -> None:
    """Real processes: four engines, each with a replica of its own, and their workers."""
    config = tabular(max_children=100, children_per_round=1, replicas=4, shards=2)
    (tmp_path / "search.yaml").write_text(to_yaml(config))
    proxy.rate = 0.2
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda replica: search_until_done(tmp_path, s3_uri, replica), range(4)))
    proxy.rate = 0

    tally.add(check(s3_uri, finished=True))


def search_until_done(folder: Path, uri: str, replica: int) -> None:
    """Run `nas search` for this replica, again where the store was away for too long."""
    arguments = ["search", "search.yaml", "--store", uri, "--workers=1", f"--replica={replica}"]
    for _ in range(10):
        ran = subprocess.run(
            [sys.executable, "-m", "nas_lib.cli", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(SUPPORT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode == 0:
            return
        assert ran.returncode == 1, ran.stderr
        assert ran.stderr.splitlines()[-1].startswith("nas: cannot "), ran.stderr
    pytest.fail(f"ten runs did not finish replica {replica}")
