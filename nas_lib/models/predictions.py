"""Predictions: what a model says of some images or series.

Letters: N of them, K classes or labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nas_lib.errors import plural

_HALF = 0.5


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of some images or series, in their order.

    Attributes:
        classes: Names of all classes, K.
        probabilities: How probable each is, float32 `[N, K]`.
        example: What one of them is called.
    """

    classes: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    example: str = "image"

    def __len__(self) -> int:
        return len(self.probabilities)

    def __repr__(self) -> str:
        return f"Predictions({plural(len(self), self.example)}, {len(self.classes):,} classes)"

    @property
    def labels(self) -> tuple[str, ...]:
        """The most probable class of each; of equally probable ones the first."""
        return tuple(self.classes[index] for index in self.probabilities.argmax(axis=1))

    def top(self, num: int = 3) -> list[dict[str, float]]:
        """Return of each the most probable classes and how probable they are, best first."""
        best_NK = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :num]
        return [
            {self.classes[index]: float(row[index]) for index in best}
            for row, best in zip(self.probabilities, best_NK, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class LabelPredictions:
    """Which labels a model says that some images have, in their order.

    Attributes:
        classes: Names of all labels, K.
        probabilities: How probable each is, float32 `[N, K]`: each by itself.
    """

    classes: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.probabilities)

    def __repr__(self) -> str:
        return f"LabelPredictions({len(self):,} images, {len(self.classes):,} labels)"

    @property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """Those of each image that are more probable than not; there may be none."""
        return tuple(
            tuple(self.classes[index] for index in np.flatnonzero(row > _HALF))
            for row in self.probabilities
        )

    def top(self, num: int = 3) -> list[dict[str, float]]:
        """Return of each image the most probable labels and how probable they are, best first."""
        return Predictions(self.classes, self.probabilities).top(num)


@dataclass(frozen=True, eq=False)
class NumberPredictions:
    """The numbers that a model says of some images, in their order.

    Attributes:
        name: What the number is called.
        values: In the unit of the data, float32 `[N]`.
    """

    name: str
    values: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"NumberPredictions({len(self):,} images, {self.name})"
