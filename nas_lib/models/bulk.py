"""Using a model on many files: what it says of each, in order, whatever is wrong with others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import Any

from nas_lib.data.paths import existing_file
from nas_lib.errors import DataError, one_line
from nas_lib.models.files import STDIN, FoundFile, read_array, read_text
from nas_lib.models.image_model import ImageModel
from nas_lib.models.image_reader import AnImage, NoPictureError
from nas_lib.models.label_model import LabelModel
from nas_lib.models.number_model import NumberModel
from nas_lib.models.opening import AnyModel
from nas_lib.models.predictions import LabelPredictions, NumberPredictions, Predictions
from nas_lib.models.series_model import SeriesModel
from nas_lib.models.text_model import TextModel, TextScore
from nas_lib.models.translation_model import TranslationModel

OfImages = ImageModel | LabelModel | NumberModel
_Numbered = tuple[int, FoundFile]
_Said = dict[str, Any]
_MOST_NAMED = 5
"""Lines that are named, of those with which something is the matter."""


@dataclass(frozen=True)
class Answer:
    """What became of a file, or of one image of an array or one line of a text in it.

    Attributes:
        number: Which of the files it is, from 0.
        name: Of the file; with a number in brackets where it is of an array.
        classes: The most probable classes or labels and how probable they are, best first.
        labels: Of an image that may have several, those that it has.
        measured: The number of an image, where one is told.
        score: Of a text.
        line: Which line of a text it is, from 1 ...
        translation: ... and what that is in another language.
        error: Why there is none of these.
        notice: What is to be known of the file, of which something else was said.
        is_left_out: Whether that is because folders have other files than pictures, too.
    """

    number: int
    name: str
    classes: dict[str, float] | None = None
    labels: tuple[str, ...] | None = None
    measured: float | None = None
    score: TextScore | None = None
    line: int = 0
    translation: str | None = None
    error: str = ""
    notice: str = ""
    is_left_out: bool = False

    @property
    def values(self) -> tuple[str | int | float, ...]:
        """What is said of a text, or an image's number, by the columns of its model."""
        if self.measured is not None:
            return (self.measured,)
        if self.score is not None:
            return self.score.num_words, self.score.num_unknown, self.score.value
        return () if self.translation is None else (self.line, self.translation)


def answers_of(
    model: AnyModel, files: Sequence[FoundFile], *, top: int, stdin: bytes = b""
) -> Iterator[Answer]:
    """Yield what a model says of files.

    Args:
        model: The model.
        files: Of what it takes.
        top: How many classes of each image are wanted.
        stdin: What came on standard input, where a file stands for that.

    Raises:
        DataError: The model takes no pictures.
    """
    if isinstance(model, OfImages):
        return predict_files(model, files, top=top, stdin=stdin)
    numbered = enumerate(files)
    if isinstance(model, SeriesModel):
        return chain.from_iterable(_of_series(model, *each, top, stdin) for each in numbered)
    if isinstance(model, TextModel):
        return chain.from_iterable(_scored(model, *each, stdin) for each in numbered)
    return chain.from_iterable(_translated(model, *each, stdin) for each in numbered)


def predict_files(
    model: OfImages, files: Sequence[FoundFile], *, top: int, stdin: bytes = b""
) -> Iterator[Answer]:
    """Yield what a model says of the images in files.

    Args:
        model: The model.
        files: Pictures; or arrays of images, `.npy` or `.npz`, that were named.
        top: How many classes of each are wanted.
        stdin: What came on standard input, where a file stands for that.

    Raises:
        DataError: The model takes no pictures.
    """
    for is_array, group in groupby(enumerate(files), key=lambda each: each[1].is_array):
        if is_array:
            yield from chain.from_iterable(_of_array(model, *each, top) for each in group)
            continue
        model.reader.check_pictures()
        while some := list(islice(group, model.reader.batch_size())):
            yield from _of_pictures(model, some, top, stdin)


def _of_pictures(
    model: OfImages, files: Sequence[_Numbered], top: int, stdin: bytes
) -> Iterator[Answer]:
    given = [stdin if file.path == STDIN else file.path for _, file in files]
    read = model.reader.read_or_told(given)
    said = _said(model, [each for each in read if not isinstance(each, DataError)], top)
    for (number, file), each in zip(files, read, strict=True):
        name = str(file.path)
        if isinstance(each, DataError):
            is_left_out = isinstance(each, NoPictureError) and not file.is_named
            yield Answer(number, name, error=str(each), is_left_out=is_left_out)
        else:
            yield Answer(number, name, **next(said))


