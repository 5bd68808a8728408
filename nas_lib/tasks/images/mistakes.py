"""The mistakes of a network that it was most sure of, as pictures small enough for a record.

Shapes: N images, M of them mistaken, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

import base64
import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nas_lib.records import MAX_PICTURE, Mistake
from nas_lib.tasks.images.batches import ImageTensors
from nas_lib.tasks.images.shown import as_picture

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
    pictures = images.images[chosen.to(images.labels.device)].cpu().numpy()
    return tuple(
        Mistake(
            int(images.labels[index]),
            int(found_N[index]),
            float(confidence_N[index]),
            small_picture(image_CHW),
        )
        for index, image_CHW in zip(chosen.tolist(), pictures, strict=True)
    )


def small_picture(image_CHW: NDArray[np.generic]) -> str:
    """Return an image as a PNG in base64, shrunk until it has room in a record."""
    picture = as_picture(image_CHW)
    side = min(_LONGEST_SIDE, max(picture.size))
    while True:
        picture.thumbnail((side, side))
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        text = base64.b64encode(file.getvalue()).decode()
        if len(text) <= MAX_PICTURE:
            return text
        side = int(_SMALLER * side)
