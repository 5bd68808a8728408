"""From the user's pairs of sentences to what a search stores: numbered, hashed and serialised."""

from __future__ import annotations

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.config import TranslationTaskConfig
from nas_lib.data import Manifest, Prepared
from nas_lib.data.allowance import Allowance
from nas_lib.records import STRICT


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
    raise NotImplementedError
