"""A million small pictures on a machine with 4 GiB of memory (experiment 26).

`python -m benchmarks.studies.million --folder /data/million`: a Parquet table with what is in a
million JPEG files of 64 x 64, and a folder with fewer files; each step that a search of them takes
is a process of its own, in a control group that may not have more memory than `--memory-gib`, what
the kernel keeps of files included. What a process has of its own (anonymous memory) and what the
group had are told apart. It wants root on Linux, and room on the disk: 30 GB for a million.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from benchmarks.machine import facts

SIDE = 64
CELL, CELLS = 96, 12  # pixels of a cell that has a shape; cells of a side of a large picture
ROWS = 10_000  # of a part that one process makes
GROUP = 2**20  # rows of a row group: as many as pyarrow and pandas write where nothing is said
STEPS = 500  # of training, of 64 images
EVERY_S = 0.1
GIB = 2**30


# --- pictures ------------------------------------------------------------------------------------


def _far(x: Any, y: Any) -> Any:
    return np.maximum(abs(x), abs(y))


SHAPES: dict[str, Callable[[Any, Any, int], Any]] = {
    "circle": lambda x, y, size: abs(np.hypot(x, y) - size) < 1.5,
    "cross": lambda x, y, size: (np.minimum(abs(x), abs(y)) < 2.5) & (_far(x, y) < size),
    "disk": lambda x, y, size: np.hypot(x, y) < size,
    "frame": lambda x, y, size: abs(_far(x, y) - size) < 2.5,
    "grid": lambda x, y, size: (_far(x, y) < size) & ((x % 6 < 2) | (y % 6 < 2)),
    "line": lambda x, y, size: (abs(x - y) < 3) & (_far(x, y) < size),
    "ring": lambda x, y, size: abs(np.hypot(x, y) - size) < 4,
    "square": lambda x, y, size: _far(x, y) < size,
    "stripes": lambda x, y, size: (_far(x, y) < size) & (x % 6 < 3),
    "wave": lambda x, y, size: (abs(y - 5 * np.sin(x / 3)) < 2.5) & (abs(x) < size),
}
"""Which pixels are of a shape of this size, whose middle is at 0."""


CLASSES = tuple(SHAPES)


def pictures(first: int, num: int) -> list[tuple[bytes, str]]:
    """Return JPEG files of shapes on grounds of noise, no two alike, and what they show.

    They are cut out of larger ones, of a class each, around a shape.
    """
    rng = np.random.default_rng([1, first])
    found, canvases = [], [_canvas(name, rng) for name in CLASSES]
    for number in range(first, first + num):
        label = number % len(CLASSES)
        down, across = CELL * rng.integers(0, CELLS, 2) + rng.integers(0, CELL - SIDE + 1, 2)
        file = io.BytesIO()
        cut = canvases[label].crop((across, down, across + SIDE, down + SIDE))
        cut.save(file, "JPEG", quality=rng.integers(80, 96).item())
        found.append((file.getvalue(), CLASSES[label]))
    return found


def _canvas(name: str, rng: np.random.Generator) -> Image.Image:
    """Return a large picture with a shape of this class in each of its cells."""
    side = CELL * CELLS
    noise = rng.integers(20, 220, (side // 8, side // 8, 3), dtype=np.uint8)
    ground = Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)
    pixels = np.asarray(ground).clip(0, 230) + rng.integers(0, 24, (side, side, 3), dtype=np.uint8)
    down, across = np.mgrid[:CELL, :CELL] - CELL / 2
    for top, left in np.ndindex(CELLS, CELLS):
        cell = pixels[CELL * top : CELL * (top + 1), CELL * left : CELL * (left + 1)]
        cell[SHAPES[name](across, down, rng.integers(8, 22))] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


def _parts(num: int) -> Iterator[tuple[int, list[tuple[bytes, str]]]]:
    """Yield all pictures, some thousand at a time, in order."""
    firsts = range(0, num, ROWS)
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        made = processes.map(pictures, firsts, [min(ROWS, num - first) for first in firsts])
        yield from zip(firsts, made, strict=True)


def write_table(path: Path, num: int) -> None:
    """Write a table of pictures as a user of pandas or pyarrow would."""
    import pyarrow as pa
    from pyarrow import parquet

    tables = [
        pa.table(
            {"image": [data for data, _ in part], "label": [name for _, name in part]},
            schema=pa.schema({"image": pa.binary(), "label": pa.string()}),
        )
        for _, part in _parts(num)
    ]
    parquet.write_table(pa.concat_tables(tables), path, row_group_size=GROUP)


def write_folder(path: Path, num: int) -> None:
    """Write a subfolder of files for each class."""
    for name in CLASSES:
        (path / name).mkdir(parents=True)
    for first, part in _parts(num):
        for number, (data, name) in enumerate(part, first):
            (path / name / f"{number:07d}.jpg").write_bytes(data)


# --- steps, each in a process of its own ----------------------------------------------------------


def _config(data: Path, grey: bool) -> Any:
    from nas_lib.config import (
        CnnSpaceConfig,
        ImageChildrenConfig,
        ImageFolderData,
        ImageTableData,
        ImageTaskConfig,
        SearchConfig,
    )

    kind = ImageTableData if data.is_file() else ImageFolderData
    return SearchConfig(
        name="million",
        task=ImageTaskConfig(data=kind(path=str(data), size=SIDE, grey=grey)),
        space=CnnSpaceConfig(num_filters=(8,), pool_layers=(1, 2, 3)),
        children=ImageChildrenConfig(epochs=1),
    )


def prepare(data: Path, state: Path, *, grey: bool) -> dict[str, Any]:
    """Prepare a search: all of it is read, split, packed and stored."""
    from nas_lib import steps
    from nas_lib.open_search import OpenSearch

    manifest = steps.prepare_data(OpenSearch(str(state)), config=_config(data, grey))
    assert manifest is not None
    return {
        "images": [manifest.num_train, manifest.num_valid, manifest.num_test],
        "shards": len(manifest.search_shards) + len(manifest.test_shards),
    }


def train(data: Path, state: Path, *, grey: bool) -> dict[str, Any]:
    """Train a network of the space on some of an epoch's batches, which come from everywhere."""
    import torch

    from nas_lib.architecture import Architecture
    from nas_lib.open_search import OpenSearch
    from nas_lib.records import Child
    from nas_lib.seeds import Stream, seed_for
    from nas_lib.spaces import CnnPlan
    from nas_lib.tasks.images.batches import load_images
    from nas_lib.tasks.images.trainer import ImageTrainer

    class PartOfAnEpoch(ImageTrainer):
        def _passes(self, epoch: int, generator: torch.Generator) -> Iterator[Any]:
            return islice(super()._passes(epoch, generator), STEPS)

    torch.set_num_threads(1)
    search = OpenSearch(str(state))
    manifest, files = search.task.fetched(search.store)
    text = "conv 3x3x8/2x2 <- image | conv 3x3x16/2x2 <- 1 | conv 3x3x16/2x2 <- 2"
    child = Child(
        "r000-000000-00", Architecture("cnn", (), text), seed_for(1, Stream.CHILD, 0, 0, 0)
    )
    images, plan = load_images(files), CnnPlan.parse(text)
    cpu = torch.device("cpu")
    trainer = PartOfAnEpoch(child, plan, search.config.children, images, manifest, cpu)
    begin = time.perf_counter()
    loss = trainer._train_epoch(1)
    seconds = time.perf_counter() - begin
    num = STEPS * search.config.children.batch_size
    return {"loss": round(loss, 3), "images per s": round(num / seconds)}


