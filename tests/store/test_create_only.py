"""A store that lets the same object be created twice is found out by whoever uses it first."""

from __future__ import annotations

from pathlib import Path

import pytest
from faulty_store import WatchedStore, nothing
from nas_command import Nas
from searches import tabular
from small_s3 import running_small_s3

from nas_lib import steps
from nas_lib.errors import StoreError
from nas_lib.open_search import OpenSearch
from nas_lib.store import layout
from nas_lib.store.obstores import MemoryStore

REFUSAL = (
    "cannot hold a search: 2 of 2 writers were told that they created the same object, expected "
    "one (does it support If-None-Match?)"
)


class Overwriting(MemoryStore):
    """Is far away, and lets everybody create everything."""

    concurrency = 8

    def create(self, key: str, data: bytes) -> bool:
        self.replace(key, data)
        return True


def behind_a_bad_proxy(name: str) -> OpenSearch:
    search = OpenSearch(f"memory://{name}")
    search.store.objects = Overwriting(name)
    return search


def test_a_new_search_is_refused_before_anything_is_written() -> None:
    search = behind_a_bad_proxy("new-search")

    with pytest.raises(StoreError) as caught:
        steps.prepare_data(search, config=tabular())

    assert str(caught.value) == f"memory://new-search {REFUSAL}"
    assert search.store.objects.keys("") == []


def test_a_replica_that_joins_through_a_bad_proxy_is_refused() -> None:
    steps.prepare_data(OpenSearch("memory://joined"), config=tabular(replicas=3))
    search = behind_a_bad_proxy("joined")
    before = search.store.objects.keys("")

    with pytest.raises(StoreError, match="cannot hold a search"):
        steps.plan_rounds(search, replica=1, run="run")

    assert search.store.objects.keys("") == before


def test_the_command_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    with running_small_s3(heeds_conditions=False) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        said = Nas(monkeypatch, capsys)("search", "digits", "--store", "s3://bucket/p")

    assert said == (1, "", f"nas: s3://bucket/p {REFUSAL}\n")


def test_it_takes_two_requests_at_first_and_then_one_in_each_process(s3_uri: str) -> None:
    def calls_of_a_process() -> list[str]:
        search = OpenSearch(s3_uri)
        search.store.objects = watched = WatchedStore(search.store.objects, nothing)
        search.store.require_create_only()
        search.store.require_create_only()
        return watched.calls

    assert calls_of_a_process() == ["create", "create"]
    assert calls_of_a_process() == ["create"]
    assert OpenSearch(s3_uri).store.objects.keys("") == [layout.PROBE]


@pytest.mark.parametrize("uri", ["memory://probe", "folder"])
def test_what_is_near_is_not_asked(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    search = OpenSearch(uri)
    search.store.require_create_only()
    assert search.store.objects.keys("") == []
