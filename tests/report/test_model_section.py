"""*The model*: what final trainings came to, beside known networks, and how to use it."""

from __future__ import annotations

import ast
import io
import json
import shlex
from dataclasses import replace

import pytest
from browser import Page, page_of
from rich.console import Console
from synthetic import WORDS, final_view, search_view, shared_view

from nas_lib.config import EnasRnnSpaceConfig, ImageReferencesConfig, OwnChildrenConfig
from nas_lib.presets import preset
from nas_lib.report import leaderboard_json, summary_lines, terminal_final, terminal_parts
from nas_lib.report.using import uses
from nas_lib.results import PERPLEXITY, SearchView

KNOWN = ("resnet-20", "plain-cnn", "densenet-bc-100-12")
FOUND = final_view(
    [0.93, 0.94, 0.945],
    [0.90, 0.91, 0.905],
    test=[[0.92, 0.93, 0.935]],  # mean 0.92833
    retrained=0.95,
    names=("r000-000003-01", "r000-000007-02"),
)
REFERENCES = final_view(
    [0.95, 0.96, 0.955],
    [0.80, 0.81, 0.805],
    [0.93, 0.935, 0.94],
    test=[[0.95, 0.955, 0.96], [0.79, 0.80, 0.81], [0.92, 0.93, 0.93]],
    names=KNOWN,
    space=ImageReferencesConfig(networks=KNOWN),
    uri="runs/digits/final/00000002",
)
# variances 0.000025 and 0.0000583: freedom 3.44, t 2.96, half 2.96 x sqrt(0.0000833 / 3) = 0.0156
BETTER = (
    "resnet-20 is better than the found network: mean test accuracy 95.50 % against 92.83 %, a "
    "difference of +2.67 percentage points (+1.11 to +4.23)."
)


def search_with(*finals: SearchView, view: SearchView | None = None) -> SearchView:
    return replace(view or search_view(40), finals=finals)


def printed(view: SearchView, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width)
    for part in terminal_final(view):
        console.print(part, soft_wrap=isinstance(part, str))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def page_with(*finals: SearchView) -> Page:
    return page_of(search_with(*finals))


class TestSentences:
    def test_what_is_better_is_said_first(self) -> None:
        page, text = page_with(FOUND, REFERENCES), printed(search_with(FOUND, REFERENCES))

        section = page.text[page.text.index("The model") :]
        assert section.startswith(f"The model {BETTER}")
        assert text.index(BETTER) < text.index("The final network is")

    def test_a_run_in_a_pod_says_it_too(self) -> None:
        assert BETTER in summary_lines(search_with(FOUND, REFERENCES))

    def test_what_is_worse_or_not_told_apart_is_said_too(self) -> None:
        text = printed(search_with(FOUND, REFERENCES))

        assert "plain-cnn is worse than the found network: mean test accuracy 80.00 %" in text
        assert "densenet-bc-100-12 cannot be told apart from the found network" in text

    def test_a_network_that_is_trained_by_a_recipe_of_its_own_is_named(self) -> None:
        network = REFERENCES.config.search.networks[0]  # type: ignore[union-attr]
        recipes = {network: {"label_smoothing": 0.2}}
        search = REFERENCES.config.search.model_copy(update={"recipes": recipes})
        config = REFERENCES.config.model_copy(update={"search": search})

        text = printed(search_with(FOUND, replace(REFERENCES, config=config)))

        assert (
            "resnet-20 (its own recipe) was trained by other settings than the found network, "
            "which may be all that lies between them."
        ) in text
        assert "other settings" not in printed(search_with(FOUND, REFERENCES))

    def test_the_final_network_has_intervals_over_seeds_and_over_images(self) -> None:
        # s = 0.0076376: 4.3027 x s / sqrt(3) = 0.01897; Wilson of 95 of 100: 0.8882 to 0.9785
        text = printed(search_with(FOUND))

        assert (
            "The final network is r000-000003-01: mean validation accuracy 93.83 \u00b1 1.90 % "
            "over 3 seeds, mean test accuracy 92.83 \u00b1 1.90 %."
        ) in text
        assert (
            "Trained once more, on the validation data too, its test accuracy came to 95.00 % on "
            "100 images (95 % interval over these: 88.82 % to 97.85 %)."
        ) in text

    def test_one_seed_has_no_interval_and_no_verdict(self) -> None:
        resnet = ImageReferencesConfig(networks=KNOWN[:1])
        known = final_view([0.9], test=[[0.9]], names=KNOWN[:1], space=resnet)
        text = printed(search_with(final_view([0.8], test=[[0.8]], names=["a"]), known))

        assert "mean validation accuracy 80.00 % over 1 seed, mean test accuracy 80.00 %." in text
        said = "mean test accuracy 90.00 % against 80.00 %; fewer than two seeds say nothing more"
        assert said in text
        assert "\u00b1" not in text

    def test_while_it_goes_on_it_says_how_far_it_is(self) -> None:
        view = final_view([0.6, 0.9], [0.5, 0.5], names=("a", "b"), done=False)

        text = printed(search_with(view))

        assert "Final training: 2 of 4 trainings done; the best so far is a, mean" in text
        assert "The final network" not in text

    def test_one_that_is_only_begun_does_not_hide_what_another_came_to(self) -> None:
        begun = final_view([0.6, 0.9], [0.5, 0.5], done=False, uri="runs/digits/final/00000003")
        view = search_with(FOUND, begun)

        text = printed(view)

        assert "The final network is r000-000003-01: mean validation accuracy 93.83" in text
        line = "Begun since then, in runs/digits/final/00000003: Final training: 2 of 4 trainings"
        assert line in text
        assert line in page_of(view).text

    def test_perplexities_are_no_percentages_and_the_lower_is_better(self) -> None:
        resnet = ImageReferencesConfig(networks=KNOWN[:1])  # stands for one of texts
        ours = final_view([95, 96], test=[[97, 98]], retrained=94, names=["a"], measure=PERPLEXITY)
        theirs = final_view(
            [75, 76], test=[[77, 78]], names=KNOWN[:1], space=resnet, measure=PERPLEXITY
        )
        view = replace(
            shared_view(space=EnasRnnSpaceConfig()),
            finals=tuple(replace(each, data=WORDS) for each in (ours, theirs)),
        )

        text = printed(view)

        assert "its test perplexity came to 94 on 100 words." in text
        assert "resnet-20 is better than the found network: mean test perplexity 77.5" in text
        assert "%" not in text


