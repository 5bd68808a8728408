"""What a process that forks workers has loaded, so that they need not."""

from __future__ import annotations

import subprocess
import sys

from nas_lib.tasks.trained import TrainedTask

TRAINING = """
import importlib, sys, torch
from torch import nn

def asked(*arguments):
    raise AssertionError("a GPU was asked for before the fork")

torch.version.cuda = torch.version.cuda or "12"
for name in ("is_available", "device_count", "_lazy_init"):
    setattr(torch.cuda, name, asked)
for module in sys.argv[1:]:
    importlib.import_module(module)
loaded = set(sys.modules)
torch.use_deterministic_algorithms(False)
layer = nn.Linear(1, 1)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, nesterov=True)
layer(torch.ones(1, 1)).sum().backward()
optimizer.step()
optimizer.zero_grad()
print(len(loaded), len(set(sys.modules) - loaded))
"""
"""Prints how many modules were loaded before a step of training, and how many more by it."""


def test_a_forked_worker_loads_nothing_of_torch_any_more() -> None:
    command = [sys.executable, "-c", TRAINING, *TrainedTask.preload]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    before, more = map(int, output.split())

    assert before > 1000
    assert more <= 1  # a monitor of the profiler, which costs nothing
