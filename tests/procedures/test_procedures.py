"""The table of procedures, and what each says of itself without a search."""

from __future__ import annotations

import pytest
from searches import SMALL_SHARED, tabular

from nas_lib.cluster.package import pipeline_of
from nas_lib.config import SearchConfig
from nas_lib.config.procedures import PROCEDURES
from nas_lib.config_file import resolve_config
from nas_lib.errors import ConfigError
from nas_lib.named_objects import imported
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Procedure, Stage, pipeline_forms, procedure_of
from nas_lib.report.reporter import Reporter
from nas_lib.steps import prepare_data, sample_architectures


def shared() -> SearchConfig:
    config = resolve_config("enas-macro-digits", SMALL_SHARED, stored=None)
    assert config is not None
    return config


def test_every_kind_of_search_has_a_procedure_and_a_reporter() -> None:
    for settings in PROCEDURES.values():
        assert issubclass(imported(settings.procedure), Procedure)
        assert issubclass(imported(settings.reporter), Reporter)


def test_forms_do_not_share_a_name_or_a_field_of_runs() -> None:
    forms = pipeline_forms()

    assert len({form.name for form in forms}) == len(forms)
    assert len({form.per_run for form in forms}) == len(forms)


def test_rounds_have_the_budget_and_are_chosen_from() -> None:
    procedure = procedure_of(tabular(replicas=2))

    assert (procedure.num_children, procedure.children_per_round) == (24, 4)
    assert procedure.num_rounds == 3  # 24 children / (4 a round x 2 replicas)
    procedure.check_choice(rounds=True, replicas=True)


def test_shared_weights_have_one_round_and_no_choice() -> None:
    procedure = procedure_of(shared())

    assert (procedure.num_children, procedure.children_per_round) == (2, 2)  # one kept, one probe
    assert procedure.num_rounds == 1
    with pytest.raises(ConfigError, match="neither rounds nor replicas"):
        procedure.check_choice(rounds=False, replicas=True)


def test_a_run_of_rounds_counts_children(tabular_uri: str) -> None:
    search = OpenSearch(tabular_uri)

    assert procedure_of(search.config).stages(search, 6) == (Stage("children", total=24),)


def test_a_run_of_shared_weights_counts_epochs_and_then_children(shared_uri: str) -> None:
    search = OpenSearch(shared_uri)

    epochs, children = procedure_of(search.config).stages(search, 1)

    assert (epochs.unit, epochs.done, epochs.total) == ("epochs", 0, 2)
    assert (children.unit, children.done, children.total) == ("children", 0, 2)


def test_a_step_of_another_procedure_names_the_right_pipeline(shared_uri: str) -> None:
    with pytest.raises(ConfigError, match="the pipeline for it is enas-search"):
        sample_architectures(OpenSearch(shared_uri), replica=0, run="run")


def test_a_search_that_is_prepared_has_a_preview(tabular_uri: str) -> None:
    search = OpenSearch(tabular_uri)
    prepare_data(search, config=tabular(replicas=1))

    preview = procedure_of(search.config).preview(search)

    assert preview.facts["budget"] == "24 children: 1 replica(s) x 6 rounds x 4"
    assert (preview.before, preview.before_s) == ("", 0.0)


def test_so_many_children_at_once_need_jobs() -> None:
    assert pipeline_of(tabular(max_children=64, children_per_round=32)) == "nas-search"
    assert pipeline_of(tabular(max_children=64, children_per_round=33)) == "nas-search-jobs"
    assert pipeline_of(shared()) == "enas-search"
