"""What a translator comes to on pairs: how well it tells the translations, and its own.

Letters: B sentences side by side, K hypotheses of each, R = B x K rows, S values of a state, V
subwords of the vocabulary.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch

from nas_lib.beam_search import Floats, Hypothesis, Ints, beam_searches
from nas_lib.data.subwords import BEGIN, END, Subwords
from nas_lib.networks.translator import Encoded, Pairs, Translator
from nas_lib.tasks.translation.batches import PairRows, evaluation_batches
from nas_lib.tasks.translation.scoring import bleu

_PAIRS: Final = 64  # side by side; no result depends on it, but for rounding
_LOGITS: Final = 2**20  # at once at most, where sentences are translated


@torch.inference_mode()
def translation_loss(model: Translator, rows: PairRows) -> float:
    """Return a translator's mean cross-entropy per subword of the translations, in nats.

    It is left in evaluation mode.

    Args:
        model: The model, on any device.
        rows: Pairs, on the same.
    """
    model.eval()
    device = model.embedding.device
    total_loss = torch.zeros((), dtype=torch.float64, device=device)
    num_told = torch.zeros((), dtype=torch.int64, device=device)
    for _, pairs in evaluation_batches(rows, batch_size=_PAIRS):
        loss = model.loss(pairs)
        total_loss += loss.num_told * loss.cross_entropy
        num_told += loss.num_told
    return (total_loss / num_told).item()


@torch.inference_mode()
def translations(
    model: Translator,
    rows: PairRows,
    subwords: Subwords,
    *,
    beam: int,
    length_penalty: float,
    max_length: int,
) -> list[str]:
    """Return a translation of each sentence, by beam search; the model is left in evaluation mode.

    Args:
        model: The model, on any device.
        rows: Whose sources are translated, on the same.
        subwords: The vocabulary.
        beam: As `beam_searches` has it.
        length_penalty: As `beam_searches` has it.
        max_length: Subwords of a translation at most.
    """
    model.eval()
    size = min(_PAIRS, max(1, _LOGITS // (beam * len(subwords))))
    found = [""] * len(rows)
    for rows_B, pairs in evaluation_batches(rows, batch_size=size):
        best = _best(model, pairs, beam, length_penalty, max_length)
        for row, each in zip(rows_B.tolist(), best, strict=True):
            found[row] = subwords.decode(each.words)
    return found


def greedy_bleu(model: Translator, rows: PairRows, subwords: Subwords, max_length: int) -> float:
    """Return the BLEU of translations that take the likeliest subword each time."""
    found = translations(model, rows, subwords, beam=1, length_penalty=0.0, max_length=max_length)
    return bleu(found, rows.references).value


def _best(
    model: Translator, pairs: Pairs, beam: int, length_penalty: float, max_length: int
) -> list[Hypothesis]:
    device = model.embedding.device
    encoded = Encoded(
        *(
            each.repeat_interleave(beam, dim=1)  # each hypothesis has its sentence beside it
            for each in model.encode(pairs.source_TB, pairs.source_lengths_B)
        )
    )

    def step(last_R: Ints, state_RS: Floats) -> tuple[Floats, Floats]:
        last, state = (torch.from_numpy(each).to(device) for each in (last_R, state_RS))
        logits_RV, after_RS = model.step(last, state, encoded)
        return logits_RV.numpy(force=True), after_RS.numpy(force=True)

    batch = len(pairs.source_lengths_B)
    return beam_searches(
        step,
        model.initial_state(batch).numpy(force=True).astype(np.float32),
        begin=BEGIN,
        end=END,
        beam=beam,
        length_penalty=length_penalty,
        max_length=max_length,
    )
