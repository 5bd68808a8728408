"""`nas_lib.refresh`: one search after the other on images that change, and the model in use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from small_server import SmallServer, running
from toy_images import IMAGE_SPACE, children, write_toy_images

import nas_lib
from nas_lib import steps
from nas_lib.config import NpzData, SearchConfig
from nas_lib.config.tasks import ImageScore
from nas_lib.engine import Listener, SearchHandle
from nas_lib.errors import ConfigError, NasError
from nas_lib.export import stable
from nas_lib.export.new_data import NewData
from nas_lib.export.stable import model_in_use
from nas_lib.models import open_model
from nas_lib.open_search import OpenSearch
from nas_lib.records import Start
from nas_lib.report import search_page
from nas_lib.results.final import outcome
from nas_lib.results.succession import FreshStart, InUse, Succession
from nas_lib.steps import succession
from nas_lib.store import SearchStore, layout, open_store
from nas_lib.tasks.images.scoring import SCORINGS

BASE = "memory://refreshed"
BAD, GOOD = {"epochs": 1, "learning_rate": 1e-4}, {"epochs": 8}


class Receiver(SmallServer):
    sent: list[dict[str, Any]]

    def post(self) -> None:
        self.sent.append(json.loads(self.body()))
        self.answer(200)


def config(
    path: Path, *, seed: int, learning: dict[str, Any], webhook: str | None = None
) -> SearchConfig:
    """A search on toy images, other ones for each seed, and how well its networks learn them."""
    return SearchConfig(
        name="toy",
        task=write_toy_images(path, seed=seed).model_copy(update={"score": "auc"}),
        space=IMAGE_SPACE,
        children=children(epochs=1),
        search={"max_children": 2, "children_per_round": 2, "confirm": None},
        final={"top": 1, "seeds": 2, "children": learning},
        notify={"webhook": webhook},
    )


class Told(Listener):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, message: str) -> None:
        self.warnings.append(message)


class Story(NamedTuple):
    path: Path
    first: SearchHandle
    better: SearchHandle
    worse: SearchHandle
    sent: list[dict[str, Any]]


def name_of(handle: SearchHandle) -> str:
    return handle.uri.rpartition("/")[2]


def verdict(handle: SearchHandle) -> Succession:
    found = handle.view.succession
    assert found is not None
    return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def story(cache: Path) -> Story:
    """Three searches, the second on other images; its networks alone learn much."""
    path = cache / "toy.npz"
    turns = ((1, BAD), (11, GOOD), (11, BAD))
    with running(Receiver, sent=(sent := [])) as url:
        handles = [
            nas_lib.refresh(config(path, seed=seed, learning=learning, webhook=url), BASE)
            for seed, learning in turns
        ]
    return Story(path, *handles, sent)


def test_each_is_a_search_of_its_own_which_begins_with_the_best_of_the_one_before(
    story: Story,
) -> None:
    names = [name_of(handle) for handle in story[1:4]]

    assert names == sorted({*names})
    assert [handle.view.fresh.begins_with for handle in story[1:4]] == ["", *names[:2]]
    start = OpenSearch(story.better.uri).store.read(Start, layout.START)
    known = [each.config for kept in start.rounds for each in kept.architectures]
    assert known[0] == story.first.leaderboard(1)[0].architecture.config
    assert story.first.view.data.content_hash != story.better.view.data.content_hash
    assert all(handle.view.finals for handle in story[1:4])  # though nobody asked for them


def test_the_first_model_is_in_use_and_another_takes_its_place_where_it_is_better(
    story: Story,
) -> None:
    found = verdict(story.better)

    assert (verdict(story.first).reason, verdict(story.first).scores) == ("first", ())
    assert (found.reason, found.other) == ("better", name_of(story.first))
    assert found.score > found.other_score
    assert (found.num_examples, found.num_learned) == (45, 0)  # a third of 135; none is an old one


def test_a_worse_model_leaves_the_one_that_is_in_use(story: Story) -> None:
    found = verdict(story.worse)

    assert (found.reason, found.other) == ("not_better", name_of(story.better))
    assert found.score < found.other_score
    in_use = open_model(f"{story.better.uri}/models/{verdict(story.better).model}")
    stored = model_in_use(open_store(BASE))
    assert stored.info.origin == in_use.info.origin
    assert [
        SearchStore.open(BASE).read(InUse, layout.IN_USE.key(number)).search for number in (1, 2)
    ] == [name_of(story.first), name_of(story.better)]


def test_both_are_beside_each_other_in_the_report_on_the_new_images(story: Story) -> None:
    page = search_page(story.worse.view)

    found = verdict(story.worse)
    assert "Beside the model in use" in page
    for score in (found.score, found.other_score):
        assert f"{100 * score:.2f} %" in page
    stored = SearchStore.open(story.worse.uri).objects
    assert (
        "that one stays in use"
        in stored.get(layout.report(story.worse.run, "report.html")).decode()
    )


def test_who_waits_for_the_end_is_told_whose_model_is_in_use(story: Story) -> None:
    assert [told["event"] for told in story.sent] == ["finished"] * 3
    assert [told["succession"]["replaces"] for told in story.sent] == [True, True, False]
    found = verdict(story.worse)
    assert story.sent[2]["succession"] == {
        "replaces": False,
        "reason": "not_better",
        "model": found.model,
        "score": found.score,
        "other": name_of(story.better),
        "other_score": found.other_score,
    }


def test_where_no_network_is_trained_to_its_end_the_model_in_use_stays(story: Story) -> None:
    steep = {"epochs": 1, "learning_rate": 1e6, "weight_decay": 1e6}
    diverging = config(story.path, seed=41, learning=steep)

    with pytest.raises(NasError, match="none of the 2 networks trained in"):
        nas_lib.refresh(diverging, BASE)

    base = SearchStore.open(BASE)
    newest = SearchStore.open(f"{BASE}/{next(steps.fresh._newest_first(base))}")
    assert newest.read(Succession, layout.SUCCESSION).reason == "no_model"
    assert base.newest(layout.IN_USE) == 2


def test_the_model_in_use_is_another_version_beside_the_one_before(story: Story) -> None:
    objects = open_store(BASE)

    graphs = [key for key in objects.keys("model") if key.endswith(".onnx")]
    assert graphs == ["model/toy/1/model.onnx", "model/toy/2/model.onnx"]
    stored = model_in_use(objects)
    assert stored.info.version == 2
    assert stored.read("toy/2/model.onnx") == OpenSearch(story.better.uri).store.objects.get(
        f"models/{verdict(story.better).model}/toy/1/model.onnx"
    )


def test_what_was_stopped_on_the_way_is_made_good(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it was noted whose model is in use; with nothing of it, and as the verdict is noted."""
    search, objects, settle = OpenSearch(story.better.uri), open_store(BASE), SearchStore.settle

    def stopped(store: SearchStore, key: str, record: Any) -> Any:
        if key == layout.SUCCESSION:
            raise KeyboardInterrupt
        return settle(store, key, record)

    search.store.objects.delete(layout.SUCCESSION)
    objects.delete(layout.IN_USE.key(2))
    with monkeypatch.context() as patch:
        patch.setattr(SearchStore, "settle", stopped)
        with pytest.raises(KeyboardInterrupt):
            steps.settle_succession(search)
    assert model_in_use(objects).info.version == 2  # no other step would put it there
    for key in objects.keys("model"):
        objects.delete(key)

    assert not steps.is_settled(search)
    assert steps.settle_succession(search).scores == verdict(story.better).scores
    assert model_in_use(objects).info.version == 2
    assert SearchStore.open(BASE).newest(layout.IN_USE) == 2


