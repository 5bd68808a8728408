"""What is to be learnt, from which data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nas_lib.bounds import Colour, Fraction, Many, Pattern, Side, Text
from nas_lib.config.series import SeriesDataConfig
from nas_lib.part import MAY_CHANGE, Part


class DigitsData(Part):
    """scikit-learn's 1,797 handwritten digits, 8x8 grey."""

    format: Literal["digits"] = "digits"


Fit = Literal["stretch", "pad", "crop"]
"""How a picture becomes one of other proportions."""


class PicturesPart(Part):
    """Picture files of any size, which become images of one size."""

    format: str
    path: Text = Field(description="Where they lie.", json_schema_extra=MAY_CHANGE)
    size: Side = Field(32, description="Images are resized to size x size pixels.")
    grey: bool = Field(False, description="Read as grey instead of RGB.")
    background: Colour = Field(
        "white",
        description="Seen through what is transparent, and beside padded pictures: white, black or "
        "#rrggbb.",
    )
    fit: Fit = Field(
        "stretch",
        description="How a picture becomes a square: stretched; or with its proportions kept, "
        "padded with background, or cropped to its middle.",
    )
    on_error: Literal["refuse", "skip"] = Field(
        "refuse",
        description="Pictures that cannot be read stop the search (refuse), or are left out and "
        "counted (skip).",
    )


class ImageFolderData(PicturesPart):
    """A folder with one subfolder of images per class."""

    format: Literal["image_folder"] = "image_folder"
    path: Text = Field(description="The folder.", json_schema_extra=MAY_CHANGE)
    group: Pattern | None = Field(
        None,
        description="A regular expression: files in whose names it finds the same (its group in "
        "parentheses, where it has one) are of one thing, and stay on one side of the split. "
        "'^(.*)_[0-9]+' has mug_1.jpg and mug_2.jpg together.",
    )


class ImageTableData(PicturesPart):
    """A table of pictures and what is told of them: CSV, Parquet or JSON lines, by its content."""

    format: Literal["image_table"] = "image_table"
    path: Text = Field(
        description="The table; or a folder with one, or with one for each part (train.csv, "
        "valid.csv, test.csv).",
        json_schema_extra=MAY_CHANGE,
    )
    root: Text | None = Field(
        None,
        description="The folder, or the address in a bucket, that paths in the table are relative "
        "to, and never lead out of; unset: where the table lies.",
        json_schema_extra=MAY_CHANGE,
    )
    image: Text | None = Field(
        None,
        description="The column of the pictures: paths, or what is in their files (in CSV and "
        "JSON lines as base64); unset: image, path, file, filename and the like.",
    )
    label: Text | None = Field(
        None,
        description="The column of their classes, labels or numbers; unset: label, class, target "
        "and the like.",
    )
    separator: Annotated[str, Field(min_length=1, max_length=1)] = Field(
        "|", description="Of task.target labels: the character between the labels of a cell."
    )
    label_columns: tuple[Text, ...] = Field(
        (),
        max_length=10_000,
        description="Of task.target labels: a column for each label, with 0 or 1 in it, in place "
        "of one column with all.",
    )
    split: Text | None = Field(
        None,
        description="The column that says of which part each is: train, val, test; unset: split, "
        "subset or the like, if there is one; empty: none.",
    )
    group: Text | None = Field(
        None,
        description="The column that says of what each is a picture: those of one thing stay on "
        "one side of the split; unset: group or group_id, if there is one; empty: none.",
    )


class NpzData(Part):
    """A numpy archive with images [N, H, W], [N, H, W, C] or [N, C, H, W] and labels [N].

    Of task.target labels these are [N, K] of 0 and 1, of number [N] of floating point.
    """

    format: Literal["npz"] = "npz"
    path: Text = Field(description="The .npz file.", json_schema_extra=MAY_CHANGE)
    images: Text = Field("x_train", description="Key of the training images.")
    labels: Text = Field("y_train", description="Key of the training labels.")
    valid_images: Text = Field(
        "x_valid", description="Key of the validation images; may be absent."
    )
    valid_labels: Text = Field(
        "y_valid", description="Key of the validation labels; may be absent."
    )
    test_images: Text = Field("x_test", description="Key of the test images; may be absent.")
    test_labels: Text = Field("y_test", description="Key of the test labels; may be absent.")
    axes: Literal["NHWC", "NCHW"] | None = Field(
        None,
        description="Order of the images' axes; unset: channels last, or where only that is "
        "plausible, first.",
    )


class IdxData(Part):
    """The four idx files of the MNIST family, by the names they are published by.

    They may be packed; of a file and its packed copy the file is read.
    """

    format: Literal["idx"] = "idx"
    path: Text = Field(
        description="Their folder or one above it, or an archive of them (zip, tar, tar.gz, ...).",
        json_schema_extra=MAY_CHANGE,
    )


