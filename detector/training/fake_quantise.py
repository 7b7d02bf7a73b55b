# SPDX-License-Identifier: Apache-2.0
"""Quantisation-aware training: the network rounds as its int8 form will.

Jacob et al. 2018 (arXiv 1712.05877). Weights are rounded with batch norm
folded in, at its running statistics, per output channel; values are rounded
per tensor, at ranges that a few images fixed beforehand. Gradients pass the
rounding straight through. Nothing of it is saved: the compiler chooses scales
anew from the weights that were trained.
"""
import torch
import torch.nn as nn

TAIL = 1e-4  # share of the values left out of a range, at either end
SAMPLES = 100_000
MEMORY = 0.9  # of the running mean of batches


class Rounding(nn.Module):
    """A tensor's rounding to int8: off, watching for its range, or on."""

    def __init__(self):
        super().__init__()
        self.low = self.high = 0.0
        self.watching = self.on = False
        self.seen = 0

    def watch(self, x):
        values = x.detach().flatten()
        values = values[::max(1, len(values) // SAMPLES)].float()
        ordered = values.sort().values
        skip = int(TAIL * len(ordered))
        low, high = ordered[skip].item(), ordered[-1 - skip].item()
        keep = min(MEMORY, self.seen / (self.seen + 1))
        self.low = keep * self.low + (1 - keep) * min(low, 0.0)
        self.high = keep * self.high + (1 - keep) * max(high, 1e-3)
        self.seen += 1

    def forward(self, x):
        if self.watching:
            self.watch(x)
        if not self.on:
            return x
        scale = (self.high - self.low) / 255
        zero_point = min(max(round(-128 - self.low / scale), -128), 127)
        return torch.fake_quantize_per_tensor_affine(
            x, scale, zero_point, -128, 127)


def round_weights(weight):
    """[O, I, KH, KW] rounded to 127 steps either side, per output channel."""
    scale = weight.detach().abs().amax((1, 2, 3)).clamp(min=1e-12) / 127
    zero_point = torch.zeros(len(scale), dtype=torch.int32,
                             device=weight.device)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero_point,
                                                  0, -127, 127)


def roundings(model):
    return [m for m in model.modules() if isinstance(m, Rounding)]


@torch.no_grad()
def begin(models, batches):
    """Fixes the ranges on batches of the first model's input; all then round.

    The models have one structure; each keeps its own weights.
    """
    first = models[0]
    first.eval()
    for rounding in roundings(first):
        rounding.watching = True
    for x in batches:
        first(x)
    for model in models:
        for mine, source in zip(roundings(model), roundings(first)):
            mine.low, mine.high = source.low, source.high
            mine.watching, mine.on = False, True
