"""The page *use what was found*: all that it shows is typed, one after the other."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from nas_command import Nas
from PIL import Image
from served import served
from sklearn.datasets import load_digits
from toy_models import figure_model

from nas_lib.cli.commands import cli
from nas_lib.engine import crew

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/models.md").read_text(encoding="utf-8")
SEARCH = {
    "name": "photos",
    "task": {"data": {"format": "image_folder", "path": "photos", "size": 8}},
    "space": {"kind": "cnn", "num_filters": [8], "depth": {"start": 2, "max": 2}},
    "children": {"epochs": 1, "threads": 1},
    "search": {"max_children": 2, "children_per_round": 2},
    "final": {
        "top": 1,
        "seeds": 2,
        "references": ["plain-cnn"],
        "children": {"epochs": 1, "threads": 1},
    },
}


class Reader:
    """Types what the page shows, in a folder where a search has ended."""

    def __init__(self, nas: Nas, stack: ExitStack) -> None:
        self._nas = nas
        self._stack = stack
        self._server = ""

    def read(self, page: str) -> Iterator[tuple[str, str]]:
        """Yield every command and program, and what it prints."""
        for language, code in re.findall(r"^```(sh|python)\n(.*?)^```", page, re.M | re.S):
            if language == "python":
                yield code, self._run(code)
                continue
            for line in code.splitlines():
                yield line, self._type(line)

    def _type(self, line: str) -> str:
        words = shlex.split(line, comments=True)
        assert words[0] == "nas"
        *arguments, output = words[1:] if ">" in words else [*words[1:], ""]
        arguments = [word for word in arguments if word != ">"]
        if arguments[0] == "serve":
            self._server = self._stack.enter_context(served(Path(arguments[1])))
            return self._server
        if any(word.startswith("s3://") for word in arguments):  # which is nowhere
            cli.commands[arguments[0]].make_context(arguments[0], arguments[1:])
            return ""
        code, printed, errors = self._nas(*arguments)
        assert code == 0, errors
        if output:
            Path(output).write_text(printed, encoding="utf-8")
        return printed

    def _run(self, code: str) -> str:
        code = code.replace("127.0.0.1:8080", self._server.removeprefix("http://"))
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, "models.md", "exec"), {"__name__": "example"})
        return printed.getvalue()


@pytest.fixture
def reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Reader]:
    """Return who reads in a folder with some pictures, and a search that has learned them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crew, "_is_inline", lambda *_: True)  # no process that loads torch anew
    digits = load_digits(n_class=3)
    for number, (image, label) in enumerate(zip(digits.images[:90], digits.target, strict=False)):
        picture = Image.fromarray((255 / 16 * image).astype("uint8"))
        for folder in (f"photos/{label}", *(["pictures"] if number < 3 else [])):
            Path(folder).mkdir(parents=True, exist_ok=True)
            picture.save(f"{folder}/{number}.png")
    picture.save("picture.png")
    figure_model("runs/en-de")
    Path("letter.txt").write_text("dov nul\n\ntri\n")
    Path("search.yaml").write_text(yaml.safe_dump(SEARCH))
    nas = Nas(monkeypatch, capsys)
    assert nas("search", "search.yaml")[0] == 0
    with ExitStack() as stack:
        yield Reader(nas, stack)


def test_all_that_the_page_shows_works_as_it_stands_and_says_the_same(reader: Reader) -> None:
    printed = dict(reader.read(PAGE))

    known, _by_other_measures = re.findall(r"^ plain-cnn .*$", printed["nas top runs/photos"], re.M)
    assert re.search(r"0\.\d+ +(better|worse|not told)", known)  # milliseconds
    assert Path("report.html").exists()
    files = re.findall(r"^  (\S+) {2,}", PAGE, re.M)
    assert [name for name in files if not Path("photos-model", name).exists()] == []

    assert Path("brief.txt").read_text() == "la zo\n\nmu\n"

    by_command, by_script, by_server = (
        next(text for code, text in printed.items() if part in code)
        for part in (
            "predict photos-model picture.png",
            "import numpy, onnxruntime",
            "tritonclient",
        )
    )
    by_library = next(text for code, text in printed.items() if ".top(3)" in code)
    label, probability = by_script.split()
    (best,) = [next(iter(each.items())) for each in ast.literal_eval(by_library)]
    assert best == (label, pytest.approx(float(probability), abs=1e-5))
    assert f"{100 * best[1]:.1f}" in by_command
    assert max(map(float, re.findall(r"[\d.e-]+", by_server))) == pytest.approx(best[1], abs=1e-5)
    assert len(Path("answers.csv").read_text().splitlines()) == 1 + 3
    assert (
        len(list(map(json.loads, printed["nas predict photos-model pictures --json"].splitlines())))
        == 3
    )