class TestTables:
    def test_known_networks_stand_beside_the_found_one_with_what_they_cost(self) -> None:
        lines = printed(search_with(FOUND, REFERENCES)).splitlines()

        (known,) = [line.split() for line in lines if line.strip().startswith("resnet-20  ")]
        assert known == [
            *("resnet-20", "95.50", "\u00b1", "1.24", "%", "95.50", "\u00b1", "1.24", "%"),
            *("1.00k", "0.25", "better"),
        ]

    def test_a_network_is_as_fast_as_what_was_measured_of_its_architecture(self) -> None:
        (again, *_) = [child for child in FOUND.speeds if child == FOUND.retrained]
        final = replace(FOUND, speeds={again: FOUND.speeds[again]})
        networks = leaderboard_json(search_with(final), 1)["model"]["final"]["networks"]
        assert networks[0]["milliseconds"] == 0.25

        final = replace(FOUND, speeds={})
        networks = leaderboard_json(search_with(final), 1)["model"]["final"]["networks"]
        assert networks[0]["milliseconds"] is None

    @pytest.mark.parametrize("width", [80, 160])
    def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(self, width: int) -> None:
        tables = list(terminal_final(search_with(FOUND, REFERENCES)))[:1]
        console = Console(file=io.StringIO(), width=width)
        console.print(*tables)
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()

        assert max(map(len, text.splitlines())) <= width
        assert "\N{HORIZONTAL ELLIPSIS}" not in text

    def test_what_the_grid_came_to_is_on_the_page(self) -> None:
        grid = {"learning_rate": [0.1, 0.05], "dropout": [0.0]}
        page = page_with(final_view([0.7, 0.7], [0.9, 0.9], names=["a"], grid=grid))

        at = page.texts.index("What the grid came to")
        assert "a (learning_rate 0.05, dropout 0)" in page.texts[at:]
        assert "a (learning_rate 0.1, dropout 0)" in page.texts[at:]

    def test_a_best_point_at_an_end_of_the_grid_is_told(self) -> None:
        grid = {"learning_rate": [0.1, 0.05, 0.2]}
        page = page_with(final_view([0.7, 0.7], [0.8, 0.8], [0.9, 0.9], names=["a"], grid=grid))

        assert (
            "The best learning_rate is the first or last that was tried, so one beyond it may be "
            "better: a 0.2; see final.grid." in page.texts
        )

    def test_json_has_all_of_it(self) -> None:
        form = leaderboard_json(search_with(FOUND, REFERENCES), 1)

        assert json.loads(json.dumps(form)) == form
        model = form["model"]
        assert model["final"]["winner"] == "r000-000003-01"
        assert model["final"]["test_score"] == 0.95
        assert model["final"]["networks"][0]["validation"]["scores"] == [0.93, 0.94, 0.945]
        assert [(each["name"], each["verdict"]) for each in model["verdicts"]] == [
            ("resnet-20", "better"),
            ("densenet-bc-100-12", "not told apart"),
            ("plain-cnn", "worse"),
        ]

    def test_a_search_without_any_has_no_model_in_json(self) -> None:
        assert "model" not in leaderboard_json(search_view(8), 1)


