"""What larger images take: to decode them, and to have the next batch ready (experiment 16).

JPEGs of 500 x 375 with noise of several sizes, so that there is as much to decode as in
photographs, come to 224 x 224. Cores kept busy are the processor's seconds by those of the clock:
they want an idle machine. Whether batches are made ahead changes no bit of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import nn

from benchmarks.figure import Figure
from nas_lib.config import AugmentConfig
from nas_lib.data.allowance import Allowance
from nas_lib.tasks.images.batches import Batch, training_batches
from nas_lib.tasks.images.readers import pictures
from nas_lib.training.ahead import made_ahead

NUM_PICTURES, WIDTH, HEIGHT, QUALITY = 600, 500, 375, 94
SIDE, NUM_IMAGES, BATCH = 224, 600, 64
REPEATS = 3


class Spent(NamedTuple):
    """What some work took."""

    seconds: float
    cpu_s: float

    @property
    def cores(self) -> float:
        """How many cores it kept busy."""
        return self.cpu_s / self.seconds


def measure() -> Iterator[Figure]:
    """Yield how fast pictures are decoded, and how many cores decoding and training keep busy."""
    with TemporaryDirectory() as folder:
        paths = photographs(Path(folder))
        for num in (1, 2):
            spent = _median(lambda num=num: decode(paths, num))  # type: ignore[misc]
            name = f"decode {WIDTH} x {HEIGHT}, {num} thread(s)"
            yield Figure(f"{name}: pictures per s", NUM_PICTURES / spent.seconds)
            yield Figure(f"{name}: cores busy", spent.cores)
    for ahead in (False, True):
        spent = _median(lambda ahead=ahead: train(ahead=ahead))  # type: ignore[misc]
        name = f"train at {SIDE} x {SIDE}, torch on 1 thread{', batches ahead' if ahead else ''}"
        yield Figure(f"{name}: images per s", NUM_IMAGES / spent.seconds)
        yield Figure(f"{name}: cores busy", spent.cores)


def photographs(folder: Path) -> list[Path]:
    """Write pictures of noise from some pixels to half the picture in size."""
    random = np.random.default_rng(0)
    paths = []
    for number in range(NUM_PICTURES):
        pixels = np.full((HEIGHT, WIDTH, 3), 128.0)
        for cells in (5, 12, 30, 75, 150, 300):
            noise = random.normal(128, 40, (cells, cells, 3)).clip(0, 255).astype(np.uint8)
            large = Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
            pixels += (np.asarray(large, np.float64) - 128) / 2
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=QUALITY)
    return paths


def decode(paths: list[Path], num_threads: int) -> None:
    """Decode all pictures as an image folder's reader does."""
    reader = pictures.PictureReader((3, SIDE, SIDE), background="white", allowance=Allowance(2**30))
    with patch.object(pictures, "num_cpus", lambda: num_threads):
        assert all(picture is not None for picture in reader.read_all(paths))


def train(*, ahead: bool) -> None:
    """Train three convolutions for an epoch on images that are padded, cropped and flipped."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for channels, stride in ((3, 2), (16, 1), (16, 2)):
        layers += [nn.Conv2d(channels, 16, 3, stride, 1), nn.BatchNorm2d(16), nn.ReLU()]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), 0.01)
    batches: Iterator[Batch] = training_batches(
        torch.zeros(NUM_IMAGES, 3, SIDE, SIDE, dtype=torch.uint8),
        torch.zeros(NUM_IMAGES, dtype=torch.int64),
        batch_size=BATCH,
        augment=AugmentConfig(),
        mean=(0.5,) * 3,
        std=(0.2,) * 3,
        generator=torch.Generator().manual_seed(0),
    )
    for x_BCHW, y_B in made_ahead(batches) if ahead else batches:
        optimizer.zero_grad()
        logits_BK = network(x_BCHW.contiguous(memory_format=torch.channels_last))
        nn.functional.cross_entropy(logits_BK, y_B).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _median(work: Callable[[], None]) -> Spent:
    spent = []
    for _ in range(REPEATS):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        work()
        spent.append(Spent(time.perf_counter() - begin, time.process_time() - cpu_begin))
    return Spent(median(each.seconds for each in spent), median(each.cpu_s for each in spent))