def test_who_comes_second_is_compared_with_who_came_first(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, base = OpenSearch(story.first.uri), "memory://raced"
    compared: list[int] = []

    def racing(*arguments: Any) -> Succession:
        _, store, _, _, before = arguments
        compared.append(0 if before is None else 1)
        if before is None:  # another one comes first
            store.append(layout.IN_USE, InUse("other", Succession("first", "final-00000001", 1.0)))
        return Succession("better" if before else "first", "final-00000002", 2.0)

    monkeypatch.setattr(succession, "_verdict", racing)
    agreed = succession._agreed(search, SearchStore.open(base), "mine", None, "final-00000002")

    assert compared == [0, 1]
    assert agreed.reason == "better"
    assert SearchStore.open(base).read(InUse, layout.IN_USE.key(2)).search == "mine"


def test_of_two_that_are_put_in_use_at_once_the_newest_stays(story: Story) -> None:
    base, objects = SearchStore.open(BASE), open_store(BASE)
    for key in objects.keys("model"):
        objects.delete(key)

    def overtaken(store: Any) -> Any:
        """Let the second one be put where the first has just been found to be the newest."""
        patch.undo()
        found = stable.model_in_use(store)
        succession._put_in_use(base)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stable, "model_in_use", overtaken)
        patch.setattr(SearchStore, "newest", lambda *_: 1)
        assert succession._put_in_use(base) == 2

    stored = model_in_use(objects)
    assert stored.info.version == 2
    assert all(stored.read(path) for path in stored.info.files)


