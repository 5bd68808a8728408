"""Images in classes, with labels or with numbers, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from nas_lib.config import ImageFolderData, ImageTableData, ImageTaskConfig, PicturesPart
from nas_lib.data.allowance import Allowance
from nas_lib.data.rows import Indices
from nas_lib.data_check.class_findings import class_findings, image_findings, ratio
from nas_lib.data_check.found import CALLED, DataCheck, Finding, Pair, PartName
from nas_lib.data_check.looks import looks_of
from nas_lib.data_check.picture_facts import PictureFacts
from nas_lib.data_check.pictures import Pictures, Place
from nas_lib.data_check.told import told_of
from nas_lib.data_check.twins import Twins, find_twins
from nas_lib.errors import DataError, plural
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.readers import picture_files, read_images
from nas_lib.tasks.images.readers.decoding import PictureFiles
from nas_lib.tasks.images.readers.pictures import BrokenPictureError, PictureReader
from nas_lib.tasks.images.splitting import Split, split_images

_CROSSINGS: Final[tuple[tuple[PartName, PartName], ...]] = (
    ("test", "train"),
    ("valid", "train"),
    ("test", "valid"),
)
"""An image of the first part should not be one of the second."""
_SMALLEST: Final = 16
"""Pixels of a side: smaller images are often nearly equal, and of different things."""
_MOST_PAIRS: Final = 1_000  # that are named
_MOST_PAIRS_DRAWN: Final = 24
_MOST_OF_CLASS: Final = 8
_CALLED: Final = {
    "class": ("class", "classes"),
    "labels": ("label", "labels"),
    "number": ("number", "numbers"),
}
"""What is told of images, one and several."""


@dataclass(frozen=True, eq=False)
class _Crossing:
    """Images of a part that have a twin in another one."""

    part: PartName
    other: PartName
    twins: Twins
    num_other_class: int

    def places(self) -> Iterator[tuple[Place, Place, bool]]:
        """Yield both images of each pair, and whether they are equal."""
        found = self.twins
        for one, other, is_equal in zip(found.ones, found.others, found.is_equal, strict=True):
            yield (self.part, int(one)), (self.other, int(other)), bool(is_equal)


def check_images(
    task: ImageTaskConfig, seed: int, allowance: Allowance, *, with_pictures: bool = False
) -> DataCheck:
    """Check the data of a task, and the split that a search of this seed makes.

    Args:
        task: What the data are.
        seed: The search's.
        allowance: How much memory they may take.
        with_pictures: Whether some images are drawn.

    Raises:
        DataError: There are none, or they cannot be listed.
    """
    data = task.data
    files = picture_files(data, task.target)
    seen = None if files is None else PictureFacts.of(files)
    check = DataCheck("", "image")
    if seen is not None and isinstance(data, PicturesPart):
        check = replace(check, facts=dict(seen.facts()))
        check = check.with_findings(*seen.findings(size=data.size, fit=data.fit))
        data = data.model_copy(update={"on_error": "skip"})
    try:
        raw = read_images(data, allowance, task.target)
        split = split_images(raw, task, seed=seed)
    except DataError as err:
        return _refused(check, err, files, task, allowance)
    check = replace(check, source=raw.source, broken=raw.broken)
    check = check.with_findings(
        *_broken(raw.broken, task),
        *(Finding("note", text) for text in (*raw.notices, *split.notices)),
    )
    return _Check(check, task, raw, split, files, allowance).whole(with_pictures=with_pictures)


def _refused(
    check: DataCheck,
    err: DataError,
    files: PictureFiles | None,
    task: ImageTaskConfig,
    allowance: Allowance,
) -> DataCheck:
    """Return what is known of data that cannot be read or divided."""
    broken = () if files is None else tuple(_unreadable(files, allowance))
    check = replace(check, source=str(getattr(task.data, "path", task.data.format)), broken=broken)
    return check.with_findings(Finding("stops", str(err)), *_broken(broken, task))


def _unreadable(files: PictureFiles, allowance: Allowance) -> Iterator[str]:
    reader = PictureReader((3, 8, 8), background="white", allowance=allowance)
    for picture in reader.read_all(files.items(np.arange(len(files.names)))):
        if isinstance(picture, BrokenPictureError):
            yield str(picture)


def _broken(broken: Sequence[str], task: ImageTaskConfig) -> Iterator[Finding]:
    if not broken:
        return
    text = f"{plural(len(broken), 'file')} cannot be read"
    if getattr(task.data, "on_error", "") == "skip":
        yield Finding("warning", text, "they are left out, as task.data.on_error: skip says")
        return
    advice = "mend or remove them, or have them left out by task.data.on_error: skip"
    yield Finding("stops", text, advice)


class _Check:
    """Adds to a check what images that were read and divided tell."""

    def __init__(
        self,
        check: DataCheck,
        task: ImageTaskConfig,
        raw: RawImages,
        split: Split,
        files: PictureFiles | None,
        allowance: Allowance,
    ) -> None:
        self._check, self._task, self._raw = check, task, raw
        parts: dict[PartName, LabelledImages] = {
            "train": split.train,
            "valid": split.valid,
            "test": split.test,
        }
        self._told = told_of(raw, parts)
        self._parts = dict(self._told.parts)
        self._looks = {name: looks_of(part.images) for name, part in self._parts.items()}
        self._pictures = Pictures(self._parts, self._told.kinds, files, task.data, allowance)

    def whole(self, *, with_pictures: bool) -> DataCheck:
        """Return all of it."""
        told, crossings = self._told, list(self._crossings())
        classes = told.counts
        check = replace(
            self._check,
            counts={name: len(part) for name, part in self._parts.items()},
            facts={**self._facts(), **self._check.facts},
            classes=classes,
            kind=_CALLED[told.target][0],
            pairs=tuple(self._pairs(crossings, with_pictures=with_pictures)),
        )
        check = check.with_findings(
            *(self._of_crossing(each) for each in crossings),
            *(class_findings(classes, of_labels=told.target == "labels") if classes else ()),
            *image_findings(self._parts, self._looks, told.kinds, _CALLED[told.target][1]),
            *self._colours(),
        )
        if not with_pictures:
            return check
        samples = {name: tuple(_spread(rows)) for name, rows in told.samples.items()}
        drawn = self._pictures.drawn(place for places in samples.values() for place in places)
        return replace(
            check,
            samples={
                name: tuple(drawn[place] for place in places) for name, places in samples.items()
            },
        )

    def _facts(self) -> dict[str, str]:
        told, (channels, height, width) = self._told, self._raw.train.images.shape[1:]
        facts = dict(told.facts)
        if told.target == "class":
            facts["classes"] = (
                f"{len(told.names):,}, the largest with {ratio(told.counts):.3g} times the images "
                "of the smallest"
            )
        return {**facts, "images": f"become {height}x{width}x{channels}"}

    def _colours(self) -> Iterator[Finding]:
        has_colour = any(looks.has_colour.any() for looks in self._looks.values())
        if self._raw.train.images.shape[1] == 3 and not has_colour:
            advice = ""
            if isinstance(self._task.data, PicturesPart):
                advice = "task.data.grey: true takes a third of the memory"
            yield Finding("note", "no image has a colour, and they are read as RGB", advice)

    # --- twins -----------------------------------------------------------------------------------

    def _crossings(self) -> Iterator[_Crossing]:
        for part, other in _CROSSINGS:
            twins = find_twins(self._looks[part], self._looks[other], only_equal=self._are_tiny)
            if len(twins):
                labels = self._parts[part].labels[twins.ones]
                differ = labels != self._parts[other].labels[twins.others]
                yield _Crossing(part, other, twins, int(differ.sum()))

    @property
    def _are_tiny(self) -> bool:
        return min(self._raw.train.images.shape[2:]) < _SMALLEST

    def _of_crossing(self, crossing: _Crossing) -> Finding:
        twins, num = crossing.twins, len(self._parts[crossing.part])
        num_equal = int(twins.is_equal.sum())
        kinds = [f"{num_equal:,} equal"] if num_equal else []
        kinds += [f"{len(twins) - num_equal:,} nearly equal"] if num_equal < len(twins) else []
        if crossing.num_other_class and self._told.target == "class":
            kinds.append(f"{crossing.num_other_class:,} of another class")
        elif crossing.num_other_class:
            called = _CALLED[self._told.target][1]
            kinds.append(f"{crossing.num_other_class:,} with other {called}")
        one, other, _ = next(crossing.places())
        share = f"{100 * len(twins) / num:.1f} %"
        text = (
            f"{len(twins):,} of {num:,} {CALLED[crossing.part]} images ({share}) have a twin among "
            f"the {CALLED[crossing.other]} images ({', '.join(kinds)}), such as "
            f"{self._pictures.shown(one).name} and {self._pictures.shown(other).name}"
        )
        return Finding("warning", text, self._advice(crossing, some_are_equal=num_equal > 0))

    def _advice(self, crossing: _Crossing, *, some_are_equal: bool) -> str:
        """Return what keeps twins on one side."""
        own = {"valid": self._raw.valid, "test": self._raw.test}
        data, what = self._task.data, f"the {CALLED[crossing.part]} score is too high"
        if not some_are_equal:
            what = f"where they show one thing (look at them by --html), {what}"
        if own.get(crossing.part) is not None or own.get(crossing.other) is not None:
            return f"{what}; the data come divided: take them out of one of the two"
        if self._raw.train.groups is not None:
            return f"{what}; they are of two groups (task.data.group): make them one"
        if isinstance(data, ImageFolderData):
            return f"{what}; task.data.group (what names of one thing share) keeps them together"
        if isinstance(data, ImageTableData):
            return f"{what}; a column task.data.group, or one of parts (task.data.split), helps"
        return f"{what}; leave one of the two out"

    def _pairs(self, crossings: Iterable[_Crossing], *, with_pictures: bool) -> Iterator[Pair]:
        places = [each for crossing in crossings for each in crossing.places()][:_MOST_PAIRS]
        some = places[:_MOST_PAIRS_DRAWN] if with_pictures else []
        drawn = self._pictures.drawn(place for one, other, _ in some for place in (one, other))
        for one, other, is_equal in places:
            shown = [drawn.get(place) or self._pictures.shown(place) for place in (one, other)]
            yield Pair(shown[0], shown[1], is_equal)


def _spread(rows: Indices) -> Iterator[Place]:
    """Yield some of these training images, evenly spread."""
    most = min(_MOST_OF_CLASS, len(rows))
    for index in rows[np.linspace(0, len(rows) - 1, most).astype(np.intp)]:
        yield "train", int(index)
