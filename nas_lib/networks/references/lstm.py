"""A language model of LSTMs (Hochreiter & Schmidhuber 1997; Zaremba et al. 2014).

With a word x, the last output h and the memory c:

    i, f, o = sigmoid(W x + U h + b),  g = tanh(W x + U h + b)
    c = f c + i g,  h = o tanh(c)

Weights begin uniformly, as those of the cells that are searched; biases at 0, but for that of f at
1, so that it remembers (Jozefowicz et al. 2015). Embedding, softmax and dropout are those of other
language models, too. The state's dropout is of single weights U, one mask for a piece of text
(DropConnect, Merity et al. 2018): of units it would keep torch's fast LSTM from being used. A layer
takes the outputs of the one below it, with the dropout of all language models in between.

The state holds h and c of each layer side by side. Letters: T words of a piece, B pieces side by
side, H units, L layers, S = 2 L H values of a state.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nas_lib.config import TextTrainingConfig
from nas_lib.networks.enas_rnn import uniform
from nas_lib.networks.language_model import LanguageModel, masked
from nas_lib.spaces.references import LstmPlan


class LstmModel(LanguageModel):
    """An embedding, LSTMs one on top of the other, and a softmax."""

    no_bias_4H: Tensor  # noqa: N815

    def __init__(self, plan: LstmPlan, *, num_words: int, training: TextTrainingConfig) -> None:
        hidden, rows = plan.hidden, 4 * plan.layers * plan.hidden
        super().__init__(hidden=hidden, num_words=num_words, training=training)
        # [L 4H, H]: the gates one below the other, in torch's order i, f, g, o; layer below layer
        self.from_word = uniform(rows, hidden, init_range=training.init_range)
        self.from_output = uniform(rows, hidden, init_range=training.init_range)
        self.bias = nn.Parameter(torch.zeros(rows))
        nn.init.ones_(self.bias.view(plan.layers, 4, hidden)[:, 1])
        # torch adds two biases, of which one is enough
        self.register_buffer("no_bias_4H", torch.zeros(4 * hidden), persistent=False)
        self._num_layers = plan.layers

    def initial_state(self, batch: int) -> Tensor:
        """Return the state before a text: zeros, `[B, S]`."""
        return self.embedding.new_zeros(batch, 2 * self._num_layers * self.embedding.shape[1])

    def forward(self, inputs_TB: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last layer's output after each word, `[T, B, H]`, and the state, `[B, S]`."""
        x_TBH, states_BH = self.words(inputs_TB), []
        from_output = masked(
            self.from_output, self.mask(self._training.state_dropout, *self.from_output.shape)
        )
        weights = (self.from_word, from_output, self.bias)
        layers = zip(*(each.chunk(self._num_layers) for each in weights), strict=True)
        befores = torch.split(state_BS, self.embedding.shape[1], dim=1)
        for number, of_layer in enumerate(layers):
            if number:
                x_TBH = self.between(x_TBH)
            state = befores[2 * number : 2 * number + 2]
            x_TBH, *after = self._layer(x_TBH, of_layer, state)
            states_BH += after
        return x_TBH, torch.cat(states_BH, dim=1)

    def _layer(
        self, x_TBH: Tensor, weights: Sequence[Tensor], state: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return a layer's output after each word, and h and c after the last, `[B, H]`."""
        outputs_TBH, last_1BH, memory_1BH = torch.lstm(
            x_TBH,
            [each_BH[None].contiguous() for each_BH in state],
            [*weights, self.no_bias_4H],
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=self.training,
            bidirectional=False,
            batch_first=False,
        )
        return outputs_TBH, last_1BH[0], memory_1BH[0]
