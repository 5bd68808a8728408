"""The super-network of the enas-rnn space (ENAS, Pham et al. 2018, section 2.1).

For each node, each node that it may take and each function there is a weight, the same in whichever
cell; or one for all functions, as the paper has it. Cells are computed as those that are trained
from scratch.

With BatchNorm, as in the code first published for Penn Treebank, what a node's weight gives is
normalised before its function, and so is the new state, over the pieces side by side, word by word.
Its scale, shift and averages belong to the node, whatever it takes or applies. That code has it
under shared weights only, and so have we.

Letters: T words of a piece, B pieces side by side, H units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from torch import Tensor, nn

from nas_lib.config import EnasRnnSpaceConfig, TextTrainingConfig
from nas_lib.networks.enas_rnn import Cell, uniform
from nas_lib.networks.language_model import LanguageLoss, WordNetwork
from nas_lib.shared_weights.norm import Norm, Running, Statistics, Training
from nas_lib.spaces.enas_rnn import EnasRnnSpace, RnnNode

_EPSILON, _MOMENTUM = 1.0, 0.001  # of the published BatchNorm


class RnnSuperNetwork(WordNetwork):
    """Owns the weights of all cells; computes the one that it is asked for."""

    def __init__(
        self, space: EnasRnnSpaceConfig, *, num_words: int, training: TextTrainingConfig
    ) -> None:
        """Take initial weights from torch's global generator."""
        hidden = space.shared.hidden
        super().__init__(hidden=hidden, num_words=num_words, training=training)
        self._space, self._hidden = EnasRnnSpace(space), hidden
        # The paper has a weight for each pair of nodes, both published codes one for each pair and
        # function.
        self._is_per_function = space.weights_per == "edge_and_function"
        self.weights = nn.ParameterDict(
            {  # [2H, 2H] of node 0, which takes word and state; [H, 2H] of the others
                self._name(number, node): uniform(
                    hidden if number else 2 * hidden, 2 * hidden, init_range=training.init_range
                )
                for number, node in _all_nodes(space, self._space.num_nodes)
            }
        )
        # h and c of every node together, before function and sigmoid; and last the new state
        normalised = [2 * hidden] * self._space.num_nodes + [hidden]
        self.norms = nn.ModuleList(
            Norm(width, epsilon=_EPSILON, momentum=_MOMENTUM)
            for width in normalised
            if space.batch_norm
        )

    def forward(
        self,
        inputs_TB: Tensor,
        state_BH: Tensor,
        tokens: Sequence[int],
        statistics: Statistics | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the state after each word, `[T, B, H]`, and after the last, `[B, H]`.

        Args:
            inputs_TB: Indices of words.
            state_BH: Before the first.
            tokens: The architecture.
            statistics: Of BatchNorm; None for what `training` says.
        """
        outputs_TBH = self.cell_outputs(self._cell(tokens, statistics), inputs_TB, state_BH)
        return outputs_TBH, outputs_TBH[-1]

    def loss(
        self,
        inputs_TB: Tensor,
        targets_TB: Tensor,
        state_BH: Tensor,
        tokens: Sequence[int],
        statistics: Statistics | None = None,
    ) -> LanguageLoss:
        """Return the loss of predicting each word's successor, `targets_TB`; as `forward`."""
        outputs_TBH, state_BH = self(inputs_TB, state_BH, tokens, statistics)
        return self.loss_of(outputs_TBH, targets_TB, state_BH)

    def _cell(self, tokens: Sequence[int], statistics: Statistics | None) -> Cell:
        statistics = statistics or (Training() if self.training else Running())
        # A plan has the size of networks trained from scratch; these weights are smaller.
        plan = replace(self._space.plan(tokens), hidden=self._hidden)
        weights = [self.weights[self._name(*each)] for each in enumerate(plan.nodes)]
        norms = [partial(norm, statistics=statistics) for norm in self.norms]
        return Cell(plan, tuple(weights), tuple(norms))

    def _name(self, number: int, node: RnnNode) -> str:
        """Return the name of a node's weight, such as `3_from_1_relu`."""
        edge = f"{number}" if node.previous is None else f"{number}_from_{node.previous}"
        return f"{edge}_{node.function}" if self._is_per_function else edge


def _all_nodes(space: EnasRnnSpaceConfig, num_nodes: int) -> Iterator[tuple[int, RnnNode]]:
    """Yield every node that some cell has, with its number."""
    # node 0 takes no other, and in the later code its function is fixed
    first = ("tanh",) if space.variant == "enas_lm" else space.functions
    yield from ((0, RnnNode(function)) for function in first)
    for number in range(1, num_nodes):
        for previous in range(number):
            yield from ((number, RnnNode(function, previous)) for function in space.functions)
