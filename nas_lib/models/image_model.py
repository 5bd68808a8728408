"""ImageModel: says of images what they are.

Letters: N images, H x W pixels, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas_lib.models.image_reader import AnImage, Array
from nas_lib.models.picture_model import PictureModel
from nas_lib.models.predictions import Predictions


class ImageModel(PictureModel):
    """Classes of images."""

    def predict(self, images: AnImage | Sequence[AnImage]) -> Predictions:
        """Return what images are; pictures are read exactly as training read them.

        Args:
            images: An array uint8 `[N, H, W, C]` or `[H, W, C]` (of a model of numbers in floating
                point float32; of grey ones C may be left out), a PIL image, a path, the bytes of a
                picture file, or a list of these, of any sizes.

        Raises:
            DataError: One of them is none of these, or cannot be read.
        """
        found = [self.probabilities(batch) for batch in self.reader.batches(images)]
        none = np.empty((0, len(self.labels)), np.float32)
        return Predictions(self.labels, np.concatenate([none, *found]))

    def probabilities(self, images_NHWC: Array) -> npt.NDArray[np.float32]:
        """Return how probable each class of each image is, `[N, K]`, of one batch."""
        return self.graph.run({"images": images_NHWC})["probabilities"]
