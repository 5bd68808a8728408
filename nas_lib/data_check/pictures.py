"""Small pictures of a few images of many, for a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image

from nas_lib.config import PicturesPart
from nas_lib.data.allowance import Allowance
from nas_lib.data_check.found import PartName, Shown
from nas_lib.tasks.images.raw import LabelledImages
from nas_lib.tasks.images.readers.decoding import PictureFiles
from nas_lib.tasks.images.readers.pictures import Picture, PictureReader
from nas_lib.tasks.images.shown import as_picture

_SIDE: Final = 112
_QUALITY: Final = 80
_SMALL: Final = 64  # pixels of a side, up to which nothing is lost

Place = tuple[PartName, int]
"""An image: of which part, and which one there."""


class Pictures:
    """Makes pictures of images: from their files where they have some, larger than they become."""

    def __init__(
        self,
        parts: dict[PartName, LabelledImages],
        class_names: tuple[str, ...],
        files: PictureFiles | None,
        data: object,
        allowance: Allowance,
    ) -> None:
        """Take what there is.

        Args:
            parts: All images.
            class_names: Of the classes, by index.
            files: Where they are from; None where they came as arrays.
            data: Settings of the data.
            allowance: How much memory a picture may take.
        """
        self._parts, self._class_names, self._files = parts, class_names, files
        self._data, self._allowance = data, allowance

    def shown(self, place: Place) -> Shown:
        """Return an image without a picture."""
        part, index = place
        images = self._parts[part]
        return Shown(images.name(index), part, self._class_names[images.labels[index]])

    def drawn(self, places: Iterable[Place]) -> dict[Place, Shown]:
        """Return images with pictures."""
        wanted = dict.fromkeys(places)
        found = dict(self._from_files(wanted))
        for part, index in wanted:
            if (part, index) not in found:
                image = self._parts[part].images[index : index + 1][0]
                found[part, index] = _encoded(as_picture(image))
        return {place: replace(self.shown(place), picture=found[place]) for place in wanted}

    def _from_files(self, wanted: Iterable[Place]) -> Iterator[tuple[Place, str]]:
        files, data = self._files, self._data
        if files is None or not isinstance(data, PicturesPart):
            return
        by_name = {self._name(place): place for place in wanted}
        which = [index for index, name in enumerate(files.names) if name in by_name]
        reader = PictureReader(
            (1 if data.grey else 3, _SIDE, _SIDE),
            background=data.background,
            allowance=self._allowance,
            fit=data.fit,
        )
        pictures = reader.read_all(files.items(np.array(which, np.intp)))
        for index, picture in zip(which, pictures, strict=True):
            if isinstance(picture, Picture) and picture.pixels.dtype == np.uint8:
                yield by_name[files.names[index]], _encoded(as_picture(picture.pixels))

    def _name(self, place: Place) -> str:
        part, index = place
        names = self._parts[part].names
        assert names is not None
        return str(names[index])


def _encoded(picture: Image.Image) -> str:
    """Return a picture as the address of a page has it: type and content."""
    file = io.BytesIO()
    if max(picture.size) <= _SMALL or picture.mode == "RGBA":  # lines, on any paper
        picture.save(file, "PNG", optimize=True)
        return f"image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    picture.thumbnail((_SIDE, _SIDE))
    picture.save(file, "JPEG", quality=_QUALITY)
    return f"image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
