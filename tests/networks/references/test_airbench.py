from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nas_lib.networks import build_network
from nas_lib.networks.references.airbench import Airbench
from nas_lib.spaces.references import AirbenchPlan


def images() -> Tensor:
    """Images whose neighbouring pixels and channels resemble each other, as those of photos do."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(40, 3, 12, 12, generator=generator)
    return F.avg_pool2d(noise, 3, stride=1) * 3 + noise[:, :1, 1:-1, 1:-1]  # [40, 3, 10, 10]


def airbench(percent: int = 94) -> Airbench:
    torch.manual_seed(0)
    plan = AirbenchPlan(percent)
    network = build_network(plan, image_shape=(3, 10, 10), num_classes=4)
    assert isinstance(network, Airbench)
    return network


def test_whitened_patches_are_uncorrelated_and_come_with_their_negatives() -> None:
    network = airbench()
    network.begin(images())

    with torch.no_grad():
        whitened = network.whitening(images())
    white_PN = whitened.transpose(0, 1).flatten(1)

    assert torch.equal(white_PN[12:], -white_PN[:12])
    moments = white_PN[:12] @ white_PN[:12].t() / white_PN.shape[1]
    # of an eigenvalue v, the second moment is v / (v + 5e-4); none here is below 0.01
    torch.testing.assert_close(moments, torch.eye(12), rtol=0, atol=0.05)
    assert moments[0, 0] > 0.999  # the largest comes first


def test_whitening_is_as_good_by_parts_as_at_once() -> None:
    network, more = airbench(), images().repeat(14, 1, 1, 1)  # 560 images, 250 at a time
    network.begin(more)

    patches_PN = F.unfold(more, 2).transpose(0, 1).flatten(1)
    values, vectors = torch.linalg.eigh(
        (patches_PN @ patches_PN.t() / patches_PN.shape[1]).double()
    )
    expected = (vectors / (values + 5e-4).sqrt()).flip(1).t().float()

    found = network.whitening.weight[:12].flatten(1)
    torch.testing.assert_close(found.abs(), expected.abs(), rtol=1e-3, atol=1e-3)


def test_whitening_is_stored_and_neither_learnt_nor_counted() -> None:
    network = airbench()
    network.begin(images())
    before = network.whitening.weight.clone()

    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    F.cross_entropy(network(images()), torch.arange(40) % 4).backward()
    optimizer.step()
    again = airbench()
    again.load_state_dict(network.state_dict())

    assert torch.equal(network.whitening.weight, before)
    assert torch.equal(again.whitening.weight, before)
    assert "whitening.weight" not in dict(network.named_parameters())
    assert network.whitening.bias is not None
    assert network.whitening.bias.any()  # that is learnt


def test_a_bias_of_batch_norm_learns_64_times_as_fast_as_a_weight() -> None:
    network, x_BCHW = airbench(), torch.randn(8, 64, 5, 5)
    norm = network.groups[0].norms[0]
    added = torch.zeros(64, requires_grad=True)
    weights_BCHW = torch.randn(8, 64, 5, 5)

    ((F.batch_norm(x_BCHW, None, None, bias=added, training=True)) * weights_BCHW).sum().backward()
    (norm(x_BCHW) * weights_BCHW).sum().backward()
    before = norm(x_BCHW).detach()
    with torch.no_grad():
        norm.shift -= 0.1 * norm.shift.grad

    assert added.grad is not None
    moved = (norm(x_BCHW).detach() - before)[0, :, 0, 0]
    torch.testing.assert_close(moved, -0.1 * 64 * added.grad, rtol=1e-3, atol=1e-2)


def test_convolutions_begin_by_passing_on_what_they_take() -> None:
    group = airbench().groups[0]
    x_BCHW = torch.randn(2, 24, 5, 5)

    y_BCHW = group.convs[0](x_BCHW)

    torch.testing.assert_close(y_BCHW[:, :24], x_BCHW)
    assert 0 < y_BCHW[:, 24:].std() < 1


def test_the_network_of_airbench96_adds_to_a_group_what_its_second_convolution_takes() -> None:
    group = airbench(96).groups[1].eval()
    x_BCHW = torch.randn(2, 128, 6, 6)
    with torch.no_grad():
        group.norms[2].shift.fill_(-1e3)
        group.norms[2].running_var.fill_(1e12)
        y_BCHW = group(x_BCHW)
        group.norms[2].shift.fill_(0)
        passed = F.gelu(F.max_pool2d(group.convs[0](x_BCHW), 2) / (1 + 1e-5) ** 0.5)

        assert not y_BCHW.any()  # all is far below zero
        torch.testing.assert_close(group(x_BCHW), F.gelu(passed), rtol=1e-3, atol=1e-3)


def test_logits_are_a_ninth_of_what_the_classifier_gives_for_the_largest_pixels() -> None:
    network = airbench().eval()
    taken = []
    network.groups.register_forward_hook(lambda *args: taken.append(args[2]))

    logits_BK = network(images())

    assert taken[0].shape == (40, 256, 1, 1)  # 9 x 9 patches: 4, 2, 1
    expected = taken[0][:, :, 0, 0] @ network.linear.weight.t() / 9
    torch.testing.assert_close(logits_BK, expected)
