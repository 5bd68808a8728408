"""Networks that have seen a little, with the data that they are exported with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from toy_text import TEXT, TEXT_MANIFEST, text_children

from nas_lib.config import RandomConfig, SearchConfig, TextTaskConfig
from nas_lib.data import BlobInfo
from nas_lib.export.images import ImageExporter
from nas_lib.export.texts import TextExporter
from nas_lib.networks import build_language_model, build_network
from nas_lib.spaces import Plan, SpacePart
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.text.preparation import TextManifest
from nas_lib.tasks.text.raw import END, UNKNOWN

CLASSES = ("cat", "dog", "caf\u00e9")
NUM_VALID = 40


def image_exporter(
    folder: Path, plan: Plan, *, shape: tuple[int, int, int] = (3, 8, 8), dtype: str = "uint8"
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
    return ImageExporter(network.eval(), manifest, blob, SearchConfig(name="toy"))


def smooth_images(num: int, shape: tuple[int, int, int]) -> torch.Tensor:
    """Return images from 0 to 255 whose pixels are like those beside them."""
    small = torch.from_numpy(np.random.default_rng(1).uniform(0, 255, (num, shape[0], 3, 3)))
    return nn.functional.interpolate(small, shape[1:], mode="bilinear").round()


def text_exporter(folder: Path, plan: Plan, space: SpacePart) -> TextExporter:
    """Return the exporter of a language model with weights that nobody trained."""
    torch.manual_seed(0)
    blob = folder / "text.safetensors"
    save_file({"train": TEXT.train, "valid": TEXT.valid}, blob)
    words = (UNKNOWN, END, *TEXT_MANIFEST.words[2:])
    fields = {name: getattr(TEXT_MANIFEST, name) for name in TextManifest.__dataclass_fields__}
    manifest = TextManifest(**{**fields, "words": words})
    children = text_children()
    model = build_language_model(plan, num_words=len(words), training=children.text)
    config = SearchConfig(
        name="toy",
        task=TextTaskConfig(),
        space=space,
        controller=RandomConfig(),
        children=children,
    )
    return TextExporter(model.eval(), manifest, blob, config)
