"""ImageModel: says of images what they are.

Letters: N images, H x W pixels, C channels, K classes.
"""

from __future__ import annotations

from typing import Any

from nas_lib.models.model import Model
from nas_lib.models.predictions import Predictions


class ImageModel(Model):
    """Classes of images."""

    def predict(self, images: Any) -> Predictions:
        """Return what images are.

        Args:
            images: An array uint8 (float32 for a model of such data) `[N, H, W, C]` or
                `[H, W, C]`, a PIL image, a path, or a list of these.

        Raises:
            DataError: One of them is none of these, or cannot be read.
        """
        raise NotImplementedError
