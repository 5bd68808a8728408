"""A language model with one LSTM (Hochreiter & Schmidhuber 1997; Zaremba et al. 2014).

With a word x, the last output h and the memory c:

    i, f, o = sigmoid(W x + U h + b),  g = tanh(W x + U h + b)
    c = f c + i g,  h = o tanh(c)

Weights begin uniformly, as those of the cells that are searched; biases at 0, but for that of f at
1, so that it remembers (Jozefowicz et al. 2015). Embedding, softmax and dropout are those of other
language models, too. The state's dropout is of single weights U, one mask for a piece of text
(DropConnect, Merity et al. 2018): of units it would keep torch's fast LSTM from being used.

The state holds h and c side by side. Letters: T words of a piece, B pieces side by side, H units,
S = 2 H values of a state.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas_lib.config import TextTrainingConfig
from nas_lib.networks.enas_rnn import uniform
from nas_lib.networks.language_model import LanguageModel, masked
from nas_lib.spaces.references import LstmPlan


class LstmModel(LanguageModel):
    """An embedding, an LSTM, and a softmax with the embedding's weights."""

    no_bias_4H: Tensor  # noqa: N815

    def __init__(self, plan: LstmPlan, *, num_words: int, training: TextTrainingConfig) -> None:
        hidden = plan.hidden
        super().__init__(hidden=hidden, num_words=num_words, training=training)
        # [4H, H]: the gates one below the other, in torch's order i, f, g, o
        self.from_word = uniform(4 * hidden, hidden, init_range=training.init_range)
        self.from_output = uniform(4 * hidden, hidden, init_range=training.init_range)
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        nn.init.ones_(self.bias[hidden : 2 * hidden])
        # torch adds two biases, of which one is enough
        self.register_buffer("no_bias_4H", torch.zeros(4 * hidden), persistent=False)

    def initial_state(self, batch: int) -> Tensor:
        """Return the state before a text: zeros, `[B, S]`."""
        return self.embedding.new_zeros(batch, 2 * self.embedding.shape[1])

    def forward(self, inputs_TB: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output after each word, `[T, B, H]`, and the last state, `[B, S]`."""
        x_TBH = self.words(inputs_TB)
        from_output = masked(
            self.from_output, self.mask(self._training.state_dropout, *self.from_output.shape)
        )
        last_1BH, memory_1BH = (half.contiguous() for half in state_BS[None].chunk(2, dim=2))
        outputs_TBH, last_1BH, memory_1BH = torch.lstm(
            x_TBH,
            (last_1BH, memory_1BH),
            [self.from_word, from_output, self.bias, self.no_bias_4H],
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=self.training,
            bidirectional=False,
            batch_first=False,
        )
        return outputs_TBH, torch.cat([last_1BH, memory_1BH], dim=2)[0]
