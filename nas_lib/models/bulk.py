"""Using a model on many files: what it says of each, in order, whatever is wrong with others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice

from nas_lib.errors import DataError, one_line
from nas_lib.models.files import STDIN, FoundFile, read_array, read_text
from nas_lib.models.image_model import ImageModel
from nas_lib.models.image_reader import NoPictureError
from nas_lib.models.text_model import TextModel, TextScore

_Numbered = tuple[int, FoundFile]


@dataclass(frozen=True)
class Answer:
    """What became of a file, or of one image of an array in a file.

    Attributes:
        number: Which of the files it is, from 0.
        name: Of the file; with a number in brackets where it is of an array.
        classes: The most probable classes and how probable they are, best first.
        score: Of a text.
        error: Why there is neither.
        is_left_out: Whether that is because folders have other files than pictures, too.
    """

    number: int
    name: str
    classes: dict[str, float] | None = None
    score: TextScore | None = None
    error: str = ""
    is_left_out: bool = False


def predict_files(
    model: ImageModel, files: Sequence[FoundFile], *, top: int, stdin: bytes = b""
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
    model: ImageModel, files: Sequence[_Numbered], top: int, stdin: bytes
) -> Iterator[Answer]:
    given = [stdin if file.path == STDIN else file.path for _, file in files]
    read = model.reader.read_or_told(given)
    said = iter(model.predict([each for each in read if not isinstance(each, DataError)]).top(top))
    for (number, file), each in zip(files, read, strict=True):
        name = str(file.path)
        if isinstance(each, DataError):
            is_left_out = isinstance(each, NoPictureError) and not file.is_named
            yield Answer(number, name, error=str(each), is_left_out=is_left_out)
        else:
            yield Answer(number, name, next(said))


def _of_array(model: ImageModel, number: int, file: FoundFile, top: int) -> Iterator[Answer]:
    name = str(file.path)
    try:
        batches = model.reader.batches(read_array(file.path, model.reader.num_channels))
        said = chain.from_iterable(model.predict(batch).top(top) for batch in batches)
        for index, classes in enumerate(said):
            yield Answer(number, f"{name}[{index}]", classes)
    except DataError as err:
        yield Answer(number, name, error=_of_file(name, err))


def score_files(
    model: TextModel, files: Sequence[FoundFile], *, stdin: bytes = b""
) -> Iterator[Answer]:
    """Yield how well a model can tell the texts in files.

    Args:
        model: The model.
        files: Texts.
        stdin: What came on standard input, where a file stands for that.
    """
    for number, file in enumerate(files):
        name = str(file.path)
        try:
            text = stdin.decode() if file.path == STDIN else read_text(file.path)
            yield Answer(number, name, score=model.score(text))
        except UnicodeDecodeError as err:
            told = f"standard input: expected text in UTF-8: {one_line(err)}"
            yield Answer(number, name, error=told)
        except DataError as err:
            yield Answer(number, name, error=_of_file(name, err))


def _of_file(name: str, err: DataError) -> str:
    """Return what is wrong, with the file that it is wrong with."""
    where, told = one_line(name), str(err)
    return told if told.startswith(where) else f"{where}: {told}"
