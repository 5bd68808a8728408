"""The mistakes of a network that it was most sure of, or the largest, as pictures.

They are small enough for a record.

Shapes: N images, M of them mistaken, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nas_lib.records import MAX_PICTURE, LabelMistake, Mistake, NumberMistake
from nas_lib.tasks.images.batches import ImageTensors
from nas_lib.tasks.images.shown import as_picture, is_series

_MOST: Final = 24
_LONGEST_SIDE: Final = 64  # pixels: what a page shows of each
_SMALLER: Final = 0.75


def surest_mistakes(logits_NK: Tensor, images: ImageTensors) -> tuple[Mistake, ...]:
    """Return the wrong answers with the highest probabilities, the surest first.

    Args:
        logits_NK: A network's, of these images.
        images: As the network saw them, before they were standardised.
    """
    found_N = logits_NK.argmax(dim=1, keepdim=True)
    shares_NK = logits_NK.double().softmax(dim=1).nan_to_num(0.0)  # weights may have overflowed
    confidence_N = shares_NK.gather(1, found_N).flatten().cpu()
    found_N = found_N.flatten().cpu()
    wrong_M = (found_N != images.labels.cpu()).nonzero().flatten()
    order_M = confidence_N[wrong_M].argsort(descending=True, stable=True)
    chosen = wrong_M[order_M[:_MOST]]
    return tuple(
        Mistake(int(images.labels[index]), int(found_N[index]), float(confidence_N[index]), picture)
        for index, picture in _pictures(images, chosen)
    )


def surest_label_mistakes(logits_NK: Tensor, images: ImageTensors) -> tuple[LabelMistake, ...]:
    """Return the labels that were told wrongly with the highest probabilities, the surest first."""
    told_NK, has_NK = (logits_NK > 0).cpu(), images.labels.bool().cpu()
    confidence_NK = logits_NK.double().abs().sigmoid().nan_to_num(0.0).cpu()
    wrong_M2 = (told_NK != has_NK).nonzero()
    order_M = confidence_NK[*wrong_M2.T].argsort(descending=True, stable=True)[:_MOST]
    chosen_M2 = wrong_M2[order_M]
    pictures = _pictures(images, chosen_M2[:, 0])
    return tuple(
        LabelMistake(label, bool(has_NK[row, label]), float(confidence_NK[row, label]), picture)
        for label, (row, picture) in zip(chosen_M2[:, 1].tolist(), pictures, strict=True)
    )


def largest_mistakes(
    told_N: Tensor, true_N: Tensor, images: ImageTensors
) -> tuple[NumberMistake, ...]:
    """Return the numbers that were told farthest from what they are, the farthest first."""
    chosen = (told_N - true_N).abs().argsort(descending=True, stable=True)[:_MOST]
    return tuple(
        NumberMistake(float(true_N[row]), float(told_N[row]), picture)
        for row, picture in _pictures(images, chosen)
    )


def _pictures(images: ImageTensors, rows: Tensor) -> Iterator[tuple[int, str]]:
    """Yield some rows, and what is to be seen there."""
    found = images.images[rows.to(images.labels.device)].cpu().numpy()
    yield from zip(rows.tolist(), map(small_picture, found), strict=True)


def small_picture(image_CHW: NDArray[np.generic]) -> str:
    """Return an image as a PNG in base64, shrunk until it has room in a record."""
    picture = as_picture(image_CHW)
    side = max(picture.size)
    side = side if is_series(image_CHW) else min(_LONGEST_SIDE, side)  # lines are small already
    while True:
        picture.thumbnail((side, side))
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        text = base64.b64encode(file.getvalue()).decode()
        if len(text) <= MAX_PICTURE:
            return text
        side = int(_SMALLER * side)