def test_validation_images_that_are_always_the_same_are_no_images_that_it_has_not_learned(
    story: Story,
) -> None:
    """Trained on them too in the end, it is compared by its seeds, which were not."""
    found = verdict(story.worse)

    assert (found.is_by_seeds, found.num_examples, found.num_learned) == (True, 45, 0)
    assert len(found.other_scores) == 2
    assert "stand for it" in search_page(story.worse.view)


def test_both_are_judged_by_the_measure_of_the_search(story: Story) -> None:
    data = NewData(OpenSearch(story.better.uri))
    images, labels = data._valid.images, data._valid.labels
    first = open_model(f"{story.first.uri}/models/{verdict(story.first).model}")

    probabilities = first.probabilities(images.permute(0, 2, 3, 1).numpy())
    expected = roc_auc_score(labels, probabilities, multi_class="ovr")
    assert verdict(story.better).other_scores == pytest.approx([expected])
    rows = outcome(story.better.view.finals[0]).winner.rows  # on the same validation images
    assert verdict(story.better).scores == pytest.approx([row.score for row in rows])


def test_what_the_model_in_use_has_learned_says_nothing_of_it(story: Story) -> None:
    data = NewData(OpenSearch(story.better.uri))
    own = OpenSearch(story.better.uri)

    assert len(data.unknown_to(own, with_validation=True)) == 0
    assert len(data.unknown_to(own, with_validation=False)) == 45
    assert len(data.unknown_to(OpenSearch(story.first.uri), with_validation=True)) == 45
    assert [data.is_enough(data.every()[:num]) for num in (29, 30)] == [False, True]
    data._valid.labels[:30] = 1  # of one class alone, AUC says nothing
    assert [data.is_enough(data.every()[:num]) for num in (30, 45)] == [False, True]


def test_a_model_of_other_pictures_cannot_read_these(story: Story) -> None:
    data, info = NewData(OpenSearch(story.better.uri)), model_in_use(open_store(BASE)).info

    assert data.misfit(info) == ""
    coloured = replace(info, inputs=replace(info.inputs, channels=3))
    assert data.misfit(coloured) == "it takes float32 of 3 channels, and they are float32 of 1"


def test_classes_are_the_same_that_are_called_the_same(story: Story) -> None:
    search = OpenSearch(story.better.uri)
    data, stored = NewData(search), model_in_use(open_store(BASE))
    rows = data.every()
    data._scoring = SCORINGS["accuracy"]

    assert data.score_of_model(stored, rows) > 0.9
    data.classes = data.classes[::-1]  # 0 and 2 have changed names; 1 has not
    shares = np.bincount(data._valid.labels.numpy(), minlength=3) / len(data)
    assert data.score_of_model(stored, rows) == pytest.approx(shares[1], abs=0.1)


