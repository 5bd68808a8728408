"""Cells of language models become those of translators: transferred, trained, tested, reported."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from parallel import parallel_task, write_parallel
from toy_text import text_children, write_toy_text

from nas_lib.config import (
    EnasRnnSpaceConfig,
    FinalConfig,
    HiddenConfig,
    LayersConfig,
    NasRnnSpaceConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
    SizeConfig,
    TranslationChildrenConfig,
    TranslationFinalConfig,
    TranslationTaskConfig,
)
from nas_lib.engine import SearchHandle, search, train_best, transfer
from nas_lib.open_search import OpenSearch
from nas_lib.results.final import Outcome, outcome
from nas_lib.steps import view_search
from nas_lib.store import layout

SMALL = SizeConfig(parameters=12_000)


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make no models, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("nas_lib.steps.export_model", lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> TranslationTaskConfig:
    return parallel_task(write_parallel(tmp_path_factory.mktemp("pairs") / "pairs.tsv", 200))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A search that found a cell for a text."""
    config = SearchConfig(
        task=write_toy_text(tmp_path_factory.mktemp("text")),
        space=NasRnnSpaceConfig(base=2, child=LayersConfig(layers=1, hidden=8)),
        controller=RandomConfig(),
        children=text_children(epochs=1),
        search=RoundsConfig(max_children=2, children_per_round=2),
    )
    return search(config, store="memory://cells-for-translators").uri


def document(task: TranslationTaskConfig, **final: object) -> SearchConfig:
    return SearchConfig(
        task=task,
        space=EnasRnnSpaceConfig(nodes=2, child=HiddenConfig(hidden=8)),
        children=TranslationChildrenConfig(epochs=1),
        final=FinalConfig(
            **{
                "top": 1,
                "seeds": 1,
                "references": ("lstm", "gru"),
                "children": TranslationFinalConfig(epochs=1),
                **final,
            }
        ),
    )


@pytest.fixture(scope="module")
def transferred(found: str, task: TranslationTaskConfig) -> SearchHandle:
    wanted = document(task)
    return transfer(found, wanted, store="memory://translators", size=SMALL, workers=1)


@pytest.fixture(scope="module")
def outcomes(transferred: SearchHandle) -> list[Outcome]:
    return [outcome(view_search(OpenSearch(uri))) for uri in transferred.trained]


def test_a_found_cell_an_lstm_and_a_gru_translate_with_about_as_many_parameters(
    outcomes: list[Outcome],
) -> None:
    trees, beside = outcomes
    contenders = [*trees.contenders, *beside.contenders]

    assert [each.network.partition(" ")[0] for each in contenders] == ["1", "lstm", "gru"]
    for contender in contenders:
        assert len(contender.valid.scores) == 1
        assert len({row.num_parameters for row in contender.rows}) == 1
        assert contender.rows[0].num_parameters == pytest.approx(12_000, rel=0.1)


def test_each_has_bleu_and_chrf_of_the_test_and_sentences_beside_their_references(
    outcomes: list[Outcome],
) -> None:
    for each in outcomes:
        for contender in each.contenders:
            for reading in contender.test:
                assert {metric.name for metric in reading.metrics} >= {"BLEU", "chrF"}
                assert reading.samples
                assert reading.samples[0].wanted


def test_the_report_shows_the_measures_and_sentences(transferred: SearchHandle) -> None:
    page = OpenSearch(transferred.uri).store.objects.get(
        layout.report(transferred.run, "report.html")
    )
    text = page.decode()

    assert "BLEU" in text
    assert "chrF" in text
    assert "gru" in text


def test_a_published_cell_is_a_source_too(task: TranslationTaskConfig) -> None:
    wanted = document(task, references=(), retrain=False)

    handle = transfer("nas-cell", wanted, store="memory://published-translator", size=SMALL)

    (final,) = [outcome(view_search(OpenSearch(uri))) for uri in handle.trained]
    assert final.winner is not None
    assert final.winner.origin == "nas-cell"
    assert final.winner.tested.mean is not None


def test_cells_are_searched_for_by_small_translators(task: TranslationTaskConfig) -> None:
    config = document(task, references=(), retrain=False).model_copy(
        update={
            "controller": RandomConfig(),
            "search": RoundsConfig(max_children=2, children_per_round=2, confirm=None),
        }
    )

    handle = search(config, store="memory://search-of-translators", workers=1)
    trained = train_best(handle.uri, workers=1)

    assert handle.best is not None
    assert [row.status for row in handle.children] == ["ok", "ok"]
    (final,) = [outcome(view_search(OpenSearch(uri))) for uri in trained.trained]
    assert final.winner is not None
    assert final.winner.tested.mean is not None
