"""write_report: what the search has come to, for people."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from nas_lib.config import SearchConfig
from nas_lib.data import DataManifest, Manifest
from nas_lib.records import (
    ChildRow,
    Derived,
    Learned,
    Rewarded,
    SharedEpoch,
    TestReading,
    from_json,
)
from nas_lib.report import (
    DataSummary,
    SearchView,
    best_kept,
    leaderboard,
    search_page,
    winner,
)
from nas_lib.steps.datasets import fetch_test_images, fetch_test_text, find_manifest
from nas_lib.steps.open_search import OpenSearch
from nas_lib.steps.rounds import is_good_enough
from nas_lib.store import History, layout, lease

REPORT = "report.html"


def write_report(search: str | OpenSearch, *, run: str) -> SearchView:
    """Store one self-contained HTML page on the search; once it is finished, test the winner.

    Returns:
        What the page shows. It lies under `reports/<run>/report.html`.
    """
    search = OpenSearch.of(search)
    view = view_search(search, run=run)
    if view.finished and _test_winners(search, view):
        view = view_search(search, run=run)
    search.store.objects.replace(layout.report(run, REPORT), search_page(view).encode())
    return view


def view_search(search: str | OpenSearch, *, run: str = "") -> SearchView:
    """Return all that reports and tables show of a search, to this run if one asks."""
    search = OpenSearch.of(search)
    history = History(search.store)
    rows: list[ChildRow] = []
    ever_best: dict[str, ChildRow] = {}
    for rewarded in history.read(Rewarded):  # one at a time: each repeats the best so far
        rows.extend(rewarded.rows)
        ever_best.update((row.id, row) for row in rewarded.best)
    learned = tuple(history.read(Learned))
    shared = search.config.shared is not None
    opened = history.open_rounds(closed_by="rewarded" if shared else "learned")
    rows.extend(row for each in opened for row in each.rows)
    holders = lease.holders(search.store, search.config.search.replicas)
    manifest = find_manifest(search)
    return SearchView(
        uri=search.uri,
        config=search.config,
        rows=tuple(rows),
        learned=learned,
        open_rounds={each.replica: each.num_left for each in opened},
        holders={replica: str(holder) for replica, holder in holders.items()},
        finished=not opened
        and (bool(rows) if shared else _may_end(search.config, learned, ever_best.values())),
        shared_epochs=_shared_epochs(search) if shared else (),
        derived=search.store.find(Derived, layout.DERIVED) if shared else None,
        test=_readings(search, ever_best),
        problems=tuple(search.store.problems()),
        data=None if manifest is None else _summary(manifest),
        run=run,
    )


def _may_end(config: SearchConfig, learned: Sequence[Learned], best: Iterable[ChildRow]) -> bool:
    """Say whether no replica may begin a round; `steps.is_finished` asks the store for one."""
    loop = config.search
    if is_good_enough(config, best):
        return True
    num_learned = Counter(entry.replica for entry in learned)
    return all(num_learned[replica] >= loop.rounds for replica in range(loop.replicas))


def _shared_epochs(search: OpenSearch) -> tuple[SharedEpoch, ...]:
    keys = search.store.objects.keys(layout.SHARED_EPOCHS)
    blobs = zip(keys, search.store.objects.get_many(keys), strict=True)
    return tuple(from_json(SharedEpoch, data, key=key) for key, data in blobs)


def _summary(manifest: Manifest) -> DataSummary:
    if isinstance(manifest, DataManifest):
        shape, num_classes = manifest.image_shape, manifest.num_classes
    else:
        shape, num_classes = None, manifest.num_words
    return DataSummary(
        source=manifest.source,
        content_hash=manifest.content_hash,
        image_shape=shape,
        num_classes=num_classes,
        num_train=manifest.num_train,
        num_valid=manifest.num_valid,
        num_test=manifest.num_test,
    )


def _readings(search: OpenSearch, children: Iterable[str]) -> tuple[TestReading, ...]:
    """Return what was read of the test set, for these children."""
    found = (search.store.find(TestReading, layout.child_test(child)) for child in children)
    readings = (reading for reading in found if reading is not None)
    return tuple(sorted(readings, key=lambda reading: reading.created_s))


def _test_winners(search: OpenSearch, view: SearchView) -> bool:
    """Read the winner's test score if nobody has; return whether that was new.

    Where the winner was drawn at random, the best of those that shared weights chose is read too,
    if its weights were kept: it is what such a search is to be compared by.
    """
    if view.config.children.evaluate:
        return False
    has_weights = leaderboard(view.rows, view.config.children.keep)
    found = [winner(view.rows), *(row for row in has_weights if row == best_kept(view))]
    children = dict.fromkeys(row.id for row in found if row is not None)
    news = [_test(search, view, child) for child in children]
    return any(news)


def _test(search: OpenSearch, view: SearchView, child: str) -> bool:
    """Read a child's test score if nobody has; return whether that was new."""
    key = layout.child_test(child)
    if search.store.find(TestReading, key) is not None:
        return False
    read = _read_text if view.config.is_text else _read_images
    search.store.settle(key, read(search, child))
    return True


def _read_images(search: OpenSearch, child: str) -> TestReading:
    from nas_lib.training.evaluation import evaluate  # loads torch
    from nas_lib.training.weights import load_network

    key = layout.child_weights(child)
    network, info = load_network(search.store.objects.get(key), key=key)
    images, manifest = fetch_test_images(search.store)
    accuracy = evaluate(network, images, mean=info.mean, std=info.std).accuracy
    return TestReading(child, accuracy, manifest.num_test, created_s=time.time())


def _read_text(search: OpenSearch, child: str) -> TestReading:
    from nas_lib.training.evaluation import perplexity, text_loss  # loads torch
    from nas_lib.training.weights import load_language_model

    key = layout.child_weights(child)
    model, _ = load_language_model(search.store.objects.get(key), key=key)
    words_N, manifest = fetch_test_text(search.store)
    return TestReading(
        child,
        accuracy=None,
        num_examples=manifest.num_test,
        created_s=time.time(),
        perplexity=perplexity(text_loss(model, words_N)),
    )