class Cifar10Data(Part):
    """CIFAR-10 as published: the python or the binary version, packed or unpacked."""

    format: Literal["cifar10"] = "cifar10"
    path: Text = Field(
        description="The archive (tar.gz, zip, ...), the folder unpacked from it, or one above.",
        json_schema_extra=MAY_CHANGE,
    )


DataConfig = Annotated[
    DigitsData | ImageFolderData | ImageTableData | NpzData | IdxData | Cifar10Data,
    Field(discriminator="format"),
]


ImageTarget = Literal["class", "labels", "number"]
"""What is told of an image: which class it is of, which labels it has, or a number."""
ImageScore = Literal[
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "top_5",
    "auc",
    "mean_average_precision",
    "micro_f1",
    "exact_match",
    "mse",
]
IMAGE_SCORES: Mapping[ImageTarget, tuple[ImageScore, ...]] = {
    "class": ("accuracy", "balanced_accuracy", "macro_f1", "top_5", "auc"),
    "labels": ("mean_average_precision", "macro_f1", "micro_f1", "auc", "exact_match"),
    "number": ("mse",),
}
"""By the target, its default first."""
_NOUNS: dict[ImageScore, str] = {
    "accuracy": "an accuracy",
    "balanced_accuracy": "a balanced accuracy",
    "macro_f1": "a macro F1",
    "top_5": "a top-5 accuracy",
    "auc": "an AUC",
    "mean_average_precision": "a mean average precision",
    "micro_f1": "a micro F1",
    "exact_match": "an exact match",
}
"""What a score is that is a fraction."""
_OF_BATCHES: tuple[ImageScore, ...] = ("accuracy", "top_5")
"""Those that are means over images, which a mini-batch of them can tell."""
_OF_ANY_TARGET: tuple[str, ...] = ("image_table", "npz")
"""Formats in which an image may have several labels, or a number."""


