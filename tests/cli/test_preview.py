"""What `nas check` says of a search for language models."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas_lib.cli.preview import preview
from nas_lib.config import (
    EnasRnnSpaceConfig,
    HiddenConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
    TextChildrenConfig,
    TextFilesData,
    TextTaskConfig,
)
from nas_lib.errors import DataError


def config(folder: str) -> SearchConfig:
    return SearchConfig(
        task=TextTaskConfig(data=TextFilesData(path=folder)),
        space=EnasRnnSpaceConfig(nodes=2, child=HiddenConfig(hidden=4)),
        controller=RandomConfig(),
        children=TextChildrenConfig(epochs=2, batch_size=4),
        search=RoundsConfig(max_children=4, children_per_round=2),
    )


def test_a_text_is_read_and_the_training_of_language_models_timed(tmp_path: Path) -> None:
    for part, words in (("train", "a b " * 200), ("valid", "a b a"), ("test", "b c")):
        (tmp_path / f"{part}.txt").write_text(words)

    facts = preview(config(str(tmp_path)))

    # with an <eos> at the end of each; c is not in the training text
    assert "401 training, 4 validation and 3 test words" in facts["data"]
    assert "32 architectures" in facts["space"]  # 4^2 functions x 2! previous nodes
    assert facts["time"].startswith("about 0.")


def test_a_text_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder or an archive, got nothing"):
        preview(config(str(tmp_path / "nowhere")))
