"""How to use a search's network: commands and code that work as they stand."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from nas_lib.config import ImageTarget, ImageTaskConfig
from nas_lib.results import SearchView
from nas_lib.results.rivals import found_by


@dataclass(frozen=True)
class Use:
    """One way to use a model.

    Attributes:
        about: What it is for.
        code: What to type, or to run by Python.
    """

    about: str
    code: str


@dataclass(frozen=True)
class _Example:
    """What a model of some kind may be asked.

    Attributes:
        about: What is asked.
        files: To be named on the command line, in turn.
        call: In Python, of `model`.
        imports: What that needs.
        tensors: In Python, the network's inputs; empty where it takes more than a few lines.
        tensor: What the network calls them.
        is_served: Whether there is a page for it.
    """

    about: str
    files: tuple[str, ...]
    call: str
    imports: tuple[str, ...] = ()
    tensors: str = ""
    tensor: str = "images"
    is_served: bool = True


_PICTURES = _Example(
    about="What is on pictures: of files, or of whole folders.",
    files=("picture.png", "pictures --json"),
    call='predict(["picture.png"]).top(3)',
    imports=("import numpy, onnxruntime", "from PIL import Image"),
    tensors="""\
mode = {1: "L", 3: "RGB"}[network.get_inputs()[0].shape[3]]
picture = Image.open("picture.png").convert(mode)
images = numpy.asarray(picture).reshape(1, picture.height, picture.width, -1)""",
)
_NUMBERS_OF_PICTURES = replace(
    _PICTURES,
    about="The number of pictures: of files, or of whole folders.",
    call='predict(["picture.png"]).values',
)
_ARRAYS = _Example(
    about="What is on the images of an array [N, H, W, C], with numbers as the data have them.",
    files=("images.npy",),
    call='predict(numpy.load("images.npy")).top(3)',
    imports=("import numpy, onnxruntime",),
    tensors='images = numpy.load("images.npy").astype(numpy.float32)',
)
_NUMBERS_OF_ARRAYS = replace(
    _ARRAYS,
    about="The numbers of the images of an array [N, H, W, C].",
    call='predict(numpy.load("images.npy")).values',
)
_SERIES = _Example(
    about="What series are: of an array [N, C, T], a .ts file or a table, with numbers as the data "
    "have them.",
    files=("series.npy",),
    call='predict(numpy.load("series.npy")).top(3)',
    imports=("import numpy, onnxruntime",),
    tensors='series = numpy.load("series.npy").astype(numpy.float32)',
    tensor="series",
)
_TEXTS = _Example(
    about="How well it can tell what comes next in a text.",
    files=("text.txt",),
    call='score("Some text.")',
)
_TRANSLATIONS = _Example(
    about="What the sentences of a text are in the other language, a line each.",
    files=("sentences.txt",),
    call='translate("A sentence.").text',
    is_served=False,
)
_OTHERS = {"series": _SERIES, "text": _TEXTS, "translation": _TRANSLATIONS}
"""What is asked of models that see no images, by the kind of task."""


def uses(view: SearchView) -> Iterator[Use]:
    """Yield the ways to use what a search found."""
    uri, folder, example = shlex.quote(view.uri), f"{view.config.name}-model", _example_of(view)
    yield Use(
        "A folder to hand on: the network as ONNX, its weights, its labels or words, and a card "
        "that says what it is. It is laid out as Triton and KServe want it.",
        f"nas export {uri} -o {shlex.quote(folder)}",
    )
    yield Use(example.about, "\n".join(f"nas predict {uri} {each}" for each in example.files))
    if example.is_served:
        yield Use("A page for trying it out, and an HTTP endpoint.", f"nas serve {uri}")
    yield Use("From Python: its answers, and the network with its weights.", _python(view, example))
    if example.tensors:
        of_what = "a series" if example is _SERIES else "an image"
        yield Use(
            f"From Python without this library: all that happens to {of_what} is in the graph.",
            _bare_python(folder, view.config.name, example, _target(view)),
        )


def _example_of(view: SearchView) -> _Example:
    other = _OTHERS.get(view.config.task.kind)
    if other is not None:
        return other
    is_array = view.data is not None and view.data.dtype == "float32"
    if _target(view) == "number":
        return _NUMBERS_OF_ARRAYS if is_array else _NUMBERS_OF_PICTURES
    return _ARRAYS if is_array else _PICTURES


def _target(view: SearchView) -> ImageTarget:
    task = view.config.task
    return task.target if isinstance(task, ImageTaskConfig) else "class"


def _python(view: SearchView, example: _Example) -> str:
    final = found_by(view).final
    is_of_final = final is not None and (final.retrained is not None or view.best is None)
    uri = final.view.uri if final is not None and is_of_final else view.uri
    imports = "import numpy\n\nimport nas_lib" if "numpy" in example.call else "import nas_lib"
    return f"""\
{imports}

model = nas_lib.open({view.uri!r}).model()
print(model.{example.call})
network = nas_lib.open({uri!r}).best.network()  # a torch module"""


def _bare_python(folder: str, name: str, example: _Example, target: ImageTarget) -> str:
    imports, tensor = "\n".join(example.imports), example.tensor
    begin = f"""\
{imports}

network = onnxruntime.InferenceSession({f"{folder}/{name}/1/model.onnx"!r})
{example.tensors}
"""
    if target == "number":
        return (
            begin
            + """\
(values,) = network.run(["values"], {"images": images})
print(values[0])"""
        )
    told = """\
print(labels[probabilities[0].argmax()], probabilities[0].max())"""
    if target == "labels":
        told = """\
print([label for label, each in zip(labels, probabilities[0]) if each > 0.5])"""
    return f"""\
{begin}logits, probabilities = network.run(["logits", "probabilities"], {{"{tensor}": {tensor}}})
labels = open({f"{folder}/labels.txt"!r}, encoding="utf-8").read().splitlines()
{told}"""
