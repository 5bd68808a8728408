"""A listing that lacks what was created a moment ago changes nothing that a search does or says."""

from __future__ import annotations

import pytest
from faulty_store import LateListing, run_here
from searches import SMALL_SHARED, account, tabular

from nas_lib import steps
from nas_lib.config_file import resolve_config
from nas_lib.errors import CorruptStateError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.shards import pull
from nas_lib.procedures.shared_training import weights_progress
from nas_lib.records import ChildResult, SharedEpoch
from nas_lib.steps.attempts import begin_attempt
from nas_lib.store import SearchStore, layout, lease
from nas_lib.training.checkpoints import CheckpointFolder


def late(uri: str) -> OpenSearch:
    """Open a search whose listing shows nothing that is newer than this."""
    search = OpenSearch(uri)
    search.store.objects = LateListing(search.store.objects)
    return search


def test_a_search_does_all_its_rounds_and_says_so() -> None:
    config = tabular(replicas=2, max_children=48)
    whole = run_here(OpenSearch("memory://in-time"), config)

    found = run_here(late("memory://late"), config)

    assert found.view.finished
    assert found.view.problems == ()
    assert account(found) == account(whole)
    assert len(found.view.learned) == len(whole.view.learned) == 12


def test_a_search_that_is_gone_on_with_by_others_goes_on_where_it_stood() -> None:
    config = tabular(max_children=24)
    whole = run_here(OpenSearch("memory://whole"), config)

    for _ in range(6):
        pieces = run_here(late("memory://pieces"), config, rounds=1)

    assert pieces.view.finished
    assert account(pieces) == account(whole)


def test_a_later_budget_counts_at_once() -> None:
    uri = "memory://budget"
    run_here(late(uri), tabular(max_children=8))
    run_here(late(uri), tabular(max_children=16))

    assert late(uri).config.search.max_children == 16
    assert run_here(late(uri), tabular(max_children=16)).view.finished


def test_epochs_of_shared_weights_are_all_there() -> None:
    search = late("memory://late-epochs")
    config = resolve_config("enas-macro-digits", SMALL_SHARED, stored=None)
    steps.prepare_data(search, config=config)
    for number in (1, 2):
        epoch = SharedEpoch(number, "run", 2.0, 0.05, 10, 4, 0.4, {}, 3.0, 1.0, created_s=2.5)
        search.store.settle(layout.shared_epoch(number), epoch)

    assert weights_progress(search).is_complete
    assert [epoch.epoch for epoch in steps.view_search(search).shared_epochs] == [1, 2]


def test_a_checkpoint_that_is_known_of_is_read() -> None:
    folder = CheckpointFolder(late("memory://late-checkpoint").store.objects, "checkpoints/shared")
    folder.create(7, b"seven")

    assert folder.latest(lambda data, epoch, key: (data, epoch)) is None
    assert folder.latest(lambda data, epoch, key: (data, epoch), known=7) == (b"seven", 7)


def test_attempts_are_counted_until_there_are_too_many() -> None:
    search = late("memory://attempts")
    child = "r000-000000-00"
    for _ in range(2):
        assert begin_attempt(search.store, child, "run", max_attempts=2) is None
        steps.fail_attempt(search, child=child, message="it fell")

    given_up = begin_attempt(search.store, child, "run", max_attempts=2)

    assert isinstance(given_up, ChildResult)
    assert given_up.message == "2 attempts failed, the last one: it fell"


def test_the_newest_lease_counts() -> None:
    store = late("memory://leases").store
    assert lease.take(store, [0], "first", lease_s=60) == {}
    assert lease.take(store, [0], "second", lease_s=60)[0].run == "first"
    lease.release(store, 0, "first")
    assert lease.holders(store, 1) == {}


def test_a_newer_version_than_is_listed_is_pulled() -> None:
    uri = "memory://versions"
    steps.prepare_data(OpenSearch(uri), config=tabular())
    search = late(uri)
    run_here(OpenSearch(uri), tabular(), rounds=3)

    assert pull(search, known=None)[0].version == 3


def test_shards_that_are_gone_are_said_to_be_looked_for_in_both_ways() -> None:
    uri = "memory://no-shards"
    steps.prepare_data(OpenSearch(uri), config=tabular())
    search = late(uri)
    search.store.objects.delete(layout.shard(0, 0))

    with pytest.raises(CorruptStateError, match="in its listing or under the key controller/shard"):
        pull(search, known=None)


def test_numbers_are_found_wherever_the_row_ends() -> None:
    store = SearchStore.open("memory://rows")
    store.objects = LateListing(store.objects)
    for number in range(1, 40):
        store.objects.create(layout.settings(number), b"")
        assert store.newest(layout.SETTINGS) == number
        assert SearchStore(store.objects).newest(layout.SETTINGS) == number
