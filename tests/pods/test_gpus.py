"""Who asks for GPUs and gets none is told at once, in a pod; a laptop may do without them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from kfp_nas.components.derive_architectures import derive_architectures
from kfp_nas.components.train_child import train_child
from kfp_nas.components.train_children import train_children
from kfp_nas.components.train_shared_weights import train_shared_weights
from logged_metrics import LoggedMetrics
from searches import SMALL_DIGITS, SMALL_SHARED, tabular

import nas_lib
from nas_lib import steps
from nas_lib.cli.commands import cli
from nas_lib.config import ResourcesConfig, SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.open_search import OpenSearch
from nas_lib.store import SearchStore

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")

GPUS = {"resources.gpu_count": 2}
FIRST = "r000-000000-00"
SENTENCE = (
    f"nas: resources.gpu_count is 2, but torch {torch.__version__} of this image is built without "
    "CUDA: build the image with TORCH=cuda"
)


@pytest.fixture(autouse=True)
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)


def digits(**overrides: object) -> SearchConfig:
    config = resolve_config("digits", {**SMALL_DIGITS, **GPUS, **overrides}, stored=None)
    assert config is not None
    return config


def sampled(folder: Path, config: SearchConfig) -> str:
    """Return a search whose first round is about to be trained."""
    uri = str(folder / "state")
    steps.prepare_data(OpenSearch(uri), config=config)
    steps.sample_architectures(OpenSearch(uri), replica=0, run="run")
    return uri


@pytest.mark.parametrize("device", ["auto", "cuda"])
@pytest.mark.parametrize(
    ("train", "subject"),
    [
        (lambda uri: train_child.python_func(uri, FIRST, "run"), FIRST),
        (
            lambda uri: train_children.python_func(uri, [FIRST], "run"),
            "round 1 (r000-000000)",
        ),
        (lambda uri: cli.commands["train-child"].callback(uri, FIRST, "run"), FIRST),
    ],
    ids=["task", "pod", "job"],
)
def test_a_child_that_should_have_a_gpu_is_not_trained_on_a_cpu(
    tmp_path: Path, train: Callable[[str], object], subject: str, device: str
) -> None:
    uri = sampled(tmp_path, digits(**{"children.device": device}))

    with pytest.raises(SystemExit, match=f"^{re.escape(SENTENCE)}$"):
        train(uri)

    store = SearchStore.open(uri)
    (problem,) = store.problems()
    assert problem.message == f"{subject}: {SENTENCE.removeprefix('nas: ')}"
    assert list(store.objects.keys("children")) == []  # nor has it begun an attempt


@pytest.mark.parametrize(
    "step",
    [
        lambda uri: train_shared_weights.python_func(uri, "run", LoggedMetrics()),
        lambda uri: derive_architectures.python_func(uri, "run"),
    ],
    ids=["train", "derive"],
)
def test_nor_are_shared_weights(tmp_path: Path, step: Callable[[str], object]) -> None:
    uri = str(tmp_path / "state")
    overrides = {**SMALL_SHARED, **GPUS}
    steps.prepare_data(
        OpenSearch(uri), config=resolve_config("enas-macro-digits", overrides, stored=None)
    )

    with pytest.raises(SystemExit, match=f"^{re.escape(SENTENCE)}$"):
        step(uri)


def test_children_that_are_to_compute_on_cpus_may_do_so_beside_a_gpu(tmp_path: Path) -> None:
    asked = tabular().model_copy(update={"resources": ResourcesConfig(gpu_count=2)})

    assert train_child.python_func(sampled(tmp_path, asked), FIRST, "run") > 0


def test_a_laptop_goes_on_without_gpus(tmp_path: Path) -> None:
    config = digits(**{"search.max_children": 1, "search.children_per_round": 1})
    uri = sampled(tmp_path, config)

    (row,) = nas_lib.search(config, store=uri, workers=1).view.rows

    assert row.status == "ok"
