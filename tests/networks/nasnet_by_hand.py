"""NASNet's networks step by step in plain torch.nn.functional, as a reference.

Padding is spelt out pixel by pixel, pooling is taken of windows with NaN beyond the image. Weights
are read from a network's state dict, the structure from an architecture's text alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = Mapping[str, Tensor]
WINDOWS = {
    "conv1": [(1, 1)],
    "conv3": [(3, 3)],
    "conv1x3": [(1, 3), (3, 1)],
    "conv1x7": [(1, 7), (7, 1)],
    "dilated3": [(3, 3)],
}


def randomised(network: nn.Module) -> State:
    """Give a network norms that do something; return its state dict."""
    network.double().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.state_dict()


def padded(x: Tensor, window: tuple[int, int], stride: tuple[int, int], fill: float) -> Tensor:
    """SAME of TensorFlow: what is missing, half of it before, the rest after."""
    rest = []
    for size, reach, step in zip(x.shape[2:], window, stride, strict=True):
        missing = max((-(-size // step) - 1) * step + reach - size, 0)
        rest.append((missing // 2, missing - missing // 2))
    (top, bottom), (left, right) = rest
    return F.pad(x, (left, right, top, bottom), value=fill)


def norm(x: Tensor, state: State, name: str) -> Tensor:
    parts = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(state[f"{name}.{part}"] for part in parts))


def conv(
    x: Tensor, weight: Tensor, stride: tuple[int, int] = (1, 1), dilation: int = 1, groups: int = 1
) -> Tensor:
    rows, columns = ((size - 1) * dilation + 1 for size in weight.shape[2:])
    x = padded(x, (rows, columns), stride, 0.0)
    return F.conv2d(x, weight, stride=stride, dilation=dilation, groups=groups)


def conv_norm(x: Tensor, state: State, name: str) -> Tensor:
    """ReLU, 1x1, BatchNorm."""
    return norm(conv(x.relu(), state[f"{name}.conv.weight"]), state, f"{name}.norm")


def reduction(x: Tensor, state: State, name: str) -> Tensor:
    """Every other pixel, from the first on; and from the one right and below on."""
    shifted = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
    halves = [
        F.conv2d(pixels[:, :, ::2, ::2], state[f"{name}.{part}.weight"][:, :, None, None])
        for part, pixels in (("even", x), ("odd", shifted))
        if f"{name}.{part}.weight" in state
    ]
    return norm(torch.cat(halves, dim=1), state, f"{name}.norm")


def pooled(x: Tensor, kind: str, window: int, stride: int) -> Tensor:
    x = padded(x, (window, window), (stride, stride), float("nan"))
    windows = x.unfold(2, window, stride).unfold(3, window, stride).flatten(4)
    if kind == "avg":
        return windows.nanmean(dim=4)
    return windows.nan_to_num(nan=-torch.inf).amax(dim=4)


def operation(kind: str, x: Tensor, filters: int, stride: int, state: State, name: str) -> Tensor:
    steps = (stride, stride)
    if kind == "identity" and stride == 1 and x.shape[1] == filters:
        return x
    if kind == "identity":
        y = F.conv2d(x.relu(), state[f"{name}.0.weight"], stride=stride)
        return norm(y, state, f"{name}.1")
    if kind[:3] in ("avg", "max"):
        y = pooled(x, kind[:3], int(kind[3:]), stride)
        if y.shape[1] == filters:
            return y
        return norm(conv(y, state[f"{name}.1.conv.weight"]), state, f"{name}.1.norm")
    if kind.startswith("sep"):
        for at in (0, 4):
            x = x.relu()
            x = conv(x, state[f"{name}.{at}.weight"], steps, groups=x.shape[1])
            x = conv(x, state[f"{name}.{at + 1}.weight"])
            x, steps = norm(x, state, f"{name}.{at + 2}"), (1, 1)
        return x
    for at, window in enumerate(WINDOWS[kind]):
        one_by_one = (stride if window[0] > 1 else 1, stride if window[1] > 1 else 1)
        weight = state[f"{name}.{3 * at}.weight"]
        assert weight.shape[2:] == window
        x = conv(
            x.relu(),
            weight,
            one_by_one if len(WINDOWS[kind]) > 1 else steps,
            dilation=2 if kind == "dilated3" else 1,
        )
        x = norm(x, state, f"{name}.{3 * at + 1}")
    return x


def combined(one: Tensor, other: Tensor, sign: str, kind: str, state: State, name: str) -> Tensor:
    if sign == "&":
        return torch.cat([one, other], dim=1)
    total = one + other
    if not kind:
        return total
    axes = (1, 2, 3) if kind == "layer" else (2, 3)
    variance, mean = torch.var_mean(total, dim=axes, keepdim=True, correction=0)
    scale, shift = (state[f"{name}.norm.{part}"][:, None, None] for part in ("weight", "bias"))
    return (total - mean) / (variance + 1e-5).sqrt() * scale + shift


def parsed(text: str) -> list[tuple[tuple[int, str], tuple[int, str], str, str]]:
    """Blocks: two of (input, operation), the sign between, the norm after."""
    found = re.findall(r"(\w+)\((\d+)\)([+&])(\w+)\((\d+)\)(?::(\w+))?", text)
    return [
        ((int(first), a), (int(second), b), sign, kind) for a, first, sign, b, second, kind in found
    ]


def cell(
    text: str,
    inputs: list[Tensor],
    filters: int,
    stride: int,
    state: State,
    name: str,
    put_out: list[int],
) -> list[Tensor]:
    """What it puts out; inputs come with their size and channels made right, as far as they are."""
    states, num_inputs = list(inputs), len(inputs)
    for (first, a), (second, b), sign, kind in parsed(text):
        block = f"{name}.blocks.{len(states)}"
        one, other = (
            operation(
                what,
                states[at],
                filters,
                stride if at < num_inputs else 1,
                state,
                f"{block}.{side}.operation",
            )
            for at, what, side in ((first, a, "one"), (second, b, "other"))
        )
        states.append(combined(one, other, sign, kind, state, block))
    outputs = []
    for number in put_out:
        x = states[number]
        if number < num_inputs and stride == 2:
            x = reduction(x, state, f"{name}.put_out.{number}")
        elif number < num_inputs and x.shape[1] != filters:
            weight = state[f"{name}.put_out.{number}.conv.weight"]
            x = norm(conv(x, weight), state, f"{name}.put_out.{number}.norm")
        outputs.append(x)
    return outputs


def unused(text: str, num_inputs: int) -> list[int]:
    blocks = parsed(text)
    taken = {at for one, other, *_ in blocks for at, _ in (one, other)}
    return [number for number in range(num_inputs + len(blocks)) if number not in taken]


def logits(text: str, images: Tensor, state: State) -> Tensor:
    """The logits of an architecture whose cells put out what no block takes, or `-> ...`."""
    size, normal, reduced = text.split(" | ")
    num_cells, filters, *stem = map(int, re.findall(r"\d+", size))
    x = F.conv2d(
        images, state["stem.conv.weight"], stride=2 if stem else 1, padding=0 if stem else 1
    )
    x = norm(x, state, "stem.norm")
    stack = [(reduced, filters // 4, 2), (reduced, filters // 2, 2)] if stem else []
    for stage in range(3):
        stack += [(reduced, filters * 2**stage, 2)] if stage else []
        stack += [(normal, filters * 2**stage, 1)] * num_cells
    older, newest = x, x
    for number, (what, filters, stride) in enumerate(stack):
        name = f"cells.{number}"
        kept = older
        if not any(key.startswith(f"{name}.") for key in state):  # then nothing may take it
            older, newest = newest, newest[:, :, ::stride, ::stride] * torch.nan
            continue
        if number > 0 and older.shape[2:] != newest.shape[2:]:
            older = reduction(older.relu(), state, f"{name}.inputs.0")
        elif number > 0 and older.shape[1] != filters and f"{name}.inputs.0.conv.weight" in state:
            older = conv_norm(older, state, f"{name}.inputs.0")
        base = f"{name}.inputs.1"
        takes_newest = f"{base}.conv.weight" in state
        inner = conv_norm(newest, state, base) if takes_newest else newest
        blocks, arrow, numbers = what.partition(" -> ")
        put_out = [int(n) for n in numbers.split(",")] if arrow else unused(blocks, 2)
        outputs = cell(blocks, [older, inner], filters, stride, state, name, put_out)
        skips = bool(stem) and stride == 2 and number > 1
        older, newest = kept if skips else newest, torch.cat(outputs, dim=1)
    return (
        state["head.linear.weight"] @ newest.relu().mean(dim=(2, 3))[0] + state["head.linear.bias"]
    )
