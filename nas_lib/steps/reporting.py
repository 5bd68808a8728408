"""write_report: what the search has come to, for people."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from nas_lib.data import DataManifest
from nas_lib.records import ChildRow, Learned, Rewarded, TestReading
from nas_lib.report import DataSummary, SearchView, search_page, winner
from nas_lib.steps.images import fetch_test_images
from nas_lib.steps.open_search import OpenSearch
from nas_lib.steps.rounds import is_finished
from nas_lib.store import History, layout

REPORT = "report.html"


def write_report(search: str | OpenSearch, *, run: str) -> SearchView:
    """Store one self-contained HTML page on the search; once it is finished, test the winner.

    Returns:
        What the page shows. It lies under `reports/<run>/report.html`.
    """
    search = OpenSearch.of(search)
    view = view_search(search, run=run)
    if view.finished and _test_winner(search, view):
        view = view_search(search, run=run)
    search.store.objects.replace(layout.report(run, REPORT), search_page(view).encode())
    return view


def view_search(search: str | OpenSearch, *, run: str = "") -> SearchView:
    """Return all that reports and tables show of a search, to this run if one asks."""
    search = OpenSearch.of(search)
    history = History(search.store)
    rows: list[ChildRow] = []
    ever_best: set[str] = set()
    for rewarded in history.read(Rewarded):  # one at a time: each repeats the best so far
        rows.extend(rewarded.rows)
        ever_best.update(row.id for row in rewarded.best)
    open_rows, num_left = history.open_rows()
    learned = tuple(history.read(Learned))
    manifest = search.store.find(DataManifest, layout.DATA_MANIFEST)
    return SearchView(
        uri=search.uri,
        config=search.config,
        rows=(*rows, *open_rows),
        learned=learned,
        open_children=num_left,
        finished=_is_finished(search, learned),
        test=_readings(search, ever_best),
        problems=tuple(search.store.problems()),
        data=None if manifest is None else _summary(manifest),
        run=run,
    )


def _is_finished(search: OpenSearch, learned: Iterable[Learned]) -> bool:
    num_learned = Counter(each.replica for each in learned)
    replicas = range(search.config.search.replicas)
    return all(is_finished(search, replica, num_learned[replica]) for replica in replicas)


def _summary(manifest: DataManifest) -> DataSummary:
    return DataSummary(
        source=manifest.source,
        content_hash=manifest.content_hash,
        image_shape=manifest.image_shape,
        num_classes=manifest.num_classes,
        num_train=manifest.num_train,
        num_valid=manifest.num_valid,
        num_test=manifest.num_test,
    )


def _readings(search: OpenSearch, children: Iterable[str]) -> tuple[TestReading, ...]:
    """Return what was read of the test set, for these children."""
    found = (search.store.find(TestReading, layout.child_test(child)) for child in children)
    readings = (reading for reading in found if reading is not None)
    return tuple(sorted(readings, key=lambda reading: reading.created_s))


def _test_winner(search: OpenSearch, view: SearchView) -> bool:
    """Read the winner's test accuracy if nobody has; return whether that was new."""
    best = winner(view.rows)
    if best is None or view.config.children.evaluate:
        return False
    key = layout.child_test(best.id)
    if search.store.find(TestReading, key) is not None:
        return False
    weights = search.store.objects.get(layout.child_weights(best.id))
    from nas_lib.training.evaluation import evaluate  # loads torch
    from nas_lib.training.weights import load_network

    network, info = load_network(weights, key=layout.child_weights(best.id))
    images, manifest = fetch_test_images(search.store)
    accuracy = evaluate(network, images, mean=info.mean, std=info.std).accuracy
    reading = TestReading(best.id, accuracy, manifest.num_test, created_s=time.time())
    search.store.settle(key, reading)
    return True