class ImageTaskConfig(Part):
    """Images in classes, with labels or with a number."""

    kind: Literal["images"] = "images"
    data: DataConfig = Field(default_factory=DigitsData)
    target: ImageTarget = Field(
        "class",
        description="What is told of an image: its class; which labels it has (any number of them, "
        "also none); or a number.",
    )
    valid_fraction: Fraction = Field(
        0.1,
        description="Of the training images, held out for the reward, of each class its share.",
    )
    test_fraction: Fraction = Field(
        0.2, description="Held out for the test where the data has no test set."
    )
    max_train: Many | None = Field(
        None,
        description="Use at most this many training images (validation included), stratified.",
    )
    score: ImageScore = Field(
        "accuracy",
        description="What children are judged by. Of a class accuracy; balanced_accuracy or "
        "macro_f1, in which rare classes count as much as common ones; top_5 (of 6 classes or "
        "more); or auc. Of labels mean_average_precision (unless another is said), macro_f1, "
        "micro_f1, auc or exact_match. Of a number mse. A test has the others beside it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_score(cls, document: Any) -> Any:
        """Let a document leave out the score of another target."""
        if not isinstance(document, Mapping) or "score" in document:
            return document
        known: Mapping[Any, tuple[ImageScore, ...]] = IMAGE_SCORES
        target = document.get("target", "class")
        scores = known.get(target) if isinstance(target, str) else None
        return {**document, "score": scores[0]} if scores else document

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        wanted = IMAGE_SCORES[self.target]
        if self.score not in wanted:
            raise ValueError(
                f"score should be {' or '.join(wanted)} with target {self.target}, got {self.score}"
            )
        if self.target != "class" and self.data.format not in _OF_ANY_TARGET:
            raise ValueError(
                f"target {self.target} takes data of format {' or '.join(_OF_ANY_TARGET)}, got "
                f"{self.data.format}"
            )
        names = self.data.label_columns if isinstance(self.data, ImageTableData) else ()
        if names and self.target != "labels":
            raise ValueError(
                f"data.label_columns are of target labels, and target is {self.target}"
            )
        return self

    def misfit_of_score(self, score: float) -> str:
        """Say what a score should be, if this can be none; empty if it can."""
        if self.score == "mse":
            return "" if score > 0 else "a relative mean squared error, above 0"
        noun = _NOUNS[self.score]
        return "" if 0 < score <= 1 else f"{noun}, a fraction above 0 and at most 1"

    def misfits_of_batches(self) -> Iterator[str]:
        """Yield why shared weights cannot be judged by such scores, if they cannot."""
        if self.target != "class":
            yield f"task.target should be class for search.kind shared, got {self.target}"
        elif self.score not in _OF_BATCHES:
            yield (
                f"task.score should be {' or '.join(_OF_BATCHES)} for search.kind shared, whose "
                f"mini-batches have too few images of a class for others, got {self.score}"
            )


class SeriesTaskConfig(ImageTaskConfig):
    """Series of numbers in classes: to all but readers and filters images one pixel high."""

    kind: Literal["series"] = "series"  # type: ignore[assignment]  # another kind than images
    data: SeriesDataConfig  # type: ignore[assignment]
    target: Literal["class"] = Field("class", description="What is told of a series: its class.")
    valid_fraction: Fraction = Field(
        0.2,
        description="Of the training series, held out for the reward, of each class its share.",
    )
    max_train: Many | None = Field(
        None,
        description="Use at most this many training series (validation included), stratified.",
    )
    score: ImageScore = Field(
        "accuracy",
        description="What children are judged by: accuracy; balanced_accuracy or macro_f1, in "
        "which rare classes count as much as common ones; top_5 (of 6 classes or more); or auc. A "
        "test has the others beside it.",
    )


class PydocTopicsData(Part):
    """The topics of Python's own documentation, from its standard library: a small text."""

    format: Literal["pydoc_topics"] = "pydoc_topics"


class TextFilesData(Part):
    """Three texts to train, validate and test: words between blanks, a sentence a line."""

    format: Literal["text_files"] = "text_files"
    path: Text = Field(
        description="The folder with train.txt, valid.txt and test.txt (or as Penn Treebank's and "
        "WikiText's are called), one above it, or an archive (zip, tar, tar.gz, ...).",
        json_schema_extra=MAY_CHANGE,
    )


TextDataConfig = Annotated[PydocTopicsData | TextFilesData, Field(discriminator="format")]


TextLevel = Literal["words", "characters"]
_SCORES: dict[TextLevel, tuple[str, float]] = {
    "words": ("a perplexity", 1.0),
    "characters": ("bits per character", 0.0),
}
"""What a score is, and what it is above."""


class TextTaskConfig(Part):
    """Language modelling: each word or character of a text from those before it."""

    kind: Literal["text"] = "text"
    data: TextDataConfig = Field(default_factory=PydocTopicsData)
    level: TextLevel = Field(
        "words",
        description="What is told from what comes before it: words, judged by their perplexity; or "
        "characters, blanks among them, by bits per character.",
    )
    max_words: int = Field(
        10_000,
        ge=3,
        le=1_000_000,
        description="Different words (or characters) at most, <unk> and <eos> among them; rarer "
        "ones become <unk>.",
    )
    max_train: Many | None = Field(
        None,
        description="Use at most this many words (or characters) of the training text, from its "
        "start.",
    )

    def misfit_of_score(self, score: float) -> str:
        """Say what a score should be, if this can be none; empty if it can."""
        noun, bound = _SCORES[self.level]
        return "" if score > bound else f"{noun}, above {bound:g}"


Column = Annotated[int, Field(ge=1, le=1000)]


class ParallelTextData(Part):
    """Sentences and their translations: columns with tabs between them, a pair a line."""

    format: Literal["parallel_text"] = "parallel_text"
    path: Text = Field(
        description="The file (UTF-8; also packed: .gz, .bz2, .xz), or a folder or an archive with "
        "train.tsv, valid.tsv and test.tsv.",
        json_schema_extra=MAY_CHANGE,
    )
    source: Column = Field(1, description="Which column is translated, from 1 ...")
    target: Column = Field(2, description="... and which one is its translation.")
    split_by: tuple[Column, ...] = Field(
        (),
        max_length=10,
        description="Of one file: columns whose values decide, by their hash, which part a line is "
        "of, such as the document that it is from; the source's sentence where there are none.",
    )
    parts: int = Field(
        40,
        ge=3,
        le=10_000,
        description="Of one file: crc32 of those values, / between them, modulo this; what gives 0 "
        "is for validation, 1 for the test, and all others for training.",
    )

    @model_validator(mode="after")
    def _two_languages(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"source and target are both column {self.source}: expected two")
        return self


class TranslationTaskConfig(Part):
    """Translation: sentences of one language from those of another."""

    kind: Literal["translation"] = "translation"
    data: ParallelTextData
    vocabulary: int = Field(
        4000,
        ge=261,
        le=200_000,
        description="Subwords, of both languages together; 260 of them are marks and single bytes.",
    )
    max_length: int = Field(
        80, ge=2, le=10_000, description="Subwords of a sentence at most, in either language."
    )
    on_error: Literal["refuse", "skip"] = Field(
        "refuse",
        description="Lines that are no pair of sentences, or of longer ones, stop the search "
        "(refuse) or are left out and counted (skip).",
    )
    max_train: Many | None = Field(
        None, description="Use at most this many pairs of the training data, from their start."
    )
    score: Literal["perplexity", "bleu"] = Field(
        "perplexity",
        description="What children are judged by: the perplexity of subwords of the validation "
        "data's translations, or BLEU of translating its sentences greedily, whose reward is "
        "(BLEU / 100)^power, without a constant.",
    )

    def misfit_of_score(self, score: float) -> str:
        """Say what a score should be, if this can be none; empty if it can."""
        if self.score == "bleu":
            return "" if 0 < score <= 100 else "BLEU, above 0 and at most 100"
        return "" if score > 1 else "a perplexity, above 1"


TaskConfig = Annotated[
    ImageTaskConfig | SeriesTaskConfig | TextTaskConfig | TranslationTaskConfig,
    Field(discriminator="kind"),
]