def check(data: Path, state: Path, *, grey: bool) -> dict[str, Any]:
    """Do what `nas data check` does, with its page."""
    from nas_lib.data_check import check_data, contact_sheet

    found = check_data(_config(data, grey), with_pictures=True)
    return {
        "findings": len(found.findings),
        "page MiB": round(len(contact_sheet(found)) / 2**20, 1),
    }


def look(data: Path, state: Path, *, grey: bool) -> dict[str, Any]:
    """Do what `nas init --data` does."""
    from nas_lib.starting_documents import starting_document

    return {"size": starting_document(str(data)).config.task.data.size}  # type: ignore[union-attr]


WORK = {"look": look, "check": check, "prepare": prepare, "train": train}


# --- measuring ------------------------------------------------------------------------------------


class Group:
    """A control group for memory, of either version of Linux's."""

    def __init__(self, limit: int) -> None:
        root = Path("/sys/fs/cgroup")
        is_first = (root / "memory" / "cgroup.procs").exists()
        self.path = (root / "memory" if is_first else root) / f"nas-million-{os.getpid()}"
        self._own, self._limit, self._peak = (
            ("total_rss", "memory.limit_in_bytes", "memory.max_usage_in_bytes")
            if is_first
            else ("anon", "memory.max", "memory.peak")
        )
        self.path.mkdir()
        (self.path / self._limit).write_text(str(limit))

    def enter(self) -> None:
        """Let this process be of it, and all that it starts."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def own_bytes(self) -> int:
        """Return how much memory its processes have that is no copy of a file."""
        lines = (self.path / "memory.stat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.split()[0] == self._own)

    def peak_bytes(self) -> int:
        """Return how much it had at most, the kernel's copies of files included."""
        return int((self.path / self._peak).read_text())


