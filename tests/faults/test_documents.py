"""Whatever a document holds: it is a search, or it is refused in sentences, at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from odd_documents import documents, overrides, pipeline_overrides, texts
from tally import Tally

from nas_lib.config import SearchConfig
from nas_lib.config_file import (
    apply_overrides,
    as_preset,
    identity,
    parse_config,
    resolve_config,
    to_yaml,
)
from nas_lib.errors import ConfigError, visible
from nas_lib.presets import preset
from nas_lib.yaml_text import parse_yaml

SOURCE = "search.yaml"
MOST_S = 2.0  # of a CPU, for one of them
NUM = [
    pytest.param(150, id="some"),
    pytest.param(25_000, id="many", marks=[pytest.mark.faults, pytest.mark.timeout(3600)]),
]


def read_text(text: str) -> SearchConfig:
    return parse_config(parse_yaml(text, source=SOURCE), source=SOURCE)


def read_overrides(given: tuple[str, list[str]]) -> SearchConfig:
    name, changes = given
    document = preset(name).model_dump(mode="json")
    return parse_config(apply_overrides(document, changes), source=SOURCE)


def read_document(document: Any) -> SearchConfig:
    return parse_config(document, source=SOURCE)


def read_pipeline_overrides(given: tuple[str, Any]) -> SearchConfig:
    config = resolve_config(*given, stored=None)
    assert config is not None
    return config


FORMS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], SearchConfig]]] = {
    "documents in files": (texts(), read_text),
    "overrides": (overrides(), read_overrides),
    "documents of programs": (documents(), read_document),
    "overrides of pipelines": (pipeline_overrides(), read_pipeline_overrides),
}


@pytest.mark.parametrize("num", NUM)
@pytest.mark.parametrize("form", FORMS)
def test_a_document_is_a_search_or_refused_in_sentences(tally: Tally, form: str, num: int) -> None:
    strategy, read = FORMS[form]

    @settings(
        max_examples=num,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(strategy)
    def check(document: Any) -> None:
        started_s = time.process_time()
        try:
            config = read(document)
        except ConfigError as err:
            check_sentences(str(err))
            tally.documents[f"{form}, refused"] += 1
        else:
            check_taken(config)
            tally.documents[f"{form}, taken"] += 1
        assert time.process_time() - started_s < MOST_S

    check()


def check_sentences(said: str) -> None:
    """Refuse what nobody should have to read."""
    lines = said.split("\n")
    assert len(lines) <= 22
    for line in lines:
        assert visible(line) == line
        assert len(line) <= 1000
        assert "Input should" not in line, "words of pydantic's"
        assert "should be Unable" not in line


def check_taken(config: SearchConfig) -> None:
    """Read it again from what would be written of it."""
    written = to_yaml(config)
    assert written.isascii()
    assert read_text(written) == config
    if identity(config, "data")[0] == "0":  # one of 16: it compares with all presets
        name, changes = as_preset(config)
        through_kubeflow = json.loads(json.dumps(changes), parse_int=float)
        assert resolve_config(name, through_kubeflow, stored=None) == config
