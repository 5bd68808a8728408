"""How fast translators train with a tree as their cell, beside torch's own LSTMs.

`python -m benchmarks.translator --json FILE`. All with as many parameters, on one thread, in turns,
by the processor's time, medians. A step is forward, backward, clipping and Adam on one batch of
sentences of similar lengths, with dropout and smoothed labels. Torch's is written as people do, by
`nn.LSTM`, `nn.Embedding`, `nn.Linear` and `F.cross_entropy`, with the same layers, attention and
tied softmax; it reads what fills sentences up, as without that (packed) its LSTM is slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import click
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.figure import Figure, tell_figures
from benchmarks.nasnet_cells import seconds_in_turn
from nas_lib.config import TranslationTrainingConfig
from nas_lib.networks.translator import Pairs, Translator, count_translator
from nas_lib.spaces import NasRnnPlan, Plan, ReferencePlan, sized
from nas_lib.spaces.published import PUBLISHED

HIDDEN = (124, 256)
WORDS, BATCH, LENGTHS, NUM_STEPS = 4000, 64, range(20, 26), 11
AT_LEAST = 0.7
TRAINING = TranslationTrainingConfig()


class TorchTranslator(nn.Module):
    """An encoder-decoder of two layers each, of what torch has.

    Letters: T subwords of source or target, B sentences, H units, V subwords of the vocabulary.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, hidden)
        self.both_ways = nn.LSTM(hidden, hidden, bidirectional=True)
        self.encoder = nn.LSTM(2 * hidden, hidden)
        self.first = nn.LSTM(hidden, hidden)
        self.second = nn.LSTM(2 * hidden, hidden)
        self.asking = nn.Linear(hidden, hidden, bias=False)
        self.telling = nn.Linear(2 * hidden, hidden, bias=False)
        self.softmax = nn.Linear(hidden, WORDS, bias=False)
        self.softmax.weight = self.embedding.weight
        self.dropout = nn.Dropout(TRAINING.dropout)

    def objective(self, pairs: Pairs) -> Tensor:
        """Return what training minimises."""
        dropped, is_there_BT = self.dropout, _is_within(pairs.source_TB, pairs.source_lengths_B).t()
        read_TB2H, _ = self.both_ways(dropped(self.embedding(pairs.source_TB)))
        values_BTH = self.encoder(dropped(read_TB2H))[0].transpose(0, 1)
        x_TBH, _ = self.first(dropped(self.embedding(pairs.target_TB[:-1])))
        scores_BTT = self.asking(x_TBH).transpose(0, 1) @ values_BTH.transpose(1, 2)
        scores_BTT = scores_BTT.masked_fill(~is_there_BT[:, None], -torch.inf)
        context_TBH = (scores_BTT.softmax(dim=2) @ values_BTH).transpose(0, 1)
        made_TBH, _ = self.second(dropped(torch.cat([x_TBH, context_TBH], dim=2)))
        told_TBH = dropped(self.telling(torch.cat([made_TBH, context_TBH], dim=2)))
        is_told_TB = _is_within(pairs.target_TB[1:], pairs.target_lengths_B)
        return F.cross_entropy(
            self.softmax(told_TBH[is_told_TB]),
            pairs.target_TB[1:][is_told_TB],
            label_smoothing=TRAINING.label_smoothing,
        )


def measure() -> Iterator[Figure]:
    """Yield subwords per second, and how many times those of torch's LSTMs they are."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pairs = _pairs()
    for hidden in HIDDEN:
        yield from _measure(hidden, pairs)


def _measure(hidden: int, pairs: Pairs) -> Iterator[Figure]:
    tree = NasRnnPlan(1, hidden, NasRnnPlan.parse(PUBLISHED["nas-cell"].architecture).tree)
    target = num_weights(tree)
    names = {"lstm": sized("lstm", num_weights, target, layers=1)}
    names["gru"] = sized("gru", num_weights, target, layers=1)
    plans: dict[str, Plan] = {"published tree": tree}
    plans |= {f"our {name}": ReferencePlan.parse(name) for name in names.values()}
    theirs = f"torch's {names['lstm']}"
    steps = {theirs: _step(*_torchs(int(names["lstm"].split()[1])), pairs)}
    for name, plan in plans.items():
        steps[name] = _step(*_ours(plan), pairs)
    seconds, size = seconds_in_turn(steps, NUM_STEPS), f"{target / 1e6:.1f}M parameters"
    num_told = pairs.target_lengths_B.sum().item()
    for name, taken in seconds.items():
        yield Figure(f"{size}, {name}: subwords per s", num_told / median(taken))
    for name in plans:
        ratio = median(
            one / other for one, other in zip(seconds[theirs], seconds[name], strict=True)
        )
        goal = AT_LEAST if plans[name] is tree else None
        yield Figure(f"{size}, {name}: times as fast as torch's LSTM", ratio, at_least=goal)


def num_weights(plan: Plan) -> int:
    """Return how many a translator has."""
    with torch.device("meta"):
        return count_translator(_translator(plan)).num_parameters


def _translator(plan: Plan) -> Translator:
    return Translator(plan, num_subwords=WORDS, training=TRAINING)


def _ours(plan: Plan) -> tuple[nn.Module, Callable[[Pairs], Tensor]]:
    translator = _translator(plan)
    return translator, lambda pairs: translator.loss(pairs).objective


def _torchs(hidden: int) -> tuple[nn.Module, Callable[[Pairs], Tensor]]:
    translator = TorchTranslator(hidden)
    for weight in translator.parameters():  # as ours begin
        nn.init.uniform_(weight, -TRAINING.init_range, TRAINING.init_range)
    return translator, translator.objective


def _step(
    network: nn.Module, objective: Callable[[Pairs], Tensor], pairs: Pairs
) -> Callable[[], None]:
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        objective(pairs).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()

    return step


def _pairs() -> Pairs:
    low, high = LENGTHS[0], LENGTHS[-1]
    lengths = [torch.randint(low, high + 1, (BATCH,)) for _ in range(2)]
    source_TB, target_TB = (torch.randint(WORDS, (high + more, BATCH)) for more in range(2))
    return Pairs(source_TB, lengths[0], target_TB, lengths[1])


def _is_within(words_TB: Tensor, lengths_B: Tensor) -> Tensor:
    return torch.arange(len(words_TB))[:, None] < lengths_B


@click.command()
@click.option("--json", "output", type=click.Path(path_type=Path), help="Also write JSON.")
def main(output: Path | None) -> None:
    """Compare with torch's LSTMs."""
    tell_figures(measure(), output)


if __name__ == "__main__":
    main()