@contextmanager
def _group(limit: int) -> Iterator[Group]:
    group = Group(limit)
    try:
        yield group
    finally:
        group.path.rmdir()


def run(step: str, data: Path, state: Path, limit: int, *, grey: bool) -> dict[str, Any]:
    """Do a step in a process of its own; return what it came to, and what it took."""
    environment = {**os.environ, "NAS_CACHE": str(state.parent / "cache"), "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        __spec__.name,
        "--step",
        step,
        "--folder",
        str(state),
        str(data),
        *(["--grey"] if grey else []),
    ]
    peak, over = 0, threading.Event()
    with _group(limit) as group:

        def watch() -> None:
            nonlocal peak
            while not over.wait(EVERY_S):
                peak = max(peak, group.own_bytes())

        watcher = threading.Thread(target=watch)
        watcher.start()
        begin, before = time.perf_counter(), os.times()
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                preexec_fn=group.enter,
                check=False,
            )
        finally:
            over.set()
            watcher.join()
        after, seconds = os.times(), time.perf_counter() - begin
        cpu_s = sum(after[2:4]) - sum(before[2:4])
        told: dict[str, Any] = {"step": step}
        told |= json.loads(done.stdout.splitlines()[-1]) if not done.returncode else {}
        return told | {
            "exit code": done.returncode,
            "seconds": round(seconds, 1),
            "CPU seconds": round(cpu_s, 1),
            "own memory MiB": round(peak / 2**20),
            "with copies of files MiB": round(group.peak_bytes() / 2**20),
            "disk MiB": round(_num_bytes(state.parent) / 2**20),
        }


def _num_bytes(folder: Path) -> int:
    """Return how much lies below a folder; of what has two names, once."""
    found = {
        (stat.st_dev, stat.st_ino): stat.st_blocks * 512
        for path in folder.rglob("*")
        if path.is_file() and (stat := path.stat())
    }
    return sum(found.values())


@click.command()
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="For all of it.")
@click.option("--images", default=1_000_000, show_default=True, help="In the table.")
@click.option("--files", default=100_000, show_default=True, help="In the folder; 0 for none.")
@click.option("--memory-gib", default=4.0, show_default=True)
@click.option("--grey", is_flag=True, help="Read pictures in grey, a third of the memory.")
@click.option("--steps", default=",".join(WORK), show_default=True, help="Which, in order.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Write results, too.")
@click.option("--step", type=click.Choice(list(WORK)), hidden=True)
def main(
    data: Path | None,
    folder: Path,
    images: int,
    files: int,
    memory_gib: float,
    grey: bool,
    steps: str,
    output: Path | None,
    step: str | None,
) -> None:
    """Make pictures, and measure each step that a search of them takes."""
    if step is not None:
        assert data is not None
        print(json.dumps(WORK[step](data, folder, grey=grey)))
        return
    machine, results = facts(), []
    made = {
        "table": (images, "pictures.parquet", write_table),
        "folder": (files, "pictures", write_folder),
    }
    for kind, (num, name, write) in made.items():
        if not num:
            continue
        place = folder / kind
        if not (place / name).exists():  # of a run that was stopped, it is there
            place.mkdir(parents=True, exist_ok=True)
            write(place / name, num)
        print(f"{kind}: {num:,} pictures, {_num_bytes(place) / 2**20:,.0f} MiB", flush=True)
        for each in steps.split(","):
            told = {"data": kind, "pictures": num, "grey": grey}
            told |= run(each, place / name, place / "state", round(memory_gib * GIB), grey=grey)
            print(json.dumps(told), flush=True)
            results.append(told)
        shutil.rmtree(place)
    if output is not None:
        settings = {"memory GiB": memory_gib, "training steps": STEPS}
        output.write_text(
            json.dumps({"machine": machine, **settings, "steps": results}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
