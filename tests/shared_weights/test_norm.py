from __future__ import annotations

import torch

from nas_lib.shared_weights.norm import Norm, Running, Training


def test_a_batch_that_overflows_leaves_the_running_averages_alone() -> None:
    norm = Norm(2)
    norm(torch.randn(4, 2, 3, 3), Training())
    before = [tensor.clone() for tensor in norm.running]
    overflowing_BCHW = torch.randn(4, 2, 3, 3)
    overflowing_BCHW[0, 0] = torch.inf

    norm(overflowing_BCHW, Training())

    after = norm.running
    assert all(tensor.isfinite().all() for tensor in after)
    assert after.mean[0] == before[0][0]
    assert after.mean[1] != before[0][1]  # the other channel learns on


def test_running_averages_move_by_their_momentum() -> None:
    norm = Norm(1, momentum=0.25)
    x_BCHW = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)

    norm(x_BCHW, Training())

    # mean 0 + (2 - 0) / 4; variance 1 + (2 - 1) / 4, as the unbiased one of 1 and 3 is 2
    assert norm.running.mean.item() == 0.5
    assert norm.running.variance.item() == 1.25


def test_a_factor_and_a_summand_are_what_the_norm_does_with_given_moments() -> None:
    norm = Norm(3, epsilon=0.5)
    x_BCHW = torch.randn(2, 3, 4, 4)
    norm(x_BCHW, Training())

    factor_C, summand_C = norm.affine(norm.running)

    expected = norm(x_BCHW, Running())
    torch.testing.assert_close(
        x_BCHW * factor_C[:, None, None] + summand_C[:, None, None], expected
    )