@pytest.mark.parametrize(
    ("measure", "score"),
    [("accuracy", 0), ("balanced_accuracy", 0), ("macro_f1", 0), ("top_5", 0), ("auc", 0.5)],
)
def test_of_classes_that_it_does_not_know_a_model_says_nothing(
    story: Story, measure: ImageScore, score: float
) -> None:
    data, stored = NewData(OpenSearch(story.better.uri)), model_in_use(open_store(BASE))
    data._scoring, data.classes = SCORINGS[measure], ("a", "b", "c")

    assert data.score_of_model(stored, data.every()) == score


def test_one_that_was_interrupted_is_gone_on_with_and_another_one_is_not(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    wanted = config(story.path, seed=31, learning=BAD)
    with monkeypatch.context() as patch:
        patch.setattr("nas_lib.steps.opened_finals", interrupt)
        with pytest.raises(KeyboardInterrupt):
            nas_lib.refresh(wanted, BASE)
    base = SearchStore.open(BASE)
    interrupted = next(steps.fresh._newest_first(base))

    assert steps.next_search(BASE, wanted) == f"{BASE}/{interrupted}"
    other = wanted.model_copy(update={"seed": 5})
    assert steps.next_search(BASE, other) > f"{BASE}/{interrupted}"
    assert name_of(nas_lib.refresh(wanted, BASE)) == interrupted


@pytest.mark.parametrize("strange", ["20990101000000", "by-hand-in-the-form"])
def test_one_before_that_cannot_be_read_is_passed_over_with_a_word(
    strange: str, story: Story
) -> None:
    told: list[str] = []
    base, wanted = SearchStore.open(BASE), config(story.path, seed=1, learning=BAD)
    store = open_store(f"{BASE}/{strange}")
    store.create(layout.SEARCH, b"{}")
    SearchStore.open(store.uri).settle(layout.FRESH, FreshStart("", created_s=1.0))
    base.append(layout.BEGUN, steps.fresh.Begun(strange, created_s=1.0))

    search = OpenSearch(steps.next_search(BASE, wanted))
    begun = steps.begin_fresh(search, wanted, warn=told.append)
    for key in [key for key in store.keys("") if key != layout.FRESH]:
        store.delete(key)  # it is not there for those that begin after this

    assert begun.search.start_from.search.startswith(f"{BASE}/20")
    (sentence,) = told
    assert sentence.startswith(f"{strange} is passed over, this search begins without its best: ")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"children": {"kind": "own", "evaluate": "searches:product"}},
            "task.kind should be images, and children be trained on them; got children.evaluate",
        ),
        (
            {"search": {"kind": "transfer", "networks": ["x"]}},
            "search.kind should be rounds, got transfer",
        ),
    ],
)
def test_searches_whose_models_cannot_follow_one_another_are_refused(
    cache: Path, changes: dict[str, Any], sentence: str
) -> None:
    document = {"task": {"data": NpzData(path=str(cache / "x.npz"))}, "space": IMAGE_SPACE}

    with pytest.raises(ConfigError, match=sentence):
        nas_lib.refresh(SearchConfig(**document, **changes), "memory://refused")


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("s3://20261130030000", "lies below an address for all of them, got s3://20261130030000"),
        ("s3://nas/[[ScheduledTime]]", "and from its release 2.16 on"),
        ("s3://nas/weekly/model", "model is what all searches on fresh data there have in common"),
    ],
)
def test_a_place_that_is_none_is_refused(uri: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        steps.fresh.place_of(uri)

    assert sentence in str(refused.value)


def test_a_search_is_no_place_for_others(story: Story) -> None:
    wanted = config(story.path, seed=1, learning=BAD)

    with pytest.raises(ConfigError, match="need an address of their own to lie below"):
        nas_lib.refresh(wanted, story.first.uri)
    OpenSearch(f"{BASE}/by-hand").store.settle(
        layout.SEARCH, OpenSearch(story.first.uri).store.find_search()
    )
    with pytest.raises(ConfigError, match="is none on fresh data"):
        steps.begin_fresh(OpenSearch(f"{BASE}/by-hand"), wanted)
