"""LabelModel: says of images which labels they have.

Letters: N images, H x W pixels, C channels, K labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas_lib.models.image_reader import AnImage, Array
from nas_lib.models.picture_model import PictureModel
from nas_lib.models.predictions import LabelPredictions


class LabelModel(PictureModel):
    """Labels of images, any number of them each."""

    def predict(self, images: AnImage | Sequence[AnImage]) -> LabelPredictions:
        """Return which labels images have.

        Args:
            images: As `ImageModel.predict` takes them.

        Raises:
            DataError: One of them is no image, or cannot be read.
        """
        found = [self.probabilities(batch) for batch in self.reader.batches(images)]
        none = np.empty((0, len(self.labels)), np.float32)
        return LabelPredictions(self.labels, np.concatenate([none, *found]))

    def probabilities(self, images_NHWC: Array) -> npt.NDArray[np.float32]:
        """Return how probable each label of each image is, `[N, K]`, of one batch."""
        return self.graph.run({"images": images_NHWC})["probabilities"]
