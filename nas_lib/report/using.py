"""How to use a search's network: commands and code that work as they stand."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from nas_lib.results import SearchView


@dataclass(frozen=True)
class Use:
    """One way to use a model.

    Attributes:
        about: What it is for.
        code: What to type, or to run by Python.
    """

    about: str
    code: str


def uses(view: SearchView) -> Iterator[Use]:
    """Yield the ways to use what a search found."""
    uri, folder = shlex.quote(view.uri), f"{view.config.name}-model"
    is_text = view.config.task.kind == "text"
    yield Use(
        "A folder to hand on: the network as ONNX, its weights, its labels, and a card that says "
        "what it is. It is laid out as Triton and KServe want it.",
        f"nas export {uri} -o {shlex.quote(folder)}",
    )
    if is_text:
        yield Use("How well it foretells texts.", f"nas predict {uri} text.txt")
    else:
        yield Use(
            "What is on pictures: of files, or of whole folders.",
            f"nas predict {uri} picture.png\nnas predict {uri} pictures --json",
        )
    yield Use("A page for trying out, and an HTTP endpoint.", f"nas serve {uri}")
    yield Use("From Python: its answers, and the network with its weights.", _python(view))
    if not is_text:
        yield Use(
            "From Python without this library: all that happens to a picture is in the graph.",
            _bare_python(folder, view.config.name),
        )


def _python(view: SearchView) -> str:
    call = (
        'model.perplexity("Some text.")'
        if view.config.task.kind == "text"
        else 'model.predict(["picture.png"]).top(3)'
    )
    return (
        "import nas_lib\n\n"
        f"search = nas_lib.open({view.uri!r})\n"
        f"model = search.model()\n"
        f"print({call})\n"
        "network = search.best.network()  # a torch module"
    )


def _bare_python(folder: str, name: str) -> str:
    return f"""\
import numpy, onnxruntime
from PIL import Image

network = onnxruntime.InferenceSession({f"{folder}/{name}/1/model.onnx"!r})
mode = {{1: "L", 3: "RGB"}}[network.get_inputs()[0].shape[3]]
picture = Image.open("picture.png").convert(mode)
images = numpy.asarray(picture).reshape(1, picture.height, picture.width, -1)
logits, probabilities = network.run(["logits", "probabilities"], {{"images": images}})
labels = open({f"{folder}/labels.txt"!r}).read().splitlines()
print(labels[probabilities[0].argmax()], probabilities[0].max())"""
