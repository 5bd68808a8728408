"""scikit-learn's handwritten digits: real images inside its wheel."""

from __future__ import annotations

import numpy as np

from nas_lib.config import DigitsData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import LabelledImages, RawImages


def read_digits(config: DigitsData, allowance: Allowance) -> RawImages:
    """Return 1,797 grey 8x8 images, float32 in [0, 1], without a test set of their own.

    Raises:
        DataError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as err:
        raise DataError(
            "the digits come with scikit-learn, which is not installed: "
            "pip install 'kfp-nas[digits]'"
        ) from err
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)  # written as 0 to 16
    return RawImages(
        source="scikit-learn's digits",
        class_names=tuple(str(name) for name in digits.target_names),
        train=LabelledImages(images[:, np.newaxis], digits.target.astype(np.int64)),
    )
