"""Texts for a language model, and pairs of sentences for a translator: both are read whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from statistics import fmean
from typing import ClassVar, Final

from nas_lib.config import SearchConfig
from nas_lib.data import Manifest
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.presets import preset
from nas_lib.starting_documents.listing import Listing
from nas_lib.starting_documents.series import knows_table
from nas_lib.starting_documents.starter import Choice, Length, Starter
from nas_lib.tasks import task_of
from nas_lib.tasks.text.preparation import TextManifest

_TEXT: Final = re.compile(r"((?:ptb|wiki)\.)?(train|valid|val|validation|test)\.(txt|tokens|raw)")
_LONG_WORDS: Final = 20  # characters of a word on average: of a language without blanks
_LINES: Final = 20
_VOCABULARIES: Final = (4000, 2000, 1000, 500, 300)


def knows_texts(listing: Listing) -> bool:
    """Say whether there are texts with the names of three parts."""
    return len({*filter(_TEXT.fullmatch, listing.base_names)}) >= 3


def knows_pairs(listing: Listing) -> bool:
    """Say whether there are files of pairs, or lines with tabs that are no series of numbers."""
    if knows_table(listing):
        return False
    if listing.kind == "a folder" or listing.names:
        return "train.tsv" in listing.base_names
    lines = [line for line in listing.head.splitlines()[:_LINES] if line.strip()]
    return listing.is_text and bool(lines) and all(b"\t" in line for line in lines)


def look_texts(listing: Listing, allowance: Allowance) -> Starter:
    """Read three texts."""
    return TextStarter(listing)


def look_pairs(listing: Listing, allowance: Allowance) -> Starter:
    """Read pairs of sentences."""
    return TranslationStarter(listing)


class _ReadStarter(Starter):
    """Proposes a document for data that are prepared for it: times depend on what is in them."""

    preset: ClassVar[str]

    def __init__(self, listing: Listing) -> None:
        """Read what lies there.

        Raises:
            DataError: It is not what its format promises.
        """
        self.path = listing.path
        unsaid = {"name", "task", "controller", "resources"}
        self.base = preset(self.preset).model_dump(mode="json", exclude=unsaid)
        self._known: dict[str, Manifest] = {}
        self._take()

    def _take(self) -> None:
        config = self.config(0)
        self.read = self._prepared(config)
        self.num_train = self.read.num_train
        self.what = task_of(config).describe(self.read)

    def _prepared(self, config: SearchConfig) -> Manifest:
        """Return what was prepared of all the data."""
        task = config.task.model_copy(update={"max_train": None})
        text = task.model_dump_json()
        if text not in self._known:
            prepared = task_of(config.model_copy(update={"task": task})).prepare()
            assert prepared is not None
            self._known[text] = prepared.manifest
        return self._known[text]

    def manifest(self, config: SearchConfig) -> Manifest:
        """Return what would be prepared, as far as times depend on it."""
        read, most = self._prepared(config), getattr(config.task, "max_train", None)
        return replace(read, num_train=min(read.num_train, most or read.num_train))

    def notes(self, config: SearchConfig) -> Iterator[str]:
        """Yield what was found on reading."""
        yield from self._prepared(config).notices


class TextStarter(_ReadStarter):
    """A document for a text, whose next word is told."""

    preset = "nas-rnn-pydoc"
    example = "word"
    lengths = (
        Length(6, 96, 20, 3, 3),
        Length(4, 64, 12, 3, 3),
        Length(3, 32, 10, 3, 2),
        Length(2, 24, 6, 2, 2),
        Length(1, 16, 4, 2, 2),
        Length(1, 8, 2, 2, 1),
    )

    def _take(self) -> None:
        """Read the texts by words; where these are none, by characters."""
        self.level, self.example = "words", "word"
        with suppress(DataError):  # of a line that is one word
            super()._take()
            assert isinstance(self.read, TextManifest)
            if fmean(map(len, self.read.words)) <= _LONG_WORDS:
                return
        self.level, self.example = "characters", "character"
        super()._take()

    def choices(self, size: int) -> Iterator[Choice]:
        """Yield all settings but those that a `Length` has."""
        yield Choice("task.kind", "text", "A language model: each word from those before it.")
        yield Choice("task.data.format", "text_files", "It has texts to train, validate and test.")
        yield Choice("task.data.path", self.path)
        blanks = "There are" if self.level == "words" else "There are no"
        yield Choice("task.level", self.level, f"{blanks} blanks between words.")
        yield Choice("space.kind", "nas-rnn", "Recurrent cells in the place of the LSTM's.")
        yield Choice("final.size.hidden", 96, "The best are trained again a little wider.")


class TranslationStarter(_ReadStarter):
    """A document for sentences and their translations."""

    preset = "translation"
    example = "pair"
    lengths = (
        Length(3, 64, 20, 3, 3),
        Length(2, 48, 12, 3, 3),
        Length(1, 32, 10, 3, 2),
        Length(1, 16, 5, 2, 2),
        Length(1, 8, 3, 2, 1),
    )

    def _take(self) -> None:
        """Read the pairs with as many subwords as their text can be told in."""
        for self.vocabulary in _VOCABULARIES:
            try:
                return super()._take()
            except DataError as err:
                if "task.vocabulary" not in str(err) or self.vocabulary == _VOCABULARIES[-1]:
                    raise
        return None

    def choices(self, size: int) -> Iterator[Choice]:
        """Yield all settings but those that a `Length` has."""
        yield Choice("task.kind", "translation", "Each line has a tab between two sentences.")
        yield Choice("task.data.format", "parallel_text")
        yield Choice("task.data.path", self.path)
        yield Choice("task.data.source", 1, "The first column is translated to the second.")
        yield Choice("task.data.target", 2)
        few = (
            "A usual number."
            if self.vocabulary == _VOCABULARIES[0]
            else "Fewer: the text is short."
        )
        yield Choice("task.vocabulary", self.vocabulary, few)
        yield Choice("task.on_error", "skip", "Lines that are no pair are left out and counted.")
        yield Choice("space.kind", "nas-rnn", "Recurrent cells in the place of the LSTM's.")
