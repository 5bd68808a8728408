from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from searches import tabular

import nas_lib
from nas_lib import Architecture, ChoiceSpace, SearchConfig
from nas_lib.config import ReinforceConfig
from nas_lib.errors import ConfigError
from nas_lib.presets import PRESETS
from nas_lib.spaces import EnasMacroSpaceConfig

_LINE = 110  # characters


@pytest.mark.parametrize(
    "package",
    ["nas_lib", "nas_lib.config", "nas_lib.presets", "nas_lib.results", "nas_lib.spaces"],
)
def test_dir_shows_the_public_names_and_each_is_there(package: str) -> None:
    module = importlib.import_module(package)
    shown = {name for name in dir(module) if not name.startswith("_")}

    assert shown == {*module.__all__}
    assert all(getattr(module, name) is not None for name in shown)


def test_completion_offers_the_public_names_and_loads_no_torch() -> None:
    completed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import nas_lib, rlcompleter, sys; completer = rlcompleter.Completer(vars())\n"
            "num = len(nas_lib.__all__)\n"
            "print(*(completer.complete('nas_lib.', n).strip('()') for n in range(num)))\n"
            "assert completer.complete('nas_lib.', num) is None and 'torch' not in sys.modules",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert completed.stdout.split() == [f"nas_lib.{name}" for name in sorted(nas_lib.__all__)]


def test_an_architecture_is_a_line_however_long_it_is() -> None:
    text = " | ".join(["conv 3x3x24/1x1 <- image"] * 40)

    assert repr(Architecture("cnn", (1,) * 200, text)) == (
        "Architecture(cnn: conv 3x3x24/1x1 <- image | conv 3x3x2...)"
    )
    assert repr(Architecture("choices", (0,), "op=pool")) == "Architecture(choices: op=pool)"


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_is_a_line(name: str) -> None:
    shown = repr(nas_lib.preset(name))

    assert shown.startswith(f"SearchConfig(name={name!r}, space=")
    assert len(shown) <= _LINE


def test_settings_show_what_is_not_as_it_would_be_anyway() -> None:
    assert repr(EnasMacroSpaceConfig()) == "EnasMacroSpaceConfig()"
    assert repr(EnasMacroSpaceConfig(layers=6)) == "EnasMacroSpaceConfig(layers=6)"
    config = ReinforceConfig(learning_rate=0.02)
    assert eval(repr(config)) == config


def test_a_search_and_what_it_found_are_a_line_each() -> None:
    space = ChoiceSpace(op=["conv", "pool"], width=range(1000))
    handle = nas_lib.search(
        tabular(max_children=8), store="memory://line", space=space, evaluate=lambda _: 0.5
    )

    assert repr(space) == "ChoiceSpace(op=['conv', 'pool'], width=[0, 1, 2, 3, 4, 5, ...])"
    assert repr(handle) == "SearchHandle('memory://line', 8 children, best r000-000000-00)"
    assert repr(handle.view) == "SearchView('memory://line', 8 children)"
    assert repr(handle.best).startswith("FoundChild(r000-000000-00 ok, reward 0.5000, Archi")
    shown = (*handle.children, *handle.leaderboard(), space)
    assert max(len(repr(each)) for each in shown) <= _LINE


def test_the_best_child_is_the_one_in_the_table() -> None:
    handle = nas_lib.search(
        tabular(max_children=4),
        store="memory://best",
        space=ChoiceSpace(op=range(9)),
        evaluate=lambda _: 0.5,
    )
    best = handle.best

    assert best is not None
    assert best == handle.children[0]
    assert handle.children[0] == best == handle.leaderboard()[0]
    assert best != handle.children[1]
    assert best in set(handle.children)
    for asked in (best.network, handle.model):
        with pytest.raises(ConfigError, match="trains nothing here: its children are judged by"):
            asked()


def test_reopening_what_is_no_search_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        nas_lib.open(tmp_path)

    assert str(error.value) == f"there is no search at {tmp_path}"
    assert not list(tmp_path.iterdir())


def test_a_search_lies_where_a_text_or_a_path_says(tmp_path: Path) -> None:
    for place in (tmp_path / "a", str(tmp_path / "b")):
        handle = nas_lib.search(
            tabular(max_children=4),
            store=place,
            space=ChoiceSpace(op=range(9)),
            evaluate=lambda _: 0.5,
        )
        assert handle.uri == str(place)


def test_what_is_no_configuration_is_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match=r"needs a SearchConfig, such as .*, got \"digits\"$"):
        nas_lib.search("digits")  # type: ignore[arg-type]


def test_what_nobody_exports_is_no_attribute() -> None:
    assert isinstance(nas_lib.SearchConfig(), SearchConfig)
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        nas_lib.serach  # type: ignore[attr-defined]  # noqa: B018
