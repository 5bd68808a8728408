"""Letters: T words of a piece, B pieces side by side, H units, C channels of BatchNorm."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from space_strategies import tokens_of
from torch import Tensor

from nas_lib.config import EnasRnnSpaceConfig, HiddenConfig, TextTrainingConfig
from nas_lib.errors import ArchitectureError
from nas_lib.networks.language_model import CellModel
from nas_lib.shared_weights.norm import Fitted, Fitting, OfBatch, Running
from nas_lib.shared_weights.rnn import RnnSuperNetwork
from nas_lib.spaces import EnasRnnSpace

TRAINING = TextTrainingConfig(init_range=0.5)
TOKENS = (0, 1, 1, 3, 0, 0)  # of three nodes: relu(0), identity(1), tanh(0)


def space_of(**settings: object) -> EnasRnnSpaceConfig:
    return EnasRnnSpaceConfig(nodes=3, shared=HiddenConfig(hidden=4)).model_copy(update=settings)


def network_of(space: EnasRnnSpaceConfig, *, seed: int = 0) -> RnnSuperNetwork:
    torch.manual_seed(seed)
    return RnnSuperNetwork(space, num_words=7, training=TRAINING)


def piece(*, length: int = 5, columns: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    words = torch.randint(7, (length + 1, columns), generator=generator)
    return words[:-1], words[1:]


def names_in_use(network: RnnSuperNetwork, tokens: tuple[int, ...]) -> set[str]:
    network.zero_grad(set_to_none=True)
    network.loss(*piece(), network.initial_state(3), tokens).objective.backward()
    return {name for name, weight in network.named_parameters() if weight.grad is not None}


def test_there_is_a_weight_for_each_node_function_and_previous_node() -> None:
    names = set(network_of(space_of(functions=("tanh", "relu"), nodes=2)).weights)

    assert names == {
        "0_tanh",
        *("1_from_0_tanh", "1_from_0_relu"),
        *("2_from_0_tanh", "2_from_0_relu", "2_from_1_tanh", "2_from_1_relu"),
    }


def test_the_originals_first_function_has_weights_of_its_own() -> None:
    space = space_of(functions=("tanh", "relu"), nodes=2, variant="original")

    assert set(network_of(space).weights) == {
        *("0_tanh", "0_relu"),
        *("1_from_0_tanh", "1_from_0_relu"),
    }


def test_all_functions_may_have_one_weight_together() -> None:
    space = space_of(functions=("tanh", "relu"), nodes=2, weights_per="edge")

    assert set(network_of(space).weights) == {"0", "1_from_0", "2_from_0", "2_from_1"}


def test_the_published_sizes_come_out() -> None:
    with torch.device("meta"):
        network = RnnSuperNetwork(EnasRnnSpaceConfig(), num_words=10_000, training=TRAINING)

    # embedding; node 0; 4 functions for 1 + 2 + ... + 8 previous nodes
    expected = 10_000 * 200 + 400 * 400 + 4 * 36 * 200 * 400
    assert sum(weight.numel() for weight in network.parameters()) == expected


def test_only_weights_in_use_get_a_gradient() -> None:
    network = network_of(space_of())

    assert names_in_use(network, TOKENS) == {
        "embedding",
        "weights.0_tanh",
        "weights.1_from_0_relu",
        "weights.2_from_1_identity",
        "weights.3_from_0_tanh",
    }


def test_one_step_moves_exactly_the_weights_in_use() -> None:
    network = network_of(space_of())
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0, weight_decay=1e-3)

    used = names_in_use(network, TOKENS)
    optimizer.step()

    after = dict(network.named_parameters())
    assert {name for name in after if not torch.equal(after[name], before[name])} == used


@given(st.data())
def test_an_architecture_is_computed_as_a_network_of_its_own(data: st.DataObject) -> None:
    space = space_of(
        variant=data.draw(st.sampled_from(["enas_lm", "original"])),
        weights_per=data.draw(st.sampled_from(["edge", "edge_and_function"])),
        nodes=data.draw(st.integers(1, 4)),
    )
    tokens = data.draw(tokens_of(EnasRnnSpace(space).decisions(1)))
    network = network_of(space, seed=data.draw(st.integers(0, 99))).eval()
    plan = replace(EnasRnnSpace(space).plan(tokens), hidden=4)
    child = CellModel(plan, num_words=7, training=TRAINING).eval()

    child.load_state_dict(
        {"embedding": network.embedding}
        | {
            f"weights.{number}": network.weights[
                ("0" if number == 0 else f"{number}_from_{node.previous}")
                + (f"_{node.function}" if space.weights_per == "edge_and_function" else "")
            ]
            for number, node in enumerate(plan.nodes)
        }
    )

    state_BH = torch.randn(3, 4)
    ours = network.loss(*piece(), state_BH, tokens)
    theirs = child.loss(*piece(), state_BH)
    assert all(map(torch.equal, ours, theirs))
    assert torch.equal(network(piece()[0], state_BH, tokens)[0], child(piece()[0], state_BH)[0])


def test_tokens_of_another_space_are_refused() -> None:
    network = network_of(space_of())

    with pytest.raises(ArchitectureError, match="expected 6 tokens"):
        network.loss(*piece(), network.initial_state(3), (0, 1))


def test_batch_norm_normalises_every_node_and_the_state() -> None:
    network = network_of(space_of(batch_norm=True))

    widths = [norm.scale.numel() for norm in network.norms]
    assert widths == [8, 8, 8, 8, 4]  # node 0 and three more: 2H each; the state: H
    outputs_TBH, _ = network(piece()[0], network.initial_state(3), TOKENS)

    means_TH = outputs_TBH.mean(dim=1)  # over the pieces side by side
    torch.testing.assert_close(means_TH, torch.zeros_like(means_TH), atol=1e-6, rtol=0)


def test_the_published_batch_norm_adds_one_to_variances() -> None:
    network = network_of(space_of(batch_norm=True))
    norm = network.norms[-1]
    x_BC = torch.tensor([[1.0] * 4, [5.0] * 4])

    # deviations are -2 and 2, the variance 4
    expected = torch.tensor([[-2.0] * 4, [2.0] * 4]) / 5**0.5
    torch.testing.assert_close(norm(x_BC, OfBatch()), expected)


def test_only_training_changes_the_running_averages() -> None:
    network = network_of(space_of(batch_norm=True))
    state_BH = network.initial_state(3)
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}

    def unchanged() -> bool:
        return all(torch.equal(before[name], x) for name, x in network.named_buffers())

    network.eval()
    fitting = Fitting()
    for statistics in (Running(), OfBatch(), fitting, Fitted(fitting.moments)):
        network.loss(*piece(), state_BH, TOKENS, statistics)
    assert unchanged()
    network.train().loss(*piece(), state_BH, TOKENS)
    assert not unchanged()


def test_fitted_moments_are_means_over_all_words() -> None:
    network = network_of(space_of(batch_norm=True)).eval()
    inputs_TB, targets_TB = piece(length=2)
    fitting = Fitting()

    network.loss(inputs_TB, targets_TB, network.initial_state(3), TOKENS, fitting)

    # node 0 of the first word takes the word alone: the state is zero
    first_BG = network.embedding[inputs_TB[0]] @ network.weights["0_tanh"][:4]
    only_first = Fitting()
    network.loss(inputs_TB[:1], targets_TB[:1], network.initial_state(3), TOKENS, only_first)
    moments = only_first.moments[network.norms[0]]
    torch.testing.assert_close(moments.mean, first_BG.mean(dim=0))
    torch.testing.assert_close(moments.variance, first_BG.var(dim=0))
    # and of the second word it takes the state too: the mean of both is half way
    outputs_TBH, _ = network(inputs_TB, network.initial_state(3), TOKENS, OfBatch())
    second_BG = (
        torch.cat([network.embedding[inputs_TB[1]], outputs_TBH[0]], dim=1)
        @ network.weights["0_tanh"]
    )
    expected = (first_BG.mean(dim=0) + second_BG.mean(dim=0)) / 2
    torch.testing.assert_close(fitting.moments[network.norms[0]].mean, expected)
