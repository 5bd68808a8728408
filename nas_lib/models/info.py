"""ModelInfo: all that is known of a model besides its numbers, as `model.json` says it.

People read that file too, so it is indented; its checksum is over the text after it, as that of
every record is. A model is laid out like this, in a folder or below `models/<id>` of a search:

    model.json            written last: a model without it is not there
    <name>/1/model.onnx   as Triton and KServe want it; see `ImageInputs`, `TextInputs` ...
    <name>/config.pbtxt   what Triton would not find out from the network
    <name>-<graph>/...    likewise of each graph, where a model has several: `TranslationInputs`
    weights.safetensors   the state dict, as a child's weights are stored
    labels.txt            classes, words or characters, one a line
    metrics.json          what was measured
    README.md             the same for people
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass
from pydantic_core import from_json

from nas_lib.architecture import Architecture
from nas_lib.bounds import Colour, Name, Side, Steps
from nas_lib.config import Fit, ImageTarget, TextLevel
from nas_lib.config.series import Lengths, Missing, Standardise
from nas_lib.data import BlobInfo
from nas_lib.errors import CorruptStateError, one_line
from nas_lib.records import STRICT, Count, Metric, Seconds, Speed, first_error
from nas_lib.results.measure import Measure

FORMAT_VERSION = 1

INFO = "model.json"
WEIGHTS = "weights.safetensors"
LABELS = "labels.txt"
METRICS = "metrics.json"
CARD = "README.md"
SUBWORDS = "subwords.model"
ONLY: Final = ""
"""The name of a graph that is the only one of its model."""
ENCODER: Final = "encoder"
DECODER: Final = "decoder"

RelativePath = Annotated[str, Field(max_length=200, pattern=r"^[\w-][\w.-]*(/[\w-][\w.-]*)*$")]
"""Of a file in a model; none leads out of it."""


def graph_folder(name: str, graph: str = ONLY) -> str:
    """Return where a graph lies in a model of this name: the folder that Triton calls it by."""
    return "-".join(filter(None, (name, graph)))


def onnx_file(name: str, graph: str = ONLY, *, version: int = 1) -> str:
    """Return where the network of a graph lies in a model of this name."""
    return f"{graph_folder(name, graph)}/{version}/model.onnx"


@checked_dataclass(frozen=True, config=STRICT)
class ImageInputs:
    """Pictures. The graph takes `images` `[N, H, W, C]` of any N, H and W.

    It resizes them to what the network was trained on (as Pillow's bilinear filter does), scales
    and standardises them; nobody else does. Where pictures were padded or cropped, it does that,
    too. It gives `logits` and `probabilities`, `[N, K]`, of classes or labels; or `values` `[N]`,
    numbers in the unit of the data.

    Attributes:
        height: Of what the network sees.
        width: Likewise.
        channels: 1 for grey, 3 for RGB.
        dtype: Of `images`: `uint8` from 0 to 255, or `float32` as the data were.
        mean: Of each channel over the training images; of uint8 ones after division by 255.
        std: Likewise.
        background: Seen through what is transparent; None where the data were no picture files.
        range_32: Of pictures of 32 bits, what becomes 0 to 255; None where the data had none.
        fit: How images of other proportions become as high and wide as the network sees them.
    """

    graphs: ClassVar[tuple[str, ...]] = (ONLY,)
    is_served: ClassVar[bool] = True

    height: Side
    width: Side
    channels: Side
    dtype: Literal["uint8", "float32"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    background: Colour | None = None
    range_32: tuple[float, float] | None = None
    fit: Fit = "stretch"
    kind: Literal["images"] = "images"

    @property
    def sample(self) -> str:
        """What a file might be called that it is used on."""
        return "images.npy" if self.background is None else "picture.png"


@checked_dataclass(frozen=True, config=STRICT)
class SeriesInputs:
    """Series. The graph takes `series` float32 `[N, C, T]` of any N, as the data were.

    It standardises them; nobody else does. It gives `logits` and `probabilities`, `[N, K]`.

    Attributes:
        channels: C.
        length: T.
        mean: Of each channel over the training series; where each series is standardised by
            itself, after that.
        std: Likewise.
        standardise: Whether each series is, by its own mean and deviation, or all by those above.
        lengths: What becomes of series in files that have another length.
        missing: What becomes of values in files that are missing.
        columns: Of tables: what columns are called, by the settings that say so.
        values: Of tables: the columns of numbers, where a setting names them.
    """

    graphs: ClassVar[tuple[str, ...]] = (ONLY,)
    sample: ClassVar[str] = "series.npy"
    is_served: ClassVar[bool] = True

    channels: Side
    length: Steps
    mean: tuple[float, ...]
    std: tuple[float, ...]
    standardise: Standardise
    lengths: Lengths
    missing: Missing
    columns: dict[str, str] = field(default_factory=dict)
    values: tuple[str, ...] = ()
    kind: Literal["series"] = "series"


@checked_dataclass(frozen=True, config=STRICT)
class TextInputs:
    """Pieces of text, made of words; or of characters, which are called words here, too.

    The graph takes `words` (int64 `[T, B]`) and `state` (`[B, S]`).

    B texts stand side by side, and are read T words at a time; both are any number. It gives
    `logits` `[T, B, V]` of the word after each, `states` `[T, B, S]` after each word, and
    `next_state` `[B, S]` after the last. The state before a text is zero.

    Attributes:
        bptt: Words of a piece that it was trained on.
        state_size: Numbers of a state, S.
        unknown: The index of the word that stands for all that are not in the vocabulary.
        end: The index of the word that ends a sentence.
        words: How a text is split into words: as the reader of this format does.
        level: What these are.
    """

    graphs: ClassVar[tuple[str, ...]] = (ONLY,)
    sample: ClassVar[str] = "text.txt"
    is_served: ClassVar[bool] = True

    bptt: Annotated[int, Field(ge=1)]
    state_size: Annotated[int, Field(ge=1)]
    unknown: Count
    end: Count
    words: Literal["pydoc_topics", "text_files"]
    level: TextLevel = "words"
    kind: Literal["text"] = "text"


@checked_dataclass(frozen=True, config=STRICT)
class TranslationInputs:
    """Sentences, one at a time, as numbers of subwords: `subwords.model` has them.

    The graph `encoder` takes `source` (int64 `[T]`), the sentence with its end, and gives `values`
    `[T, H]`. The graph `decoder` is one step: it takes of K beginnings of a translation `last`
    (int64 `[K]`), the subword that each ends with, at first that of the beginning; `state`
    `[K, S]`, at first zeros; and `values`. It gives `logits` `[K, V]` of the next subword, and
    `next_state` `[K, S]`.

    Attributes:
        hidden: Numbers of a value, H.
        state_size: Numbers of a state, S.
        begin: The number of the subword before a translation.
        end: Of that behind a sentence, and behind its translation.
        max_length: Subwords of the longest sentence of its data, the end among them.
        beam: Hypotheses that a translation is chosen from.
        length_penalty: By which they are judged, see `nas_lib.beam_search`.
    """

    graphs: ClassVar[tuple[str, ...]] = (ENCODER, DECODER)
    sample: ClassVar[str] = "sentences.txt"
    is_served: ClassVar[bool] = False

    hidden: Annotated[int, Field(ge=1)]
    state_size: Annotated[int, Field(ge=1)]
    begin: Count
    end: Count
    max_length: Annotated[int, Field(ge=1)]
    beam: Annotated[int, Field(ge=1, le=100)]
    length_penalty: Annotated[float, Field(ge=0)]
    kind: Literal["translation"] = "translation"


Inputs = ImageInputs | SeriesInputs | TextInputs | TranslationInputs


@checked_dataclass(frozen=True, config=STRICT)
class Origin:
    """Which network it is, and where it came from.

    Attributes:
        architecture: The architecture; its text is for people.
        child: The child's id.
        uri: Of the search or final training whose child it is.
        final: The key of that final training; empty for a child of the search itself.
        seed: Of all that was random in its training.
        num_parameters: Trainable ones.
        num_multiply_adds: For one image or word; of a translator, for a subword read and one told.
    """

    architecture: Architecture
    child: str
    uri: str
    final: str
    seed: Count
    num_parameters: Count
    num_multiply_adds: Count


@checked_dataclass(frozen=True, config=STRICT)
class Training:
    """How it was trained.

    Attributes:
        epochs: That were trained.
        best_epoch: Whose weights these are.
        seconds: Of training.
        where: Host and device.
        includes_validation: Whether it was trained on the validation data too.
        settings: Of its training, as the search's document has them under `children`.
    """

    epochs: Count
    best_epoch: Count
    seconds: Seconds
    where: str
    includes_validation: bool
    settings: dict[str, Any]


@checked_dataclass(frozen=True, config=STRICT)
class Data:
    """What it learned from."""

    source: str
    content_hash: str
    num_train: Count
    num_valid: Count
    num_test: Count


@checked_dataclass(frozen=True, config=STRICT)
class Score:
    """What was measured on data that it was not trained on.

    Attributes:
        value: As `ModelInfo.measure` says.
        num_examples: On how many images, words or pairs of sentences.
        interval: Where the value lies with 95 % confidence, by the number of examples alone; None
            where nobody can say.
    """

    value: float
    num_examples: Count
    interval: tuple[float, float] | None = None


@checked_dataclass(frozen=True, config=STRICT)
class MeasureInfo:
    """What scores are: `accuracy` (a fraction), `perplexity`, `bits per character`, ..."""

    noun: str
    higher_is_better: bool
    is_fraction: bool

    @classmethod
    def of(cls, measure: Measure) -> MeasureInfo:
        """Return what is to be known of a measure."""
        return cls(measure.noun, measure.higher_is_better, measure.is_fraction)

    def text(self, score: float) -> str:
        """Return a score as people read it: a fraction in percent."""
        if self.is_fraction:
            return f"{100 * score:.2f} %"
        return f"{score:.2f}" if abs(score) >= 1 else f"{score:.3g}"


@checked_dataclass(frozen=True, config=STRICT)
class Parity:
    """How well the graph agrees with torch, on validation data.

    Attributes:
        num_examples: Images, words or sentences that both were given.
        max_difference: Of logits, at equal tensors; the largest. Where logits are above 100, in
            proportion to the largest of them.
        agreement: Images of which the whole graph and the Pillow path of training say the same
            class, a fraction (of several labels, those that are; numbers, within a hundredth of
            their deviation); sentences of which both make the same translation; of text, 1 - the
            relative difference of the perplexities.
        compared: In a sentence, what the two were given.
    """

    num_examples: Count
    max_difference: Annotated[float, Field(ge=0)]
    agreement: Annotated[float, Field(ge=0, le=1)]
    compared: str


@checked_dataclass(frozen=True, config=STRICT)
class ModelInfo:
    """What a model is.

    Attributes:
        format_version: Of this description and of the layout around it.
        id: The model's; `final-<key>`, `<key>-<child>`, or a child's id.
        name: The search's; also the folder of the network.
        inputs: What it takes; their `kind` is the task's.
        labels: Names of the classes or labels, or the words of the vocabulary, in the order of the
            outputs; of a number what that is called.
        origin: Which network it is.
        training: How it was trained.
        data: On what.
        measure: What scores are.
        validation: Its score on validation data; None where it was trained on them.
        test: Its score on test data; None where that had not been read yet.
        parity: How well graph and torch agree.
        speed: How fast the graph is; None where it was not measured.
        files: All other files of the model, by their path in it.
        versions: Of what it was made with: `kfp-nas`, `torch`, `onnx`, ...
        created_s: Seconds since 1970.
        test_metrics: What it came to on the test data by other measures.
        validation_of_seeds: Of the winner of a final training, what it scored on validation data by
            each of several seeds, trained on the training data alone.
        version: Of its graphs, as Triton counts them; above 1 where models follow one another at
            one address.
        target: What it tells of images.
    """

    id: str
    name: Name
    inputs: Annotated[Inputs, Field(discriminator="kind")]
    labels: tuple[str, ...]
    origin: Origin
    training: Training
    data: Data
    measure: MeasureInfo
    validation: Score | None
    test: Score | None
    parity: Parity
    speed: Speed | None
    files: dict[RelativePath, BlobInfo]
    versions: dict[str, str]
    created_s: Seconds
    validation_of_seeds: tuple[float, ...] = ()
    test_metrics: tuple[Metric, ...] = ()
    version: Annotated[int, Field(ge=1)] = 1
    target: ImageTarget = "class"
    format_version: int = FORMAT_VERSION

    def __repr__(self) -> str:
        return f"ModelInfo({self.id}, {self.inputs.kind}, {self.origin.architecture!r})"

    @property
    def onnx(self) -> dict[str, str]:
        """Where its networks lie in the model, by the names of the graphs."""
        graphs, version = self.inputs.graphs, self.version
        return {graph: onnx_file(self.name, graph, version=version) for graph in graphs}


_ADAPTER = TypeAdapter(ModelInfo)
_BEGINNING = re.compile(rb'\{\n  "crc32": "([0-9a-f]{8})",\n')


def pack_info(info: ModelInfo) -> bytes:
    """Return a model's description as `model.json` has it."""
    fields = json.dumps(_ADAPTER.dump_python(info, mode="json"), indent=2, ensure_ascii=False)
    text = fields.removeprefix("{\n").encode()
    return b'{\n  "crc32": "%08x",\n' % zlib.crc32(text) + text


def parse_info(data: bytes, *, where: str) -> ModelInfo:
    """Return the description that `pack_info` wrote.

    Args:
        data: The text.
        where: It lay, for the error.

    Raises:
        CorruptStateError: It is damaged, none, or of another format.
    """
    beginning = _BEGINNING.match(data)
    if beginning is None or int(beginning[1], 16) != zlib.crc32(data[beginning.end() :]):
        raise CorruptStateError(
            f"{one_line(where)} is damaged: expected the description of a model as `nas export` "
            f"wrote it, got {len(data):,} bytes that are not"
        )
    try:
        fields = from_json(b"{" + data[beginning.end() :])
        _check_format(fields, where)
        return _ADAPTER.validate_python(fields)
    except ValidationError as err:
        wrong = first_error(err)
    except ValueError as err:
        wrong = one_line(err)
    raise CorruptStateError(
        f"{one_line(where)} is whole, but describes no model as this release reads it: {wrong}"
    )


def _check_format(fields: Mapping[str, Any], where: str) -> None:
    version = fields.get("format_version")
    if version != FORMAT_VERSION:
        is_newer = isinstance(version, int) and version > FORMAT_VERSION
        raise CorruptStateError(
            f"{one_line(where)} is of a model in format {one_line(version, 20)}, this release of "
            f"kfp-nas reads format {FORMAT_VERSION}: "
            + ("use a newer release" if is_newer else "export it anew")
        )