def _said(model: OfImages, images: AnImage | Sequence[AnImage], top: int) -> Iterator[_Said]:
    """Yield what a model says of each image, as `Answer` has it."""
    match model.predict(images):
        case Predictions() as found:
            yield from ({"classes": each} for each in found.top(top))
        case LabelPredictions() as found:
            for labels, classes in zip(found.labels, found.top(top), strict=True):
                yield {"classes": classes, "labels": labels}
        case NumberPredictions() as found:
            yield from ({"measured": each} for each in found.values.tolist())


def _of_array(model: OfImages, number: int, file: FoundFile, top: int) -> Iterator[Answer]:
    name = str(file.path)
    try:
        batches = model.reader.batches(read_array(file.path, model.reader.num_channels))
        said = chain.from_iterable(_said(model, batch, top) for batch in batches)
        for index, each in enumerate(said):
            yield Answer(number, f"{name}[{index}]", **each)
    except DataError as err:
        yield Answer(number, name, error=_of_file(name, err))


def _of_series(
    model: SeriesModel, number: int, file: FoundFile, top: int, stdin: bytes
) -> Iterator[Answer]:
    """Yield what a model says of each series in a file; of text on standard input, of the one."""
    name = str(file.path)
    try:
        if file.path == STDIN:
            found = model.predict(model.reader.of_text(_text(file, stdin)))
            yield Answer(number, name, found.top(top)[0])
            return
        series_NCT, names = model.reader.of_file(existing_file(file.path))
        for index, classes in enumerate(model.predict(series_NCT).top(top)):
            called = names[index] if names else str(index)
            yield Answer(number, f"{name}[{called}]", classes)
    except DataError as err:
        yield Answer(number, name, error=_of_file(name, err))


def _scored(model: TextModel, number: int, file: FoundFile, stdin: bytes) -> Iterator[Answer]:
    """Yield how well a model can tell the text in a file."""
    name = str(file.path)
    try:
        yield Answer(number, name, score=model.score(_text(file, stdin)))
    except DataError as err:
        yield Answer(number, name, error=_of_file(name, err))


def _translated(
    model: TranslationModel, number: int, file: FoundFile, stdin: bytes
) -> Iterator[Answer]:
    """Yield the translation of each line of a file, and in the end a notice on those too long."""
    name = str(file.path)
    try:
        lines = _text(file, stdin).split("\n")
    except DataError as err:
        yield Answer(number, name, error=_of_file(name, err))
        return
    if not lines[-1]:
        del lines[-1]  # what is behind the end of the last line is none
    longer = []
    for line, sentence in enumerate(lines, 1):
        found = model.translate(sentence)
        if found.is_longer:
            longer.append(line)
        yield Answer(number, name, line=line, translation=found.text)
    if longer:
        yield Answer(number, name, notice=_of_longer(name, longer, model))


def _of_longer(name: str, lines: Sequence[int], model: TranslationModel) -> str:
    first = ", ".join(f"{line:,}" for line in lines[:_MOST_NAMED])
    others = ", ..." if len(lines) > _MOST_NAMED else ""
    longer = "1 line is longer" if len(lines) == 1 else f"{len(lines):,} lines are longer"
    return (
        f"{one_line(name)}: {longer} than any sentence of the model's data, of "
        f"{model.max_length:,} subwords at most ({first}{others}): do not rely on the translation"
    )


def _text(file: FoundFile, stdin: bytes) -> str:
    """Return the text in a file, or of standard input.

    Raises:
        DataError: It cannot be read, or is no text.
    """
    if file.path != STDIN:
        return read_text(file.path)
    try:
        return stdin.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DataError(f"standard input: expected text in UTF-8: {one_line(err)}") from err


def _of_file(name: str, err: DataError) -> str:
    """Return what is wrong, with the file that it is wrong with."""
    where, told = one_line(name), str(err)
    return told if told.startswith((where, "standard input: ")) else f"{where}: {told}"
