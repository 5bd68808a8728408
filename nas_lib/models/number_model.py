"""NumberModel: says a number of each image.

Letters: N images, H x W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nas_lib.models.image_reader import AnImage, Array
from nas_lib.models.picture_model import PictureModel
from nas_lib.models.predictions import NumberPredictions


class NumberModel(PictureModel):
    """A number of each image, in the unit of the data."""

    columns = ("value",)

    @property
    def name(self) -> str:
        """What the number is called, such as the column that it came from."""
        return self.labels[0]

    def predict(self, images: AnImage | Sequence[AnImage]) -> NumberPredictions:
        """Return the numbers of images.

        Args:
            images: As `ImageModel.predict` takes them.

        Raises:
            DataError: One of them is no image, or cannot be read.
        """
        found = [self.values(batch) for batch in self.reader.batches(images)]
        return NumberPredictions(self.name, np.concatenate([np.empty(0, np.float32), *found]))

    def values(self, images_NHWC: Array) -> npt.NDArray[np.float32]:
        """Return the number of each image, `[N]`, of one batch."""
        return self.graph.run({"images": images_NHWC})["values"]
