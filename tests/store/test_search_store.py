"""What the state of a search is refused for."""

from __future__ import annotations

import pytest

from nas_lib.config import FORMAT_VERSION
from nas_lib.errors import CorruptStateError
from nas_lib.records import to_json
from nas_lib.store import SearchStore, layout

OLDER, NEWER = FORMAT_VERSION - 1, FORMAT_VERSION + 1


@pytest.fixture
def store(request: pytest.FixtureRequest) -> SearchStore:
    return SearchStore.open(f"memory://{request.node.name}")


def refusal(store: SearchStore, search: dict[str, object]) -> str:
    """Return what is said of a search that was stored as this."""
    store.objects.replace(layout.SEARCH, to_json(search))
    with pytest.raises(CorruptStateError) as caught:
        store.find_search()
    return str(caught.value)


def test_an_older_format_is_refused_with_two_ways_out(store: SearchStore) -> None:
    assert refusal(store, {"format_version": OLDER, "old": 1}) == (
        f"{store.objects.uri} was written in format {OLDER}, this release of kfp-nas reads format "
        f"{FORMAT_VERSION}: finish it with the release that began it, or start anew in another "
        "folder"
    )


def test_a_newer_format_is_refused(store: SearchStore) -> None:
    assert refusal(store, {"format_version": NEWER, "new": 1}) == (
        f"{store.objects.uri} was written in format {NEWER}, this release of kfp-nas reads up to "
        f"{FORMAT_VERSION}: use a newer one"
    )


def test_every_reader_of_the_configuration_is_told(store: SearchStore) -> None:
    store.objects.replace(layout.SEARCH, to_json({"format_version": OLDER}))

    with pytest.raises(CorruptStateError, match="finish it with the release that began it"):
        store.config()


@pytest.mark.parametrize("search", [{}, {"format_version": "1"}])
def test_a_search_without_a_format_is_none_of_ours(
    store: SearchStore, search: dict[str, object]
) -> None:
    assert "no StoredSearch as this release reads it" in refusal(store, search)


def test_a_note_whose_first_answer_was_lost_is_there_once(
    store: SearchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = store.objects.create
    monkeypatch.setattr(store.objects, "create", lambda key, data: create(key, data) and False)

    store.note_problem(run="run-1", step="learn", message="no luck")
    store.note_problem(run="run-1", step="learn", message="no luck again")

    assert [each.message for each in store.problems()] == ["no luck", "no luck again"]
