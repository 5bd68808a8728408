"""Descriptions of models for tests."""

from __future__ import annotations

from nas_lib.architecture import Architecture
from nas_lib.models.info import (
    Data,
    ImageInputs,
    Inputs,
    MeasureInfo,
    ModelInfo,
    Origin,
    Parity,
    Score,
    TextInputs,
    Training,
    TranslationInputs,
)
from nas_lib.records import Speed
from nas_lib.results.measure import ACCURACY

CHILD = "r000-000001-02"

IMAGES = ImageInputs(8, 8, 1, "uint8", (0.5,), (0.25,), "white")
TEXT = TextInputs(bptt=10, state_size=6, unknown=0, end=1, words="text_files")
TRANSLATION = TranslationInputs(
    hidden=4, state_size=6, begin=2, end=3, max_length=8, beam=2, length_penalty=0.6
)


def model_info(inputs: Inputs = IMAGES) -> ModelInfo:
    """Return the description of a model that there might be."""
    return ModelInfo(
        id=CHILD,
        name="digits",
        inputs=inputs,
        labels=("0", "one\nand two", "caf\u00e9"),
        origin=Origin(Architecture("cnn", (1, 2), "conv 3x3"), CHILD, "runs/digits", "", 7, 90, 80),
        training=Training(5, 4, 12.5, "host (cpu)", False, {"epochs": 5}),
        data=Data("digits", "abc", 70, 20, 10),
        measure=MeasureInfo.of(ACCURACY),
        validation=Score(0.9, 20, (0.7, 0.97)),
        test=None,
        parity=Parity(20, 1e-6, 1.0, "twenty images"),
        speed=Speed(CHILD, 0.25, 100, "a processor", "onnxruntime 1.0", 1e9),
        files={},
        versions={"kfp-nas": "1.0"},
        created_s=1e9,
    )
