"""Networks that have seen a little, with the data that they are exported with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from faulty_store import run_here
from parallel import parallel_task, write_parallel
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from toy_text import TEXT, TEXT_MANIFEST, text_children

from nas_lib.config import (
    EnasRnnSpaceConfig,
    FinalConfig,
    ImageTaskConfig,
    RandomConfig,
    SearchConfig,
    TextTaskConfig,
    TranslationChildrenConfig,
    TranslationTrainingConfig,
)
from nas_lib.config_file import parse_config
from nas_lib.data import BlobInfo, LocalData
from nas_lib.data.allowance import Allowance
from nas_lib.engine.loop import Engine
from nas_lib.engine.workers import this_process
from nas_lib.export.images import ImageExporter
from nas_lib.export.texts import TextExporter
from nas_lib.export.translations import TranslationExporter
from nas_lib.networks import build_language_model, build_network
from nas_lib.networks.translator import Translator
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener
from nas_lib.spaces import Plan, SpacePart
from nas_lib.steps.train_best import opened_finals
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.text.preparation import TextManifest
from nas_lib.tasks.text.raw import END, UNKNOWN
from nas_lib.tasks.translation.preparation import TranslationManifest, prepare_translation

CLASSES = ("cat", "dog", "caf\u00e9")
NUM_VALID = 40


def image_exporter(
    folder: Path,
    plan: Plan,
    *,
    shape: tuple[int, int, int] = (3, 8, 8),
    dtype: str = "uint8",
    task: ImageTaskConfig = ImageTaskConfig(),  # noqa: B008
) -> ImageExporter:
    """Return the exporter of a network that has seen a batch of smooth images."""
    torch.manual_seed(0)
    images_NCHW = smooth_images(NUM_VALID, shape)
    if dtype == "float32":
        images_NCHW = images_NCHW / 100 - 1
    images_NCHW = images_NCHW.to(getattr(torch, dtype))
    labels_N = torch.zeros(NUM_VALID, dtype=torch.int64)
    parts = {f"{part}_images": images_NCHW.clone() for part in ("train", "valid")}
    parts |= {f"{part}_labels": labels_N.clone() for part in ("train", "valid")}
    blob = folder / "images.safetensors"
    save_file(parts, blob)
    manifest = ImageManifest(
        content_hash="toy",
        source="toy",
        num_train=NUM_VALID,
        num_valid=NUM_VALID,
        num_test=0,
        search_blob=BlobInfo.of(b""),
        test_blob=BlobInfo.of(b""),
        class_names=CLASSES,
        image_shape=shape,
        dtype=dtype,  # type: ignore[arg-type]
        mean=(0.4,) * shape[0],
        std=(0.2,) * shape[0],
    )
    network = build_network(plan, image_shape=shape, num_classes=len(CLASSES))
    network.train()
    with torch.no_grad():  # so that BatchNorm's averages are not those it begins with
        network(torch.randn(8, *shape))
    config = SearchConfig(name="toy", task=task)
    return ImageExporter(network.eval(), manifest, LocalData(blob), config)


def smooth_images(num: int, shape: tuple[int, int, int]) -> torch.Tensor:
    """Return images from 0 to 255 whose pixels are like those beside them."""
    small = torch.from_numpy(np.random.default_rng(1).uniform(0, 255, (num, shape[0], 3, 3)))
    return nn.functional.interpolate(small, shape[1:], mode="bilinear").round()


def text_exporter(folder: Path, plan: Plan, space: SpacePart, *, tied: bool = True) -> TextExporter:
    """Return the exporter of a language model with weights that nobody trained."""
    torch.manual_seed(0)
    blob = folder / "text.safetensors"
    save_file({"train": TEXT.train, "valid": TEXT.valid}, blob)
    words = (UNKNOWN, END, *TEXT_MANIFEST.words[2:])
    fields = {name: getattr(TEXT_MANIFEST, name) for name in TextManifest.__dataclass_fields__}
    manifest = TextManifest(**{**fields, "words": words})
    children = text_children(tied=tied)
    model = build_language_model(plan, num_words=len(words), training=children.text)
    config = SearchConfig(
        name="toy",
        task=TextTaskConfig(),
        space=space,
        controller=RandomConfig(),
        children=children,
    )
    return TextExporter(model.eval(), manifest, LocalData(blob), config)


def translation_exporter(
    folder: Path, plan: Plan, *, training: TranslationTrainingConfig
) -> TranslationExporter:
    """Return the exporter of a translator with weights that nobody trained."""
    torch.manual_seed(0)
    task = parallel_task(write_parallel(folder / "pairs.tsv"))
    prepared = prepare_translation(task, Allowance(2**30))
    assert isinstance(prepared.manifest, TranslationManifest)
    blob = folder / "pairs.safetensors"
    blob.write_bytes(prepared.search_blob)
    num_subwords = prepared.manifest.num_subwords
    network = Translator(plan, num_subwords=num_subwords, training=training)
    config = SearchConfig(
        name="toy",
        task=task,
        space=EnasRnnSpaceConfig(),
        controller=RandomConfig(),
        children=TranslationChildrenConfig(translation=training),
    )
    return TranslationExporter(network.eval(), prepared.manifest, LocalData(blob), config)


SMALL: dict[str, Any] = {
    "name": "shapes",
    "space": {"kind": "cnn", "filter_heights": [3], "filter_widths": [3], "num_filters": [4],
              "depth": {"start": 1, "max": 1}, "strides": [1, 2]},
    "controller": {"kind": "random"},
    "children": {"epochs": 2, "batch_size": 8, "learning_rate": 0.05, "keep": 1},
    "search": {"max_children": 2, "children_per_round": 2},
    "final": {"top": 1, "seeds": 2, "children": {"kind": "images", "epochs": 2}},
}  # fmt: skip
"""A search for pictures in two classes: two children of a moment each."""


def write_pictures(folder: Path, *, num: int = 25) -> Path:
    """Write pictures of horizontal and of vertical stripes, of different sizes."""
    rng = np.random.default_rng(3)
    for label in ("across", "upright"):
        (folder / label).mkdir(parents=True)
        for number in range(num):
            height, width = rng.integers(10, 30, 2)
            rows, columns = np.indices((height, width))
            stripes = (rows if label == "across" else columns) // 3 % 2 * 120
            noise = rng.integers(0, 100, (height, width, 3))
            pixels = (stripes[..., np.newaxis] + noise).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder


def searched(folder: Path) -> OpenSearch:
    """Return a finished search, in this folder."""
    data = {"format": "image_folder", "path": str(write_pictures(folder / "data")), "size": 8}
    task = {"kind": "images", "data": data, "valid_fraction": 0.3}
    config = parse_config({**SMALL, "task": task}, source="test")
    search = OpenSearch(str(folder / "search"))
    run_here(search, config)
    return OpenSearch(search.uri)


def trained_finally(search: OpenSearch) -> list[OpenSearch]:
    """Train the best of a search, and a known network beside it; return both trainings."""
    document = search.config.final.model_dump(mode="json")
    settings = FinalConfig.model_validate({**document, "references": ["plain-cnn"]})
    listener = Listener()
    finals = opened_finals(search, settings=settings)
    for each in finals:
        engine = Engine(
            each,
            make_workers=lambda run, each=each: this_process(each, run, listener),
            listener=listener,
        )
        engine.run()
    return finals
