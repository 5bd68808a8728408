"""How fast trees as recurrent cells are, beside torch's LSTM with as many weights.

`python -m benchmarks.tree_cell --json FILE`. All on one thread, in turns, by the processor's time,
medians. Of a layer: forward and backward, the published cell (Zoph & Le 2017), some drawn at
random, and the published one by torch's operations one after another. Of a language model of two
layers: training, with clipping and SGD, and prediction of long texts and of the next word, with the
published cell and with one that a search of ours found (`benchmarks.studies.trees`, auto 0).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from statistics import median

import click
import torch
from torch import Tensor, nn

from benchmarks.figure import Figure, tell_figures
from benchmarks.nasnet_cells import seconds_in_turn
from nas_lib.config import NasRnnSpaceConfig, TextTrainingConfig
from nas_lib.networks import build_language_model
from nas_lib.networks.language_model import LanguageModel
from nas_lib.networks.nas_rnn import TreeLayer, plain_outputs
from nas_lib.spaces.nas_rnn import NasRnnPlan, NasRnnSpace, Tree
from nas_lib.spaces.published import PUBLISHED
from nas_lib.spaces.references import LstmPlan

HIDDEN, BATCH, BPTT, WORDS, LAYERS = 200, 64, 35, 10_000, 2
NUM_RANDOM, NUM_STEPS = 6, 11
AT_MOST = 1.5
SPACES = {
    "random": NasRnnSpaceConfig(),
    "random with max and sin": NasRnnSpaceConfig(
        combinations=("add", "mul", "max"),
        activations=("identity", "tanh", "sigmoid", "relu", "sin"),
    ),
}

FOUND = (
    "1 layer, 96 units | add tanh | mul identity | add identity | mul relu | add identity "
    "| mul identity | mul sigmoid | mul tanh | add tanh | add sigmoid | add identity "
    "| mul identity | add identity | add identity | add identity | inject add tanh into 5 "
    "| memory of 7"
)

Step = Callable[[], None]


def published() -> Tree:
    """Return the published cell."""
    return NasRnnPlan.parse(PUBLISHED["nas-cell"].architecture).tree


def random_trees(config: NasRnnSpaceConfig) -> list[Tree]:
    """Return some cells."""
    generator, space = random.Random(0), NasRnnSpace(config)
    return [
        space.plan(
            [
                generator.randrange(decision.num_values)
                for decision in space.decisions(1)
                for _ in range(decision.num_tokens)
            ]
        ).tree
        for _ in range(NUM_RANDOM)
    ]


def nearest(num_parameters: Callable[[int], int], target: int) -> int:
    """Return the units with which an LSTM comes nearest to as many parameters."""
    return min(range(1, 2 * HIDDEN), key=lambda hidden: abs(num_parameters(hidden) - target))


def measure_layers() -> Iterator[Figure]:
    """Yield milliseconds of training a layer, and how many times the LSTM's they are."""
    units = nearest(lambda h: 8 * h**2 + 8 * h, 2 * 8 * HIDDEN**2)
    steps = {"LSTM": _layer_step(nn.LSTM(units, units), units)}
    cells = {
        f"{name} {number + 1}": tree
        for name, config in SPACES.items()
        for number, tree in enumerate(random_trees(config))
    }
    for name, tree in {"published": published(), **cells}.items():
        steps[name] = _layer_step(_layer(tree), HIDDEN)
    steps["published, one operation after another"] = _layer_step(
        _Plain(_layer(published())), HIDDEN
    )
    seconds = seconds_in_turn(steps, NUM_STEPS)
    ratios = {name: _ratio(seconds[name], seconds["LSTM"]) for name in steps}
    yield Figure(f"layer, LSTM of {units} units: ms per step", 1000 * median(seconds["LSTM"]))
    yield Figure("layer, published: ms per step", 1000 * median(seconds["published"]))
    yield Figure("layer, published: times the LSTM's", ratios["published"], at_most=AT_MOST)
    for name in SPACES:
        of_these = [ratios[f"{name} {number + 1}"] for number in range(NUM_RANDOM)]
        target = AT_MOST if name == "random" else None
        yield Figure(f"layer, {name}, median: times the LSTM's", median(of_these), at_most=target)
        yield Figure(f"layer, {name}, slowest: times the LSTM's", max(of_these), at_most=target)
    last = "published, one operation after another"
    yield Figure(f"layer, {last}: times the LSTM's", ratios[last])


