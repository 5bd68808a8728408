"""PictureModel: what all models of images have in common, whatever they tell of them."""

from __future__ import annotations

from functools import cached_property

from nas_lib.models.image_reader import ImageReader
from nas_lib.models.info import ImageInputs
from nas_lib.models.model import Model


class PictureModel(Model):
    """Takes images."""

    @cached_property
    def reader(self) -> ImageReader:
        """Makes arrays of whatever images are given as."""
        assert isinstance(self.info.inputs, ImageInputs)
        return ImageReader(self.info.inputs)
