"""Three texts to train, validate and test, by the names under which such texts are published."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import chain

from nas_lib.config import TextFilesData
from nas_lib.data.allowance import Allowance
from nas_lib.data.data_file import DataFile
from nas_lib.data.file_sets import FileSet, choose, open_files
from nas_lib.errors import DataError
from nas_lib.tasks.text.raw import END, RawText

_NAME = re.compile(r"((?:ptb|wiki)\.)?(train|valid|val|validation|test)\.(txt|tokens|raw)")
_MARKS = (  # the longer ones first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_LONGEST_WORD = 2**20
_POINTER_BYTES = 8
_WORD_BYTES = 80  # what Python takes for a word, about


def read_text_files(config: TextFilesData, allowance: Allowance) -> RawText:
    """Read the three texts: words between blanks, and an `<eos>` at the end of each line.

    Raises:
        DataError: A file is missing, empty, not in UTF-8 (or in UTF-16 with a mark that says so),
            or larger than allowed; or more than one may be meant.
    """
    wanted = FileSet(
        "three texts (as train.txt, ptb.train.txt or wiki.train.tokens)",
        ("train.txt", "valid.txt", "test.txt"),
        _role,
    )
    known: dict[str, str] = {}
    with open_files(config.path, allowance) as files:
        chosen = choose(config.path, files, wanted)
        texts = {name: words_of_file(file, known) for name, file in chosen.items()}
        source = f"texts in {chosen[wanted.names[0]].place}"
    train, valid, test = (texts[name] for name in wanted.names)
    return RawText(source, train, valid, test)


def words_of_text(text: str) -> list[str]:
    """Return the words of a text as those of a file: with an `<eos>` at the end of each line."""
    lines = text.removesuffix("\n").split("\n")
    return [word for line in lines for word in (*line.split(), END)]


def _role(name: str) -> tuple[str, str] | None:
    if (match := _NAME.fullmatch(name)) is None:
        return None
    prefix, part, suffix = match.groups(default="")
    return f"{prefix}{suffix}", f"{'valid' if part.startswith('val') else part}.txt"


def words_of_file(file: DataFile, known: dict[str, str]) -> list[str]:
    """Return the words of a file; of equal ones, `known` keeps one."""
    words: list[str] = []
    for text in _whole_words(file):
        num_words, num_known = len(words), len(known)
        for number, line in enumerate(text.split("\n")):
            if number:
                words.append(END)
            words += [known.setdefault(word, word) for word in line.split()]
        num_bytes = _POINTER_BYTES * (len(words) - num_words)
        file.allowance.take(num_bytes + _WORD_BYTES * (len(known) - num_known), file.where)
    return words


def _whole_words(file: DataFile) -> Iterator[str]:
    """Yield the text in pieces that end between words, and with a newline at its very end.

    Raises:
        DataError: It has no words, or one that does not end.
    """
    rest, last, is_blank = "", "", True
    for piece in decoded(file):
        text = rest + piece
        rest = "" if not text or text[-1].isspace() else text.rsplit(None, 1)[-1]
        if len(rest) > _LONGEST_WORD:
            raise DataError(
                f"{file.where}: expected words between blanks, got one of a MiB or more"
            )
        yield text.removesuffix(rest)
        is_blank = is_blank and not text.strip()
        last = text[-1:] or last
    if is_blank:
        raise DataError(f"{file.where}: expected words, got an empty file")
    if last != "\n":
        yield f"{rest}\n"


def decoded(file: DataFile) -> Iterator[str]:
    """Yield the text in pieces, without a mark at its start that says how it is encoded."""
    with file.open() as stream:
        pieces = file.allowance.pieces(stream, file.where)
        first = next(pieces, b"")
        encoding = next((name for mark, name in _MARKS if first.startswith(mark)), "UTF-8")
        decoder = codecs.getincrementaldecoder(encoding)()
        at = len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0
        for piece in chain([first[at:]], pieces, [b""]):
            pending = decoder.getstate()[0]
            try:
                yield decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as err:
                bad = err.object[err.start : err.end]
                raise DataError(
                    f"{file.where}: expected text in {encoding}, got {bad.hex():.40} "
                    f"at byte {at - len(pending) + err.start:,}"
                ) from err
            at += len(piece)
