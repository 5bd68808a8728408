"""From the user's pairs of sentences to what a search stores: numbered, hashed and serialised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import compress
from typing import Final

import numpy as np
from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.config import TranslationTaskConfig
from nas_lib.data import Manifest, Prepared, prepared
from nas_lib.data.allowance import Allowance
from nas_lib.data.subwords import Subwords
from nas_lib.errors import plural
from nas_lib.records import STRICT
from nas_lib.tasks.translation.numbering import NumberedPart
from nas_lib.tasks.translation.raw import Pair, WrongLines, check_pairs, without_shared
from nas_lib.tasks.translation.readers import read_parallel_text

_MOST_LEARNT: Final = 2_000_000  # sentences that a vocabulary is trained on


@checked_dataclass(frozen=True, config=STRICT)
class TranslationManifest(Manifest):
    """What was prepared of pairs of sentences; its examples are these.

    The blobs hold of each part, `train`, `valid` and `test`:

        <part>.source, <part>.target        numbers of subwords, int32, one sentence after another
                                            with its end, that of the target with its beginning, too
        <part>.source_ends, .target_ends    where each sentence ends in there, int64 [N]
        <part>.references, .reference_ends  of valid and test: the translations as they are written,
                                            UTF-8 as uint8, and where each ends, int64 [N]
        subwords                            the vocabulary as sentencepiece stores it, uint8

    Attributes:
        num_subwords: Of the vocabulary.
        max_length: Subwords of the longest sentence, its end among them.
        num_train_subwords: Of the training data's translations, their ends among them.
    """

    num_subwords: int
    max_length: int
    num_train_subwords: int


def prepare_translation(task: TranslationTaskConfig, allowance: Allowance) -> Prepared:
    """Read, check, split, number and serialise pairs: a pure function of data and settings.

    Args:
        task: What the data are.
        allowance: How much memory they may take unpacked.

    Raises:
        DataError: The data is missing, damaged, not what its format promises, too small, or
            larger than allowed.
        MissingExtraError: sentencepiece is not installed.
    """
    raw = without_shared(read_parallel_text(task.data, allowance, on_error=task.on_error))
    raw = replace(raw, train=replace(raw.train, pairs=raw.train.pairs[: task.max_train]))
    check_pairs(raw)
    where = raw.train.where
    subwords = Subwords.trained(_learnt(raw.train.pairs), size=task.vocabulary, where=where)
    numbered = [NumberedPart.of(part, subwords) for part in raw.parts]
    train, valid, test = (each.kept(~each.is_long(task.max_length)) for each in numbered)
    raw = replace(
        raw,
        train=train.part,
        valid=valid.part,
        test=test.part,
        notices=(*raw.notices, *_on_long(numbered, task)),
    )
    check_pairs(raw)
    vocabulary = {"subwords": np.frombuffer(subwords.data, np.uint8)}
    return prepared(
        partial(
            TranslationManifest,
            source=raw.source,
            num_train=len(raw.train),
            num_valid=len(raw.valid),
            num_test=len(raw.test),
            num_subwords=len(subwords),
            max_length=max(each.longest for each in (train, valid, test)),
            num_train_subwords=train.num_told,
            notices=raw.notices,
        ),
        search={
            **train.arrays("train", has_references=False),
            **valid.arrays("valid", has_references=True),
            **vocabulary,
        },
        test={**test.arrays("test", has_references=True), **vocabulary},
        names=(),  # the vocabulary is among the arrays
    )


def _learnt(pairs: Sequence[Pair]) -> Iterator[str]:
    """Yield the sentences that a vocabulary is trained on: evenly chosen where they are many."""
    step = -(-2 * len(pairs) // _MOST_LEARNT)
    for pair in pairs[::step]:
        yield pair.source
        yield pair.target


def _on_long(parts: Iterable[NumberedPart], task: TranslationTaskConfig) -> Iterator[str]:
    """Yield a notice on each file with sentences that are too long.

    Raises:
        DataError: There are some, and none is to be left out.
    """
    most = plural(task.max_length, "subword")
    wrong: dict[str, WrongLines] = {}
    for each in parts:
        lines = wrong.setdefault(
            each.part.where, WrongLines(each.part.where, f"sentences of at most {most}")
        )
        for pair in compress(each.part.pairs, each.is_long(task.max_length).tolist()):
            lines.add(pair.line, ("line", f" with a sentence of more than {most}"))
    for lines in wrong.values():
        yield from lines.settle(task.on_error, "set task.max_length to more")
