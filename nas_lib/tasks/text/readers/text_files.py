"""Three texts to train, validate and test, by the names under which such texts are published."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from nas_lib.config import TextFilesData, TextLevel
from nas_lib.data.allowance import Allowance
from nas_lib.data.data_file import DataFile
from nas_lib.data.decoding import decoded
from nas_lib.data.file_sets import FileSet, choose, open_files
from nas_lib.errors import DataError
from nas_lib.tasks.text.raw import END, RawText

_NAME = re.compile(r"((?:ptb|wiki)\.)?(train|valid|val|validation|test)\.(txt|tokens|raw)")
_LONGEST_WORD = 2**20
_POINTER_BYTES = 8
_WORD_BYTES = 80  # what Python takes for a word or a character, about


def read_text_files(config: TextFilesData, allowance: Allowance, level: TextLevel) -> RawText:
    """Read the three texts: words between blanks, and an `<eos>` at the end of each line.

    Of characters each one of a line counts, blanks and tabs too. What Windows ends lines with is no
    more than the end of a line, and no character.

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
        texts = {name: tokens_of_file(file, known, level) for name, file in chosen.items()}
        source = f"texts in {chosen[wanted.names[0]].place}"
    train, valid, test = (texts[name] for name in wanted.names)
    return RawText(source, train, valid, test)


def split_text(text: str, level: TextLevel) -> list[str]:
    """Return the words or characters of a text as those of a file, with each line's `<eos>`."""
    lines = text.removesuffix("\n").split("\n")
    return [token for line in lines for token in (*_SPLIT[level](line), END)]


def _characters(line: str) -> list[str]:
    return list(line.removesuffix("\r"))


_SPLIT: dict[TextLevel, Callable[[str], list[str]]] = {
    "words": str.split,
    "characters": _characters,
}


def _role(name: str) -> tuple[str, str] | None:
    if (match := _NAME.fullmatch(name)) is None:
        return None
    prefix, part, suffix = match.groups(default="")
    return f"{prefix}{suffix}", f"{'valid' if part.startswith('val') else part}.txt"


def tokens_of_file(file: DataFile, known: dict[str, str], level: TextLevel) -> list[str]:
    """Return the words or characters of a file; of equal ones, `known` keeps one."""
    tokens: list[str] = []
    for text in _whole_tokens(file, level):
        num_tokens, num_known = len(tokens), len(known)
        for number, line in enumerate(text.split("\n")):
            if number:
                tokens.append(END)
            tokens += [known.setdefault(token, token) for token in _SPLIT[level](line)]
        num_bytes = _POINTER_BYTES * (len(tokens) - num_tokens)
        file.allowance.take(num_bytes + _WORD_BYTES * (len(known) - num_known), file.where)
    return tokens


def _whole_tokens(file: DataFile, level: TextLevel) -> Iterator[str]:
    """Yield the text in pieces that end between tokens, and with a newline at its very end.

    Raises:
        DataError: It has none, or a word that does not end.
    """
    rest, last, is_blank = "", "", True
    for piece in decoded(file):
        text = rest + piece
        rest = _UNFINISHED[level](text)
        if len(rest) > _LONGEST_WORD:
            raise DataError(
                f"{file.where}: expected words between blanks, got one of a MiB or more"
            )
        yield text.removesuffix(rest)
        is_blank = is_blank and not text.strip()
        last = text[-1:] or last
    if is_blank:
        raise DataError(f"{file.where}: expected {level}, got an empty file")
    if last != "\n":
        yield f"{rest}\n"


def _unfinished_word(text: str) -> str:
    return "" if not text or text[-1].isspace() else text.rsplit(None, 1)[-1]


def _unfinished_end(text: str) -> str:
    """Return what may turn out to end a line, with what looks alike before it."""
    return text[len(text.rstrip("\r")) :]


_UNFINISHED: dict[TextLevel, Callable[[str], str]] = {
    "words": _unfinished_word,
    "characters": _unfinished_end,
}
