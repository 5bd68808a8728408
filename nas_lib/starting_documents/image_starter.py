"""A document for images in classes, with labels or with a number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from nas_lib.config import ImageTaskConfig, SearchConfig
from nas_lib.data import BlobInfo, Manifest
from nas_lib.starting_documents.chain_starter import ChainStarter
from nas_lib.starting_documents.seen_images import SeenImages
from nas_lib.starting_documents.starter import Choice
from nas_lib.tasks.images.preparation import ImageManifest

_SIZES: Final = (8, 12, 16, 24, 32, 48, 64, 96, 128)
_LEAST_MAP: Final = 4  # pixels that the last layers see, about
_LEAST_HALVED: Final = 12  # pixels
_MOST_HALVINGS: Final = 5
_LAYERS: Final = 4  # where nothing is halved


class ImageStarter(ChainStarter):
    """A document for images in classes, with labels or with a number."""

    example = "image"

    def __init__(self, seen: SeenImages) -> None:
        """Take what was seen."""
        self.seen = self.counted = seen
        self.what, self.path = seen.what, str(seen.data["path"])
        self.prepare_s = seen.prepare_s
        self.num_train = seen.num("train")
        if seen.shape is None:
            self.sizes = self._sizes()

    def _sizes(self) -> tuple[int, ...]:
        """Return the sides to choose from: none larger than what pictures have."""
        side = self.seen.side
        if self.seen.all_square and side <= 32:
            return (side,)
        found = [size for size in _SIZES if size <= side] or [_SIZES[0]]
        return tuple(size for size in found if size >= min(32, found[-1]))

    def _data(self, size: int) -> Iterator[Choice]:
        seen = self.seen
        if seen.target != "class":
            yield Choice("task.target", seen.target, seen.why_target)
        for name, value in seen.data.items():
            yield Choice(f"task.data.{name}", value, seen.why.get(name, ""))
        if seen.shape is not None:
            return
        yield Choice("task.data.size", size, self._why_size(size))
        looked = f"the {seen.num_looked_at:,} pictures that were opened"
        grey = (
            f"None of {looked} has a colour." if seen.is_grey else f"Of {looked} some have colours."
        )
        yield Choice("task.data.grey", seen.is_grey, grey)

    def _why_size(self, size: int) -> str:
        side = self.seen.side
        if self.seen.all_square and size == side:
            return f"All pictures that were opened have {side} x {side} pixels."
        if size == self.sizes[-1]:
            more = ", and larger ones take longer" if side > size else ""
            return f"The shorter side of a picture has {side:,} pixels (the median){more}."
        return (
            f"Of {side:,} pixels (the median of the shorter sides), as many as the time allows: "
            "twice the side takes four times as long."
        )

    def _space(self, size: int) -> Iterator[Choice]:
        side = self._side(size)
        halvings = min(_MOST_HALVINGS, round(math.log2(side / _LEAST_MAP)))
        num_pools = halvings if side >= _LEAST_HALVED else 0
        # a layer, and after each pooling two more
        depth = 1 + 3 * num_pools if num_pools else _LAYERS
        yield Choice("space.kind", "cnn", "Convolutional networks, each trained from scratch.")
        windows = [3, 5] if num_pools else [1, 3, 5]
        yield Choice("space.filter_heights", windows)
        yield Choice("space.filter_widths", windows)
        is_small = num_pools < 2
        filters = [8, 16, 24, 32] if is_small else [24, 32, 48, 64]
        few = "Few, as the images are small." if is_small else "More, as the images are halved."
        yield Choice("space.num_filters", filters, few)
        left = side // 2**num_pools
        why = f"After {num_pools} of them {side} x {side} pixels are {left} x {left}."
        pools = list(range(2, depth, 3)) if num_pools else []
        yield Choice("space.pool_layers", pools, why if pools else "Images are small already.")
        if pools:
            back = "Connections across pooling bring the size back, and take many times as long."
            yield Choice("space.skip_connections", False, back)
        yield from self._depth(depth)

    def _side(self, size: int) -> int:
        return size or min(self.seen.shape[1:])  # type: ignore[index]

    def _children(self, size: int) -> Iterator[Choice]:
        if self.seen.target == "number":
            why = "Half of what it is for classes: squared errors may be steep."
            yield Choice("children.learning_rate", 0.05, why)
        else:
            yield Choice("children.learning_rate", 0.1)
        yield Choice("children.schedule", "cosine", "The rate falls to 0 within the few epochs.")
        pad = max(1, self._side(size) // 8)
        yield Choice(
            "children.augment.pad", pad, "An eighth of the side, up and down, left and right."
        )
        yield Choice("children.augment.flip", *self._flip())

    def _flip(self) -> tuple[bool, str]:
        """Return whether images are flipped left to right, and why: nobody can know."""
        names = self.seen.class_names
        if all(len(name) == 1 and name.isalnum() for name in names) and not self._may_be_numbers():
            return (
                False,
                "The classes are named like digits or letters, which have a left and right.",
            )
        if self._is_grey() and self._may_be_numbers():
            return False, "Grey images without names may be digits or letters: true for others."
        return True, "Set it to false where left and right matter, as in letters or arrows."

    def _may_be_numbers(self) -> bool:
        """Say whether the classes have no names: in arrays they are numbers, whatever they mean."""
        return self.seen.shape is not None

    def _is_grey(self) -> bool:
        shape = self.seen.shape
        return shape[0] == 1 if shape else self.seen.is_grey

    def manifest(self, config: SearchConfig) -> Manifest:
        """Return what would be prepared, as far as times depend on it."""
        task = config.task
        assert isinstance(task, ImageTaskConfig)
        shape = self.seen.shape
        if shape is None:
            size, grey = task.data.size, task.data.grey  # type: ignore[union-attr]
            shape = (1 if grey else 3, size, size)
        num_train, num_valid, num_test = self.seen.split(task)
        return ImageManifest(
            content_hash="",
            source=self.what,
            class_names=self.seen.class_names,
            image_shape=shape,
            dtype="uint8",
            num_train=num_train,
            num_valid=num_valid,
            num_test=num_test,
            mean=(0.0,) * shape[0],
            std=(1.0,) * shape[0],
            target=self.seen.target,
            search_blob=BlobInfo.of(b"-"),
            test_blob=BlobInfo.of(b"-"),
        )