def measure_models() -> Iterator[Figure]:
    """Yield words per second of language models, and how many times the LSTM's they are."""
    target = WORDS * HIDDEN + LAYERS * 2 * 8 * HIDDEN**2
    units = nearest(lambda h: WORDS * h + LAYERS * (8 * h**2 + 4 * h), target)
    plans = {
        "published": NasRnnPlan(LAYERS, HIDDEN, published()),
        "found": NasRnnPlan(LAYERS, HIDDEN, NasRnnPlan.parse(FOUND).tree),
        f"LSTM of {units} units": LstmPlan(hidden=units, layers=LAYERS),
    }
    models = {
        name: build_language_model(plan, num_words=WORDS, training=TextTrainingConfig())
        for name, plan in plans.items()
    }
    kinds: Mapping[str, tuple[int, Callable[[LanguageModel], Step]]] = {
        "training": (BPTT * BATCH, lambda model: _training_step(model)),
        f"prediction, {BATCH} texts": (BPTT * BATCH, lambda model: _prediction(model, BPTT, BATCH)),
        "prediction, 1 text": (BPTT, lambda model: _prediction(model, BPTT, 1)),
        "prediction, word by word": (1, lambda model: _prediction(model, 1, 1)),
    }
    for kind, (num_words, step_of) in kinds.items():
        steps = {name: step_of(model) for name, model in models.items()}
        repeats = max(1, BPTT // num_words)
        seconds = seconds_in_turn(
            {name: _repeated(step, repeats) for name, step in steps.items()}, NUM_STEPS
        )
        for name, taken in seconds.items():
            yield Figure(f"{kind}, {name}: words per s", repeats * num_words / median(taken))
        *trees, lstm = seconds
        for name in trees:
            ratio = _ratio(seconds[lstm], seconds[name])
            yield Figure(f"{kind}, {name}: times as fast as the LSTM", ratio)


class _Plain(nn.Module):
    """A layer by torch's operations one after another."""

    def __init__(self, layer: TreeLayer) -> None:
        super().__init__()
        self._layer = layer

    def forward(self, x_TBI: Tensor) -> object:
        layer = self._layer
        state = layer.initial_state(x_TBI.shape[1])
        return plain_outputs(layer.tree, x_TBI @ layer.from_input, layer.from_output, state, None)


def _layer(tree: Tree) -> TreeLayer:
    return TreeLayer(tree, HIDDEN, HIDDEN, init_range=0.04)


def _layer_step(layer: nn.Module, units: int) -> Step:
    x_TBI = torch.randn(BPTT, BATCH, units, requires_grad=True)
    grad_TBH = torch.randn(BPTT, BATCH, units)

    def step() -> None:
        outputs_TBH, _ = layer(x_TBI)
        outputs_TBH.backward(grad_TBH)

    return step


def _training_step(model: LanguageModel) -> Step:
    words = torch.randint(WORDS, (BPTT + 1, BATCH))
    state_BS = model.initial_state(BATCH)
    # at a small rate: states stay short
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step() -> None:
        model.train()
        optimizer.zero_grad()
        model.loss(words[:-1], words[1:], state_BS).objective.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()

    return step


def _prediction(model: LanguageModel, num_words: int, batch: int) -> Step:
    words_TB, state_BS = torch.randint(WORDS, (num_words, batch)), model.initial_state(batch)

    @torch.no_grad()
    def step() -> None:
        model.eval()
        outputs_TBH, _ = model(words_TB, state_BS)
        outputs_TBH @ model.softmax_VH.t()

    return step


def _repeated(step: Step, times: int) -> Step:
    def steps() -> None:
        for _ in range(times):
            step()

    return steps


def _ratio(some: list[float], others: list[float]) -> float:
    return median(one / other for one, other in zip(some, others, strict=True))


@click.command()
@click.option("--json", "output", type=click.Path(path_type=Path), help="Also write JSON.")
def main(output: Path | None) -> None:
    """Compare with torch's LSTM."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tell_figures(chain(measure_layers(), measure_models()), output)


if __name__ == "__main__":
    main()
