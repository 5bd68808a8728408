"""SeriesModel: says of series what they are.

Letters: N series, C channels, T steps, K classes.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from nas_lib.models.info import SeriesInputs
from nas_lib.models.model import Model
from nas_lib.models.predictions import Predictions
from nas_lib.models.series_reader import Array, SeriesReader, SomeSeries


class SeriesModel(Model):
    """Classes of series."""

    @cached_property
    def reader(self) -> SeriesReader:
        """Makes arrays of whatever series are given as."""
        assert isinstance(self.info.inputs, SeriesInputs)
        return SeriesReader(self.info.inputs)

    def predict(self, series: SomeSeries) -> Predictions:
        """Return what series are; numbers as the data had them, the graph standardises.

        Args:
            series: An array `[N, C, T]` or `[C, T]` (of one channel also `[N, T]` or `[T]`), the
                path of a file of them (.npy, .npz, .ts, CSV and other tables), or a list of arrays
                `[C, T]`. Of other lengths, and with NaN, where the model's data could be so.

        Raises:
            DataError: They are none of these, of another kind than the model's series, or cannot
                be read.
        """
        found = [self.probabilities(batch) for batch in self.reader.batches(series)]
        none = np.empty((0, len(self.labels)), np.float32)
        return Predictions(self.labels, np.concatenate([none, *found]), example="series")

    def probabilities(self, series_NCT: Array) -> Array:
        """Return how probable each class of each series is, `[N, K]`, of one batch."""
        return self.graph.run({"series": series_NCT})["probabilities"]
