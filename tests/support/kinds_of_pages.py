"""Pages of every kind: of small searches that were run, and of long ones that are made up."""

from __future__ import annotations

import base64
import io
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from own_data import write_photos
from PIL import Image
from searches import SMALL_DIGITS, SMALL_SHARED
from synthetic import IMAGES, START_S, four_shared, replicas_view, search_view, update

import nas_lib
from nas_lib import steps
from nas_lib.config import RandomConfig, RoundsConfig, SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.data_check import check_data, contact_sheet
from nas_lib.open_search import OpenSearch
from nas_lib.records import (
    LabelMistake,
    LabelReading,
    Metric,
    Mistake,
    NumberMistake,
    Problem,
    TestReading,
)
from nas_lib.report import compare_page, problem_page, search_page, waiting_page
from nas_lib.results import SearchView, compare, winner
from nas_lib.starting_documents import untimed_config

KINDS = (
    *("search", "final", "transfer", "shared", "text"),
    *("compare", "replicas", "many classes", "labels", "numbers"),
    *("problem", "waiting", "data"),
)
_NUM_CLASSES = 60


def written_pages(folder: Path) -> dict[str, Path]:
    """Write a page of each kind into a folder; return where each of them lies."""
    paths = {}
    for kind, page in {**_of_searches(folder), **_made_up()}.items():
        paths[kind] = folder / f"{kind.replace(' ', '-')}.html"
        paths[kind].write_text(page, encoding="utf-8")
    return paths


def _of_searches(folder: Path) -> dict[str, str]:
    """Run a small search of each procedure, and of each kind of data."""
    from toy_text import TEXT_SPACE, text_children, write_toy_text  # imports torch

    final = {"final.follows": True, "final.top": 2, "final.seeds": 2, "final.children.epochs": 3}
    children = {"children": {"epochs": 3, "keep": 2}}
    digits = resolve_config("digits", {**SMALL_DIGITS, **children, **final}, stored=None)
    text = SearchConfig(
        name="text",
        task=write_toy_text(folder / "text"),
        space=TEXT_SPACE,
        controller=RandomConfig(),
        children=text_children(epochs=2),
        search=RoundsConfig(max_children=2, children_per_round=2),
    )
    found = {
        "search": nas_lib.search(digits, store=folder / "digits", workers=1),
        "shared": nas_lib.search(
            resolve_config("enas-macro-digits", SMALL_SHARED, stored=None),
            store=folder / "shared",
            workers=1,
        ),
        "text": nas_lib.search(text, store=folder / "words", workers=1),
        "transfer": nas_lib.transfer(folder / "digits", digits, store=folder / "other", workers=1),
    }
    opened = {kind: OpenSearch(handle.uri) for kind, handle in found.items()}
    opened["final"] = opened["search"].finals()[-1]
    pages = {kind: _page(search) for kind, search in opened.items()}
    return {**pages, "data": _of_data(folder / "photos")}


def _of_data(folder: Path) -> str:
    """Check photos of which some are there twice, or broken."""
    write_photos(folder, {"cat": 40, "dog": 30, "a name with no place for a line to break" * 2: 1})
    for index in range(20):
        (folder / "dog" / f"again{index}.png").write_bytes(
            (folder / "cat" / f"{index}.png").read_bytes()
        )
    (folder / "cat" / "broken.jpg").write_bytes(b"no picture")
    return contact_sheet(check_data(untimed_config(str(folder)), with_pictures=True))


def _page(search: OpenSearch) -> str:
    return search_page(steps.view_for_page(search, steps.view_search(search)))


def _made_up() -> dict[str, str]:
    """Return pages of what would take long to run."""
    several = [update(replica, number) for replica in range(3) for number in range(5)]
    return {
        "compare": compare_page(compare(four_shared())),
        "replicas": search_page(replicas_view(*several, replicas=3, open_rounds={1: 2})),
        "many classes": search_page(_many_classes()),
        "labels": search_page(_labels()),
        "numbers": search_page(_numbers()),
        "waiting": waiting_page("runs/photos"),
        "problem": problem_page(
            "runs/photos", [Problem("run-1", "prepare_data", "There are no such files.", START_S)]
        ),
    }


def _many_classes() -> SearchView:
    """Return a search whose best child takes some of many classes for others."""
    view = search_view(70, num_layers=14, grows=True)
    best = winner(view.rows)
    assert best is not None
    rng = random.Random(1)
    labels = range(_NUM_CLASSES)
    confusion = {(label, label): rng.randrange(5, 99) for label in labels}
    confusion |= {(rng.choice(labels), rng.choice(labels)): rng.randrange(1, 9) for _ in labels}
    reading = TestReading(
        best.id,
        0.9,
        sum(confusion.values()),
        START_S,
        tuple((*pair, num) for pair, num in sorted(confusion.items())),
        mistakes=tuple(_mistake(rng) for _ in range(24)),
    )
    names = tuple(f"a class whose name is of some length, {label}" for label in labels)
    return replace(view, test=(reading,), data=replace(IMAGES, class_names=names))


def _labels() -> SearchView:
    """Return a search of images with many labels."""
    rng = random.Random(1)
    readings = [LabelReading(0, 3, 0, None)]
    for _ in range(_NUM_CLASSES - 1):
        num, told = rng.randrange(3, 99), rng.randrange(3, 99)
        right = rng.randrange(min(num, told))
        readings.append(LabelReading(num, told, right, rng.random()))
    mistakes = [
        LabelMistake(rng.randrange(_NUM_CLASSES), n % 2 > 0, rng.uniform(0.5, 1), _picture(rng))
        for n in range(24)
    ]
    names = tuple(f"a label whose name is of some length, {n}" for n in range(_NUM_CLASSES))
    return _tested(names, labels=tuple(readings), mistakes=tuple(mistakes))


def _numbers() -> SearchView:
    """Return a search of images with a number."""
    rng = random.Random(1)
    true = [rng.gauss(40, 12) for _ in range(500)]
    pairs = tuple((value, value + rng.gauss(0, 5)) for value in true)
    mistakes = tuple(NumberMistake(*pair, _picture(rng)) for pair in pairs[:24])
    metrics = (Metric("RMSE", 5.0), Metric("MAE", 4.0), Metric("R2", 0.83))
    return _tested(("age in years",), numbers=pairs, mistakes=mistakes, metrics=metrics)


def _tested(names: tuple[str, ...], **reading: Any) -> SearchView:
    """Return a search with this reading of the test of its best child."""
    view = search_view(8)
    best = winner(view.rows)
    assert best is not None
    read = TestReading(best.id, 0.9, 500, START_S, **reading)
    return replace(view, test=(read,), data=replace(IMAGES, class_names=names))


def _mistake(rng: random.Random) -> Mistake:
    true, found = rng.sample(range(_NUM_CLASSES), 2)
    return Mistake(true, found, rng.uniform(0.5, 1), _picture(rng))


def _picture(rng: random.Random) -> str:
    file = io.BytesIO()
    Image.new("RGB", (32, 24), tuple(rng.randrange(256) for _ in range(3))).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
