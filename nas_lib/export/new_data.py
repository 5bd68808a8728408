"""How models do on the validation images of a search that came after them.

Letters: N images, K classes or labels of a model, A classes of it and of the images, and some that
are none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor

from nas_lib.data.tensors import TensorRows
from nas_lib.export.children import trained_network
from nas_lib.models.image_model import ImageModel
from nas_lib.models.info import ImageInputs, ModelInfo
from nas_lib.models.stored import StoredModel
from nas_lib.open_search import OpenSearch
from nas_lib.results.succession import FEWEST
from nas_lib.tasks.images.batches import ImageSplits, ImageTensors, load_images
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.images.task import ImageTask
from nas_lib.tasks.images.trainer import all_logits
from nas_lib.training.machine import num_cpus

_AT_ONCE = 256
_NONE = 5  # so many that a class that is not known is never among the first five
_LEAST = torch.finfo(torch.float32).tiny  # in place of a probability of 0
_TOLD = {"class": "classes", "labels": "labels", "number": "numbers"}
_LOWEST = torch.finfo(torch.float32).min


class NewData:
    """The validation images of a search.

    Attributes:
        classes: Their names, in the order of the indices of classes or labels.
    """

    def __init__(self, search: OpenSearch) -> None:
        """Fetch what the search has prepared."""
        self._manifest, images = _fetched(search)
        self._valid = images.valid
        self._scoring = cast(ImageTask, search.task).scoring
        self.classes = self._manifest.class_names

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._valid.labels)

    def misfit(self, info: ModelInfo) -> str:
        """Say why a model cannot read these images, empty where it can."""
        inputs, channels = info.inputs, self._manifest.image_shape[0]
        assert isinstance(inputs, ImageInputs)
        if info.target != self._manifest.target:
            return f"it tells {_TOLD[info.target]}, and they have {_TOLD[self._manifest.target]}"
        if (inputs.channels, inputs.dtype) == (channels, self._manifest.dtype):
            return ""
        return (
            f"it takes {inputs.dtype} of {inputs.channels} channels, and they are "
            f"{self._manifest.dtype} of {channels}"
        )

    def new_classes(self, info: ModelInfo) -> tuple[str, ...]:
        """Return the classes or labels that a model does not know."""
        return self._only(self.classes, info.labels)

    def gone_classes(self, info: ModelInfo) -> tuple[str, ...]:
        """Return those that it knows, and the images have no more."""
        return self._only(info.labels, self.classes)

    def _only(self, ones: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
        if self._manifest.target == "number":  # which may be called otherwise now
            return ()
        return tuple(name for name in ones if name not in others)

    def unknown_to(self, other: OpenSearch, *, with_validation: bool) -> Tensor | None:
        """Return which of the images another search's networks have not learned, `[N]` indices.

        None where that cannot be told, as its images are of another size.

        Args:
            other: The search.
            with_validation: Whether its networks have learned its validation images, too.
        """
        manifest, images = _fetched(other)
        if (manifest.image_shape, manifest.dtype) != (
            self._manifest.image_shape,
            self._manifest.dtype,
        ):
            return None
        parts = [images.train, *([images.valid] if with_validation else [])]
        learned = {digest for part in parts for digest in _digests(part.images)}
        known = [digest in learned for digest in _digests(self._valid.images)]
        return torch.tensor(known).logical_not().nonzero()[:, 0]

    def every(self) -> Tensor:
        """Return the indices of all images, `[N]`."""
        return torch.arange(len(self))

    def is_enough(self, rows: Tensor) -> bool:
        """Say whether something can be told by some of the images: by all of them it can."""
        labels_N = self._valid.labels[rows].numpy()
        misfit = self._scoring.misfit("validation", labels_N, num_classes=len(self.classes))
        return len(rows) >= min(FEWEST, len(self)) and not misfit

    def score_of_model(self, model: StoredModel, rows: Tensor) -> float:
        """Return the score of a model as it is handed on, on some of the images."""
        graph = ImageModel(model, threads=num_cpus()).graph

        def logits(images: ImageTensors) -> Tensor:
            images_NHWC = cast(Tensor, images.images).permute(0, 2, 3, 1).contiguous().numpy()
            found = graph.run({"images": images_NHWC})
            if self._manifest.target == "number":
                return torch.from_numpy(found["values"])[:, None].double()
            if self._manifest.target == "labels":
                return torch.from_numpy(found["logits"])
            return torch.from_numpy(found["probabilities"]).clamp_min(_LEAST).log()

        return self._score(logits, model.info.labels, rows)

    def score_of_child(self, search: OpenSearch, child: str, rows: Tensor) -> float:
        """Return the score of a child's network, on some of the images.

        Args:
            search: Whose child it is, such as a final training; its images are of the same size.
            child: Its id.
            rows: Which of the images.
        """
        manifest = cast(ImageManifest, search.task.find_manifest(search.store))
        network = trained_network(search, child)
        logits = partial(all_logits, network, mean=manifest.mean, std=manifest.std)
        if manifest.target != "number":
            return self._score(logits, manifest.class_names, rows)

        def numbers(images: ImageTensors) -> Tensor:
            return logits(images).double() * manifest.target_std + manifest.target_mean

        return self._score(numbers, manifest.class_names, rows)

    def _score(
        self, logits: Callable[[ImageTensors], Tensor], names: Sequence[str], rows: Tensor
    ) -> float:
        """Return a score by the search's own measure, not too many images at a time.

        Args:
            logits: From images to `[N, K]`; numbers in their own unit, `[N, 1]`.
            names: The K classes; those are the same that are called the same.
            rows: Which of the images.
        """
        ours = {"class": self._of_classes, "labels": self._of_labels, "number": self._of_numbers}
        told, num_classes = [], len({*self.classes, *names})
        for some in torch.split(rows, _AT_ONCE):
            labels_N = self._valid.labels[some]
            logits_NK = logits(ImageTensors(self._valid.images[some], labels_N))
            logits_NA = ours[self._manifest.target](logits_NK, names)
            told.append(self._scoring.told(logits_NA, labels_N))
        return self._scoring.score(torch.cat(told), self._valid.labels[rows], num_classes)

    def _of_classes(self, logits_NK: Tensor, names: Sequence[str]) -> Tensor:
        """Return logits of all classes.

        One that is not known is told after all others, and after some that are none.
        """
        all_names = (*self.classes, *(name for name in names if name not in self.classes))
        logits_NA = torch.full((len(logits_NK), len(all_names) + _NONE), _LOWEST)
        logits_NA[:, : len(all_names)] = -torch.inf
        logits_NA[:, [all_names.index(name) for name in names]] = logits_NK
        return logits_NA

    def _of_labels(self, logits_NK: Tensor, names: Sequence[str]) -> Tensor:
        """Return logits of the images' labels; one that is not known is never told."""
        logits_NA = torch.full((len(logits_NK), len(self.classes)), _LOWEST)
        for column, name in enumerate(self.classes):
            if name in names:
                logits_NA[:, column] = logits_NK[:, list(names).index(name)]
        return logits_NA

    def _of_numbers(self, numbers_N1: Tensor, names: Sequence[str]) -> Tensor:
        """Return numbers as deviations from the mean of these data."""
        return (numbers_N1 - self._manifest.target_mean) / self._manifest.target_std


def _fetched(search: OpenSearch) -> tuple[ImageManifest, ImageSplits]:
    manifest, data = cast(ImageTask, search.task).fetched(search.store)
    return manifest, load_images(data)


def _digests(images: TensorRows) -> Iterator[bytes]:
    """Yield a hash of each image."""
    for first in range(0, len(images), _AT_ONCE):
        for image in images[first : first + _AT_ONCE].numpy():
            yield hashlib.blake2b(image.tobytes(), digest_size=16).digest()
