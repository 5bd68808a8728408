"""Every network that can be built is exported, and the graph does what torch does."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from exports import image_exporter, text_exporter, translation_exporter
from model_infos import model_info
from toy_models import write_model

from nas_lib.config import (
    CellsConfig,
    CnnSpaceConfig,
    DepthConfig,
    EnasMacroSpaceConfig,
    EnasMicroSpaceConfig,
    EnasRnnSpaceConfig,
    FiltersConfig,
    HiddenConfig,
    LayersConfig,
    NasNetSpaceConfig,
    NasRnnSpaceConfig,
    StackConfig,
    TranslationTrainingConfig,
)
from nas_lib.data.subwords import BEGIN, END
from nas_lib.export.children import opened
from nas_lib.models import TextModel, open_model
from nas_lib.models.info import ONLY
from nas_lib.models.translating import network_of
from nas_lib.spaces import (
    REFERENCES,
    ImageReferencesConfig,
    NasNetPlan,
    SeriesCnnSpaceConfig,
    SeriesReferencesConfig,
    SizeConfig,
    SpaceConfig,
    SpacePart,
    TextReferencesConfig,
    planned,
)
from nas_lib.spaces.nasnet_plan import Combination, NasNetOperation
from nas_lib.tasks.text.trainer import text_loss

FILTERS = FiltersConfig(filters=3)
NASNET = NasNetSpaceConfig(blocks=4, child=StackConfig(cells=1, filters=4))
IMAGES: dict[str, SpacePart] = {
    "layers": CnnSpaceConfig(
        filter_heights=(1, 2), num_filters=(3,), strides=(1, 2), depth=DepthConfig(start=4, max=4)
    ),
    "dense blocks": CnnSpaceConfig(
        num_filters=(3,),
        convs_per_layer=3,
        layer_types=("conv", "max_pool"),
        depth=DepthConfig(start=3, max=3),
    ),
    "layers that may skip": EnasMacroSpaceConfig(layers=4, child=FILTERS),
    "cells": EnasMicroSpaceConfig(nodes=3, child=CellsConfig(cells=3, filters=3)),
    "cells of blocks": NASNET,
    "cells of blocks, large stem": NASNET.at_size(SizeConfig(large_stem=4)),
    "cells that pass on their blocks": NASNET.model_copy(
        update={"output": "states", "combinations": get_args(Combination)}
    ),
    **{
        f"known: {name}": ImageReferencesConfig(networks=(name,))
        for name in REFERENCES["images"]
        if name not in ("resnet-56", "densenet-bc-100-12")  # larger ones of the same
    },
    "along time": SeriesCnnSpaceConfig(pool_layers=(2,), depth=DepthConfig(start=3, max=3)),
    **{f"known: {name}": SeriesReferencesConfig(networks=(name,)) for name in REFERENCES["series"]},
}
SHAPES = {
    "cells of blocks, large stem": (3, 24, 19),
    "cells that pass on their blocks": (3, 13, 16),  # for norms of single images
    "along time": (2, 1, 16),
    **{f"known: {name}": (2, 1, 16) for name in REFERENCES["series"]},
}
TEXTS: dict[str, SpacePart] = {
    "cell": EnasRnnSpaceConfig(nodes=3, child=HiddenConfig(hidden=5)),
    "trees": NasRnnSpaceConfig(base=4, child=LayersConfig(hidden=5)),
    "known: lstm": TextReferencesConfig(hidden=5),
    "known: gru": TextReferencesConfig(networks=("gru",), hidden=5),
    "known: lstm, two layers": TextReferencesConfig(hidden=5, layers=2),
    "known: gru, two layers": TextReferencesConfig(networks=("gru",), hidden=5, layers=2),
}


def some_plan(config: SpacePart, seed: int = 0) -> Any:
    space: Any = planned(config.build())
    rng = np.random.default_rng(seed)
    decisions = space.decisions(space.max_depth)
    tokens = [
        int(rng.integers(each.num_values)) for each in decisions for _ in range(each.num_tokens)
    ]
    return space.plan(tuple(tokens))


def test_no_space_is_forgotten() -> None:
    kinds = {config.kind for config in (*IMAGES.values(), *TEXTS.values())}
    union, *_ = get_args(SpaceConfig)

    assert kinds == {part().kind for part in get_args(union) if part.has_plans}


@pytest.mark.parametrize("name", IMAGES)
def test_a_graph_of_images_gives_the_logits_of_torch(name: str, tmp_path: Path) -> None:
    exporter = image_exporter(tmp_path, some_plan(IMAGES[name]), shape=SHAPES.get(name, (3, 8, 8)))
    graph = opened(exporter.graphs())[ONLY]

    for num in (1, 5):
        images_NHWC = exporter._valid[:num]
        found = graph.run({"images": images_NHWC})["logits"]
        assert found.shape == (num, 3)
        assert np.abs(found - exporter._logits(images_NHWC)).max() < 1e-4


@pytest.mark.parametrize("size", [(6, 6), (7, 5), (3, 4)], ids=str)
def test_a_graph_of_strided_operations_pads_as_torch_does(
    size: tuple[int, int], tmp_path: Path
) -> None:
    """Cells of every operation on both inputs, which a reduction cell halves."""
    blocks = " ".join(f"{name}(0)+{name}(1)" for name in get_args(NasNetOperation))
    plan = NasNetPlan.parse(
        f"1 cells per stage, 2 filters | normal: sep3(0)+sep3(1) | reduction: {blocks}"
    )
    exporter = image_exporter(tmp_path, plan, shape=(3, *size))

    found = opened(exporter.graphs())[ONLY].run({"images": exporter._valid[:2]})["logits"]

    assert np.abs(found - exporter._logits(exporter._valid[:2])).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "tied"), [*((name, True) for name in TEXTS), ("trees", False)], ids=str
)
def test_a_graph_of_text_gives_the_logits_and_states_of_torch(
    name: str, tied: bool, tmp_path: Path
) -> None:
    config = TEXTS[name]
    exporter = text_exporter(tmp_path, some_plan(config), config, tied=tied)
    graph, model = opened(exporter.graphs())[ONLY], exporter._model
    words_TB = torch.arange(6).view(3, 2)
    state_BS = torch.rand(2, exporter.inputs.state_size)

    found = graph.run({"words": words_TB.numpy(), "state": state_BS.numpy()})

    with torch.inference_mode():
        outputs_TBH, next_BS = model(words_TB, state_BS)
        logits_TBV = outputs_TBH @ model.softmax_VH.t()
    np.testing.assert_allclose(found["logits"], logits_TBV, atol=1e-5)
    np.testing.assert_allclose(found["next_state"], next_BS, atol=1e-5)
    np.testing.assert_array_equal(found["states"][-1], found["next_state"])
    assert found["states"].shape == (3, 2, exporter.inputs.state_size)
    assert exporter.misfit(exporter.parity({ONLY: graph})) == ""


@pytest.mark.parametrize("name", ["cell", "trees", "known: lstm", "known: gru"])
def test_graphs_of_a_translator_of_any_cell_do_what_torch_does(name: str, tmp_path: Path) -> None:
    plan = some_plan(TEXTS[name])
    training = TranslationTrainingConfig(layers=3, init_range=1.0)
    exporter = translation_exporter(tmp_path, plan, training=training)
    network, plain = network_of(opened(exporter.graphs()), exporter.inputs), exporter._by_torch()
    rng = np.random.default_rng(0)

    for length in (1, 2, 9):  # of a sentence that has nothing but an end, to a long one
        source_T = np.append(rng.integers(4, len(exporter.labels), length - 1), END)
        target_T = np.insert(source_T, 0, BEGIN)
        np.testing.assert_allclose(network.read(source_T), plain.read(source_T), atol=1e-5)
        for both in zip(
            network.told(source_T, target_T, beam=3),
            plain.told(source_T, target_T, beam=3),
            strict=True,
        ):
            np.testing.assert_allclose(*both, atol=1e-4)


@pytest.mark.parametrize("name", ["trees", "known: lstm, two layers"])
def test_a_model_of_several_layers_predicts_as_torch_does(name: str, tmp_path: Path) -> None:
    config = TEXTS[name]
    exporter = text_exporter(tmp_path, some_plan(config), config, tied=False)
    info = replace(model_info(exporter.inputs), labels=tuple(exporter.labels))
    write_model(str(tmp_path / "model"), "", info, exporter.graphs())
    text = "c d e h f g c f\n" * 30  # ten columns of three pieces

    found = open_model(str(tmp_path / "model"), threads=1)

    assert isinstance(found, TextModel)
    words_N = torch.from_numpy(found.words(text))
    assert found.perplexity(text) == pytest.approx(
        math.exp(text_loss(exporter._model, words_N)), rel=1e-6
    )
