"""Language models from the search to what is used of them: trees, and an LSTM beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from toy_text import text_children, write_toy_text

from nas_lib.config import (
    EnasRnnSpaceConfig,
    FinalConfig,
    LayersConfig,
    NasRnnSpaceConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
    SizeConfig,
    TextFinalConfig,
)
from nas_lib.config.final import points
from nas_lib.engine import SearchHandle, search, train_best, transfer
from nas_lib.open_search import OpenSearch
from nas_lib.report.contenders import full_name
from nas_lib.results.final import Outcome, outcome
from nas_lib.steps import view_search
from nas_lib.store import layout

GRID = {
    "learning_rate": [0.5, 2.0],
    "text.init_range": [0.2],
    "text.output_dropout": [0.1],
    "decay_after": [0, 2],
}


SMALL = SizeConfig(hidden=4)


def config(folder: Path) -> SearchConfig:
    """A search of two trees in two layers, which become about a thousand parameters."""
    children = text_children(
        epochs=1, tied=False, schedule="exponential", decay=0.5, checkpoint_every_s=3600
    )
    return SearchConfig(
        task=write_toy_text(folder),
        space=NasRnnSpaceConfig(base=2, child=LayersConfig(layers=2, parameters=1000)),
        controller=RandomConfig(),
        children=children,
        search=RoundsConfig(max_children=2, children_per_round=2),
        final=FinalConfig(
            top=1, seeds=1, references=("lstm",), grid=GRID, children=TextFinalConfig(epochs=3)
        ),
    )


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make no models, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("nas_lib.steps.export_model", lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SearchHandle:
    """A search whose best network was trained at each point of a grid, beside an LSTM."""
    folder = tmp_path_factory.mktemp("text")
    handle = search(config(folder / "data"), store="memory://trees-to-the-end")
    return train_best(handle.uri)


@pytest.fixture(scope="module")
def outcomes(trained: SearchHandle) -> list[Outcome]:
    """Of what was found, and of the LSTM."""
    return [outcome(view_search(OpenSearch(uri))) for uri in trained.trained]


def test_what_was_found_and_an_lstm_are_trained_at_the_same_points(
    outcomes: list[Outcome],
) -> None:
    for each in outcomes:
        assert [contender.point for contender in each.contenders] == points(GRID)
        assert len({contender.valid.mean for contender in each.contenders}) == 4  # all differ
        assert each.winner is not None
        assert each.winner.tested.mean is not None


def test_the_lstm_has_as_many_layers_and_about_as_many_parameters(outcomes: list[Outcome]) -> None:
    found, lstm = (each.winner for each in outcomes)

    assert found is not None
    assert lstm is not None
    # untied: 2 x 10 words x 10 units, and in each layer 2 leaves of 2 x 10^2
    assert found.network.startswith("2 layers, 10 units | ")
    assert found.rows[0].num_parameters == 2 * 100 + 2 * 400
    # 2 x 10 x 7, and 8 x 7^2 + 4 x 7 in each; with 8 units it were 1,248
    assert lstm.network == "lstm 2 x 7"
    assert lstm.rows[0].num_parameters == 140 + 2 * 420


def test_the_report_shows_both_and_the_test_perplexity_of_the_winner(
    trained: SearchHandle, outcomes: list[Outcome]
) -> None:
    page = OpenSearch(trained.uri).store.objects.get(layout.report(trained.run, "report.html"))
    text = page.decode()

    reading = outcomes[0].reading
    assert reading is not None
    assert f"its test perplexity came to {reading.score:.2f}" in text
    for each in outcomes:
        assert each.winner is not None
        assert full_name(each.winner) in text


@pytest.mark.parametrize("source", ["memory://trees-to-the-end", "enas-rnn"])
def test_recurrent_networks_are_transferred_to_another_text(
    trained: SearchHandle, tmp_path: Path, source: str
) -> None:
    wanted = SearchConfig(
        task=write_toy_text(tmp_path, seed=9),
        space=EnasRnnSpaceConfig(),
        children=text_children(epochs=1),
        final=FinalConfig(
            top=1,
            seeds=1,
            retrain=False,
            references=("lstm",),
            children=TextFinalConfig(epochs=1),
        ),
    )

    handle = transfer(source, wanted, store=f"memory://to-{uuid4().hex}", size=SMALL)

    found, lstm = (outcome(view_search(OpenSearch(uri))).winner for uri in handle.trained)
    assert found is not None
    assert lstm is not None
    assert "4 units | " in found.network
    assert lstm.tested.mean is not None
