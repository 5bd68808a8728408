"""A recurrent cell over all words of a piece as one operation, with a backward pass by hand.

What torch's operations one after another lose is memory traffic and small products. Here

- what node 0 takes from the words is one product for all words;
- results are written where the backward pass looks for them, and functions applied in place;
- the backward pass puts gradients in the place of what it needed last, and multiplies once for each
  weight: what fed it at all words, by the gradients of all words.

Letters: T words of a piece, B pieces side by side, I values of an input, H units; G = 2 H: what a
weight gives, left h and right c, which the function and the sigmoid turn into the proposal and the
gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nas_lib.networks.activations import activation_backward
from nas_lib.networks.pieces import flat, words
from nas_lib.spaces.enas_rnn import RnnFunction, RnnNode, RnnPlan

_IN_PLACE: dict[RnnFunction, Callable[[Tensor], object]] = {
    "tanh": Tensor.tanh_,
    "relu": Tensor.relu_,
    "sigmoid": Tensor.sigmoid_,
    "identity": lambda x: x,
}


def fused_outputs(
    plan: RnnPlan,
    weights: Sequence[Tensor],
    x_TBI: Tensor,
    state_BH: Tensor,
    keep_BH: Tensor | None,
) -> Tensor:
    """Return the state after each word, `[T, B, H]`; arguments as `Cell` has them."""
    if torch.is_grad_enabled():
        outputs_TBH: Tensor = _Fused.apply(  # type: ignore[no-untyped-call]
            plan, keep_BH, x_TBI, state_BH, *weights
        )
        return outputs_TBH
    return _Pass(plan, weights, x_TBI, state_BH, keep_BH, remembers=False).forward()


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        plan: RnnPlan,
        keep_BH: Tensor | None,
        x_TBI: Tensor,
        state_BH: Tensor,
        *weights: Tensor,
    ) -> Tensor:
        ctx.done = _Pass(plan, weights, x_TBI, state_BH, keep_BH, remembers=True)
        ctx.save_for_backward(x_TBI, *weights)  # where torch sees that none was changed since
        outputs_TBH: Tensor = ctx.done.forward()
        return outputs_TBH

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_TBH: Tensor) -> tuple[Tensor | None, ...]:
        x_TBI, first_weight, *_ = ctx.saved_tensors
        done: _Pass | None = ctx.done
        if done is None:
            raise RuntimeError("a recurrent cell goes backward once: its gates are gradients now")
        ctx.done = None
        grad_state_BH = done.backward(grad_TBH)
        # [T x B, G]: gradients of what the products gave, all words at once
        inputs = x_TBI.shape[2]
        gates = flat(done.nodes[0].gates_TBG)
        grad_x_TBI = (gates @ first_weight[:inputs].t()).view_as(x_TBI)
        # of weights: [H, T x B] times [T x B, G]; node 0's has its rows of words, then of the state
        from_x, from_state, *others = [
            flat(fed_TBH).t() @ flat(node.gates_TBG)
            for fed_TBH, node in [(x_TBI, done.nodes[0]), *((n.fed_TBH, n) for n in done.nodes)]
        ]
        return None, None, grad_x_TBI, grad_state_BH, torch.cat([from_x, from_state]), *others


class _Pass:
    """A piece's way through the cell; not `remembers` keeps one word's results only.

    Attributes:
        nodes: In order.
    """

    def __init__(
        self,
        plan: RnnPlan,
        weights: Sequence[Tensor],
        x_TBI: Tensor,
        state_BH: Tensor,
        keep_BH: Tensor | None,
        *,
        remembers: bool,
    ) -> None:
        (num_words, columns, inputs), hidden = x_TBI.shape, state_BH.shape[1]
        kept = num_words if remembers else 1
        self._plan = plan
        # What node 0 takes at a word is the output at the last one: views of one tensor.
        self._all_TBH = x_TBI.new_empty(num_words + 1, columns, hidden)  # and the one before
        self._all_TBH[0] = state_BH
        # [T x B, I] times [I, G], the upper rows of node 0's weight
        from_words_TBG = (flat(x_TBI) @ weights[0][:inputs]).view(num_words, columns, 2 * hidden)
        self.nodes: list[_Node] = []
        fed: dict[int | None, Tensor] = {}  # after dropout, by node that is taken
        for node, weight in zip(plan.nodes, [weights[0][inputs:], *weights[1:]], strict=True):
            taken_TBH, gates_TBG = self._all_TBH[:-1], from_words_TBG
            if node.previous is not None:
                taken_TBH = self.nodes[node.previous].states_TBH
                gates_TBG = x_TBI.new_empty(kept, columns, 2 * hidden)
            drops_out = keep_BH is not None and node.previous not in fed  # else it is done already
            if drops_out:
                # Nodes that take the same one share what is left of it after dropout.
                fed[node.previous] = x_TBI.new_empty(kept, columns, hidden)
            self.nodes.append(
                _Node(
                    node,
                    weight,
                    keep_BH,
                    drops_out=drops_out,
                    taken_TBH=taken_TBH,
                    fed_TBH=fed.get(node.previous, taken_TBH),
                    gates_TBG=gates_TBG,
                    states_TBH=x_TBI.new_empty(kept, columns, hidden),
                    num_words=num_words,
                )
            )

    def forward(self) -> Tensor:
        """Return the state after each word, `[T, B, H]`."""
        averaged = [self.nodes[number] for number in self._plan.outputs]  # never none
        outputs_TBH = self._all_TBH[1:]
        for t, output_BH in enumerate(outputs_TBH.unbind()):
            for node in self.nodes:
                node.forward(t)
            output_BH.copy_(averaged[0].states[t])  # the mean, without a stack of `[N, B, H]`
            for node in averaged[1:]:
                output_BH.add_(node.states[t])
            output_BH.div_(len(averaged))
        return outputs_TBH

    def backward(self, grad_TBH: Tensor) -> Tensor:
        """Make gates gradients; return that of the state before the first word, `[B, H]`."""
        # Four places `[B, H]` for all words and nodes: they stay in the cache.
        places = grad_TBH.new_empty(4, *grad_TBH.shape[1:]).unbind()
        mean_BH, into_last_BH, *places_BH = places
        # gradients of states that nodes take add up; all others are that of the mean
        sums = {
            node.previous: torch.empty_like(mean_BH)
            for node in self._plan.nodes
            if node.previous is not None
        }
        into_last_BH.zero_()
        for t in reversed(range(len(grad_TBH))):
            # An output's gradient: from the softmax above, and from node 0 at the next word.
            torch.add(grad_TBH[t], into_last_BH, out=mean_BH).div_(len(self._plan.outputs))
            into_last_BH.zero_()
            for number, sum_BH in sums.items():
                sum_BH.copy_(mean_BH) if number in self._plan.outputs else sum_BH.zero_()
            # A node comes after all that take it: then its gradient is complete.
            for number, node in reversed(list(enumerate(self.nodes))):
                into_BH = into_last_BH if node.previous is None else sums[node.previous]
                node.backward(t, sums.get(number, mean_BH), into_BH, places_BH)
        return into_last_BH


class _Node:
    """One node: what it takes and makes, each whole and as a view for each word.

    Attributes:
        previous: The node that it takes, None for the last state.
        fed_TBH: What it takes, after dropout.
        gates_TBG: Proposal and gate; after the backward pass the gradients of h and c.
        states_TBH: What it makes ...
        states: ... for each word.
    """

    def __init__(
        self,
        node: RnnNode,
        weight: Tensor,
        keep_BH: Tensor | None,
        *,
        drops_out: bool,
        taken_TBH: Tensor,
        fed_TBH: Tensor,
        gates_TBG: Tensor,
        states_TBH: Tensor,
        num_words: int,
    ) -> None:
        self.previous, self._function = node.previous, node.function
        self._weight, self._weight_t = weight, weight.t()
        self._keep_BH, self._drops_out = keep_BH, drops_out
        self.fed_TBH, self.gates_TBG, self.states_TBH = fed_TBH, gates_TBG, states_TBH
        wholes = (states_TBH, taken_TBH, fed_TBH, gates_TBG, *gates_TBG.chunk(2, dim=2))
        self.states, self._taken, self._fed, self._gates, self._h, self._c = (
            words(whole, num_words) for whole in wholes
        )

    def forward(self, t: int) -> None:
        """Compute the state at a word."""
        taken_BH, fed_BH, h_BH = self._taken[t], self._fed[t], self._h[t]
        if self._drops_out:
            torch.mul(taken_BH, self._keep_BH, out=fed_BH)  # type: ignore[arg-type]
        if self.previous is None:
            self._gates[t].addmm_(fed_BH, self._weight)
        else:
            torch.mm(fed_BH, self._weight, out=self._gates[t])
        # s + c (f(h) - s); h and c are halves of the gates, which stay for the way back
        _IN_PLACE[self._function](h_BH)
        torch.lerp(taken_BH, h_BH, self._c[t].sigmoid_(), out=self.states[t])

    def backward(
        self, t: int, grad_BH: Tensor, into_BH: Tensor, places_BH: Sequence[Tensor]
    ) -> None:
        """Make the gates at a word gradients.

        Args:
            t: The word.
            grad_BH: The gradient of the state.
            into_BH: Where to add that of the state that it takes.
            places_BH: Two places for what lies between.
        """
        h_BH, c_BH, (first_BH, second_BH) = self._h[t], self._c[t], places_BH
        # with f = f(h), of s + c (f - s): to c grad (f - s), to f grad c, to s grad (1 - c)
        change_BH = torch.sub(h_BH, self._taken[t], out=first_BH).mul_(grad_BH)
        through_BH = torch.mul(grad_BH, c_BH, out=second_BH)
        into_BH.add_(grad_BH).sub_(through_BH)
        activation_backward("sigmoid", change_BH, c_BH, out=c_BH)
        activation_backward(self._function, through_BH, h_BH, out=h_BH)
        # and through the product: [B, G] times [G, H], of units that dropout kept
        if self._keep_BH is None:
            into_BH.addmm_(self._gates[t], self._weight_t)
        else:
            torch.mm(self._gates[t], self._weight_t, out=first_BH)
            into_BH.addcmul_(first_BH, self._keep_BH)
