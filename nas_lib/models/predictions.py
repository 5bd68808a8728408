"""Predictions: what a model says of some images.

Letters: N images, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of some images, in their order.

    Attributes:
        classes: Names of all classes, K.
        probabilities: How probable each is, float32 `[N, K]`.
    """

    classes: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.probabilities)

    def __repr__(self) -> str:
        return f"Predictions({len(self):,} images, {len(self.classes):,} classes)"

    @property
    def labels(self) -> tuple[str, ...]:
        """The most probable class of each image; of equally probable ones the first."""
        return tuple(self.classes[index] for index in self.probabilities.argmax(axis=1))

    def top(self, num: int = 3) -> list[dict[str, float]]:
        """Return of each image the most probable classes and how probable they are, best first."""
        best_NK = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :num]
        return [
            {self.classes[index]: float(row[index]) for index in best}
            for row, best in zip(self.probabilities, best_NK, strict=True)
        ]