class TestPage:
    def test_learning_curves_have_a_line_for_each_network(self) -> None:
        page = page_with(FOUND, REFERENCES)

        titles = [text for text in page.texts if text.startswith("validation accuracy, % over ep")]
        assert titles == [
            "validation accuracy, % over epoch: r000-000003-01, r000-000007-02",
            "validation accuracy, % over epoch: found: r000-000003-01, resnet-20, "
            "densenet-bc-100-12, plain-cnn",
            "validation accuracy, % over epoch: validation accuracy",  # of the best seed alone
        ]

    def test_the_test_score_at_the_top_is_that_of_the_final_network(self) -> None:
        text = page_with(FOUND).text
        assert "Test accuracy 95.00 % the final network, 100 images" in text

    def test_what_final_numbers_mean_is_explained_where_there_are_any(self) -> None:
        assert "The interval over seeds (Student's t, 95 %)" in page_with(FOUND).text
        assert "The interval over seeds" not in page_of(search_view(8)).text

    def test_before_a_final_training_it_says_how_to_get_one(self) -> None:
        page = page_of(search_view(8))
        assert "nas train runs/digits --references" in page.text
        assert "nas export runs/digits -o digits-model" in page.text

        (line,) = terminal_final(search_view(8))
        assert line == "Train the best of them at length: nas train runs/digits"
        assert line in list(terminal_parts(search_view(8), 3))

    def test_an_unfinished_search_is_to_be_finished_first(self) -> None:
        view = search_view(8, finished=False)
        assert "Once it is finished, train the best" in page_of(view).text
        assert list(terminal_final(view)) == []

    def test_where_others_judge_there_is_no_network_to_use(self) -> None:
        view = search_view(8)
        config = view.config.model_copy(
            update={
                "children": OwnChildrenConfig(evaluate="mine:score"),
                "final": view.config.final.model_copy(update={"children": None}),
            }
        )
        assert "The model" not in page_of(replace(view, config=config)).texts

    def test_a_search_with_nothing_trained_tells_no_use_of_it(self) -> None:
        assert "How to use this network" not in page_of(replace(search_view(8), rows=())).texts


class TestFinalPage:
    """The page of a final training itself."""

    def test_it_ranks_all_networks_by_their_means(self) -> None:
        page = page_of(FOUND)

        assert "Final training of what a search found" in page.text
        names = [text for text in page.texts if text.startswith("r000-00000") and len(text) == 14]
        assert names[0] == "r000-000000-02"  # the best seed stands for the network
        assert "the same, all data" in page.texts
        assert "Seed by seed" in page.texts
        assert "The model" not in page.texts

    def test_what_has_learned_validation_data_shows_no_score_on_them(self) -> None:
        page = page_of(FOUND)
        at = page.texts.index("All 7 children")
        row = page.texts[page.texts.index("r000-000001-00", at) :][:2]
        assert row == ["r000-000001-00", "-"]

    def test_known_networks_are_called_so(self) -> None:
        assert "Known networks, trained beside what a search found" in page_of(REFERENCES).text

    def test_its_state_is_the_best_mean_and_no_child(self) -> None:
        assert summary_lines(FOUND)[0] == (
            "digits: 7 of 7 trainings, best mean validation accuracy 93.83 \u00b1 1.90 % "
            "(r000-000003-01), finished"
        )
        assert leaderboard_json(FOUND, 1)["final"]["winner"] == "r000-000003-01"


class TestUses:
    def test_addresses_are_quoted_for_a_shell_and_for_python(self) -> None:
        view = replace(search_view(8), uri="s3://bucket/it's mine")

        for use in uses(view):
            if use.code.startswith("nas "):
                for line in use.code.splitlines():
                    words = shlex.split(line)
                    assert words[2] == "s3://bucket/it's mine", line
            else:
                ast.parse(use.code)

    def test_where_the_data_were_numbers_an_array_is_predicted_and_no_picture(self) -> None:
        view = search_view(8)
        assert view.data is not None
        view = replace(view, data=replace(view.data, dtype="float32"))

        codes = " ".join(use.code for use in uses(view))

        assert "nas predict runs/digits images.npy" in codes
        assert "picture" not in codes

    def test_the_torch_module_is_the_one_that_was_trained_in_the_end(self) -> None:
        codes = " ".join(use.code for use in uses(search_with(FOUND)))
        assert f"nas_lib.open('{FOUND.uri}').best.network()" in codes
        assert "nas_lib.open('runs/digits').model()" in codes

    def test_texts_are_told_of_texts(self) -> None:
        codes = " ".join(use.code for use in uses(shared_view(space=EnasRnnSpaceConfig())))

        assert "text.txt" in codes
        assert "picture" not in codes

    def test_translators_are_asked_for_sentences_and_not_served(self) -> None:
        view = replace(search_view(8), config=preset("translation"))

        codes = " ".join(use.code for use in uses(view))

        assert "nas predict runs/digits sentences.txt" in codes
        assert 'model.translate("A sentence.").text' in codes
        assert "nas serve" not in codes
