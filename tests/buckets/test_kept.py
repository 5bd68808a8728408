"""Copies of buckets that this machine keeps: told by their addresses, and removed when asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nas_command import Nas

from nas_lib.buckets import fetched, kept_copies
from nas_lib.store.open import open_bucket


@pytest.fixture
def uris(s3_uri: str) -> list[str]:
    """Return the addresses of two data sets that were fetched."""
    uris = [f"{s3_uri}/one", f"{s3_uri}/other"]
    for number, uri in enumerate(uris, 1):
        for index in range(number):
            open_bucket(uri).replace(f"{index}.png", b"abc")
        with fetched(uri):
            pass
    return uris


def test_copies_are_known_by_their_addresses(uris: list[str]) -> None:
    found = [(each.uri, each.num_files, each.num_bytes) for each in kept_copies()]

    assert found == [(uris[0], 1, 3), (uris[1], 2, 6)]  # of 3 bytes each


def test_one_that_is_read_stays_and_another_is_fetched_anew(uris: list[str]) -> None:
    with fetched(uris[0]) as here:
        assert [each.remove() for each in kept_copies()] == [False, True]
        assert (here.path / "0.png").read_bytes() == b"abc"
    assert [each.uri for each in kept_copies()] == uris[:1]

    with fetched(uris[1]) as here:
        assert (here.path / "1.png").read_bytes() == b"abc"


def test_the_command_removes_those_that_were_not_used_for_long(
    uris: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nas = Nas(monkeypatch, capsys)

    assert nas("gc", "--copies")[1] == "no copy of data in a bucket was unused for 24 hours\n"
    code, said, _ = nas("gc", "--copies", "--older-than", "0", "--json")
    copies = json.loads(said)["copies"]
    assert (code, [each["uri"] for each in copies]) == (0, uris)
    assert all(Path(each["path"], "files").exists() and not each["removed"] for each in copies)
    assert "Nothing was removed" in nas("gc", "--copies", "--older-than", "0")[1]

    with fetched(uris[1]):
        said = nas("gc", "--copies", "--older-than", "0", "--delete", "--json")[1]
    assert [each["removed"] for each in json.loads(said)["copies"]] == [True, False]


def test_a_search_or_copies_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ((), ("runs/digits", "--copies")):
        code, _, errors = Nas(monkeypatch, capsys)("gc", *arguments)
        assert code == 2
        assert "name a SEARCH, or --copies for those of data in buckets" in errors
