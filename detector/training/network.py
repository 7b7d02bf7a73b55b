# SPDX-License-Identifier: Apache-2.0
"""The detector that a network description (detector/models/*.json) names.

Inverted residual backbone (Sandler et al. 2018, arXiv 1801.04381; Lin et al.
2021, arXiv 2110.15352), top-down feature pyramid, anchor-free head that
predicts the distances from a cell's centre to the four sides of a box.
"""
import json
import math
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

import fake_quantise
import ops

BN_EPS = 1e-5
BN_MOMENTUM = 0.03


class InputError(ValueError):
    """A file that is not what was asked for; says which, and what was."""


def run(main):
    """What a program does: an InputError is its one line and exit status 1."""
    try:
        main()
    except InputError as error:
        sys.exit(str(error))


class ConvBn(nn.Module):
    """Convolution, batch norm and (if `act`) ReLU6."""

    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1,
                 act=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2,
                              groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, BN_EPS, BN_MOMENTUM)
        self.act = act
        self.rounding = fake_quantise.Rounding()
        self.depthwise = groups == inputs and groups > 1
        self.fits_ops = outputs % ops.LANES == 0 and kernel <= 7

    def forward(self, x):
        fast = None
        if x.device.type == 'cpu' and self.fits_ops:
            fast = ops.load()
            if torch.is_autocast_cpu_enabled():
                x = x.to(torch.bfloat16)
        conv = self.conv
        if self.rounding.on:
            return self.rounding(self.folded(
                x, fast if self.training and self.depthwise else None))
        if not self.training:
            return self.rounding(self.folded(x))
        if fast and self.depthwise:
            x = fast.depthwise(x, conv.weight, conv.stride[0])
        else:
            x = conv(x)
        if fast:
            bn = self.bn
            return fast.batch_norm(x, bn.weight, bn.bias, bn.running_mean,
                                   bn.running_var, bn.momentum, bn.eps,
                                   self.act)
        x = self.bn(x)
        # PyTorch 1.13 has no gradient of relu6 in bfloat16.
        return x.clamp(0, 6) if self.act else x

    def folded(self, x, fast=None):
        """The inference form: batch norm folded into the convolution."""
        conv, bn = self.conv, self.bn
        scale = bn.weight * torch.rsqrt(bn.running_var + bn.eps)
        weight = conv.weight * scale[:, None, None, None]
        if self.rounding.on:
            weight = fake_quantise.round_weights(weight)
        bias = bn.bias - bn.running_mean * scale
        if fast:
            x = fast.depthwise(x, weight, conv.stride[0]) + (
                bias[:, None, None])
        else:
            x = F.conv2d(x, weight, bias, conv.stride, conv.padding, 1,
                         conv.groups)
        if not self.act:
            return x
        return x.clamp(0, 6) if torch.is_grad_enabled() else x.clamp_(0, 6)


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, kernel, expansion, stride):
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        if expansion != 1:
            self.expand = ConvBn(inputs, hidden)
        if kernel != 1:
            self.depthwise = ConvBn(hidden, hidden, kernel, stride, hidden)
        self.project = ConvBn(hidden, outputs, act=False)
        if self.residual:
            self.sum = fake_quantise.Rounding()

    def forward(self, x):
        y = x
        for name in ('expand', 'depthwise', 'project'):
            if hasattr(self, name):
                y = getattr(self, name)(y)
        return self.sum(x + y) if self.residual else y


class Separable(nn.Module):
    """Depthwise KxK then pointwise, both with batch norm and ReLU6."""

    def __init__(self, width, kernel):
        super().__init__()
        self.depthwise = ConvBn(width, width, kernel, 1, width)
        self.pointwise = ConvBn(width, width)

    def forward(self, x):
        return self.pointwise(self.depthwise(x))


class Linear(nn.Conv2d):
    """Pointwise, with a bias, without batch norm or activation."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, 1)
        self.rounding = fake_quantise.Rounding()

    def forward(self, x):
        weight = self.weight
        if self.rounding.on:
            weight = fake_quantise.round_weights(weight)
        return self.rounding(F.conv2d(x, weight, self.bias))


class Head(nn.Module):
    """A pyramid of features; `channels`, `widths`, `separate` (how many last
    layers of a tower boxes have for themselves) and `gives` (whether it has
    outputs) are of each level."""

    def __init__(self, channels, widths, kernel, tower_depth, classes,
                 separate, gives):
        super().__init__()
        self.lateral = nn.ModuleList(
            ConvBn(c, width, act=False) for c, width in zip(channels, widths))
        self.reduce = nn.ModuleList(
            nn.Identity() if coarse == width else Linear(coarse, width)
            for width, coarse in zip(widths, widths[1:]))
        self.fuse = nn.ModuleList(
            Separable(width, kernel) for width in widths[:-1])
        self.tower, self.box_tower = (nn.ModuleList(
            nn.ModuleList(Separable(width, kernel) for _ in range(count))
            for width, count in zip(widths, counts)) for counts in (
                [tower_depth * given for given in gives],
                [count * given for count, given in zip(separate, gives)]))
        self.sum = nn.ModuleList(
            fake_quantise.Rounding() for _ in widths[:-1])
        self.gives = gives
        self.cls, self.box = (nn.ModuleList(
            Linear(width, count) if given else nn.Identity()
            for width, given in zip(widths, gives)) for count in (classes, 4))
        for layer in self.reduce:
            if isinstance(layer, Linear):  # passes the first channels on
                nn.init.dirac_(layer.weight)
                nn.init.zeros_(layer.bias)
        for layers, bias in ((self.cls, -math.log((1 - 0.01) / 0.01)),
                             (self.box, math.log(2))):
            for layer, given in zip(layers, gives):
                if given:
                    nn.init.normal_(layer.weight, std=0.01)
                    nn.init.constant_(layer.bias, bias)

    def forward(self, features, pyramid=None):
        """-> [(class logits [B, C, h, w], box [B, 4, h, w])] per output.

        pyramid: a list that gets what the towers read, or would, per level.
        """
        levels = [lateral(x) for lateral, x in zip(self.lateral, features)]
        for level in reversed(range(len(self.fuse))):
            up = F.interpolate(self.reduce[level](levels[level + 1]),
                               scale_factor=2.0)
            levels[level] = self.fuse[level](
                self.sum[level](levels[level] + up))
        if pyramid is not None:
            pyramid.extend(levels)
        return [self.predict(level, x) for level, x in enumerate(levels)
                if self.gives[level]]

    def predict(self, level, x):
        tower, apart = self.tower[level], self.box_tower[level]
        shared = len(tower) - len(apart)
        for layer in tower[:shared]:
            x = layer(x)
        box = x
        for layer in tower[shared:]:
            x = layer(x)
        for layer in apart:
            box = layer(box)
        return self.cls[level](x), self.box[level](box if apart else x)


class Detector(nn.Module):
    def __init__(self, description):
        super().__init__()
        self.description = description
        self.classes = description['classes']
        head, backbone = description['head'], description['backbone']
        self.pyramid = head['strides']
        self.strides = head.get('outputs', self.pyramid)
        stem = backbone['stem']
        channels, stride = stem['width'], stem['stride']
        self.stem = ConvBn(3, channels, stem['kernel'], stride)
        self.blocks = nn.ModuleList()
        self.taps = {}  # stride -> index of the last block at that stride
        for entry in backbone['blocks']:
            for i in range(entry['depth']):
                step = entry['stride'] if i == 0 else 1
                self.blocks.append(InvertedResidual(
                    channels, entry['width'], entry['kernel'],
                    entry['expansion'], step))
                channels = entry['width']
                stride *= step
                self.taps[stride] = len(self.blocks) - 1
        tapped = [self.blocks[self.taps[s]].project.conv.out_channels
                  for s in self.pyramid]
        widths = self.per_level('width')
        separate = self.per_level('separate', 0)
        if max(separate) > head['tower_depth']:
            raise InputError(f"{description['name']}: head.separate: expected "
                             f"at most tower_depth, {head['tower_depth']}")
        if self.strides[:1] != self.pyramid[:1] or self.strides != [
                s for s in self.pyramid if s in self.strides]:
            raise InputError(f"{description['name']}: head.outputs: expected "
                             f'the first of {self.pyramid}, and others in '
                             'order')
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out')
        self.head = Head(tapped, widths, head['kernel'], head['tower_depth'],
                         len(self.classes), separate,
                         [s in self.strides for s in self.pyramid])
        self.frozen = 0
        self.memory = None  # an echo.Memory, while it learns

    def per_level(self, key, default=None):
        """A number of the head for all levels, or a list of one for each."""
        head = self.description['head']
        values = head.get(key, default)
        if isinstance(values, int):
            values = [values] * len(self.pyramid)
        if not isinstance(values, list) or len(values) != len(self.pyramid):
            raise InputError(f"{self.description['name']}: head.{key}: "
                             f'expected a number or {len(self.pyramid)} of '
                             f'them, found {values}')
        return values

    def freeze(self, blocks):
        """Trains all but the stem and the first `blocks` blocks (0: all)."""
        self.requires_grad_(True)
        self.frozen = blocks
        for module in self.prefix():
            module.requires_grad_(False)
        self.train(self.training)

    def prefix(self):
        return [self.stem, *self.blocks[:self.frozen]] if self.frozen else []

    def train(self, mode=True):
        super().train(mode)
        for module in self.prefix():
            module.eval()
        return self

    def run_blocks(self, x, first, last, kept):
        """Blocks `first` to before `last`; what the head reads goes in kept.
        """
        for i in range(first, last):
            x = self.blocks[i](x)
            if i in self.taps.values():
                kept[i] = x
        return x

    def run_prefix(self, x):
        """What the first block that is not frozen reads."""
        return self.run_blocks(self.stem(x), 0, self.frozen, {})

    def run_rest(self, x, pyramid=None):
        """From the output of a prefix that ends at or before the first tap."""
        return self.run_head(x, {self.frozen - 1: x}, pyramid)

    def run_head(self, x, kept, pyramid=None):
        self.run_blocks(x, self.frozen, len(self.blocks), kept)
        return self.head([kept[self.taps[s]] for s in self.pyramid], pyramid)

    def forward(self, x, pyramid=None):
        kept = {}
        with torch.set_grad_enabled(torch.is_grad_enabled() and
                                    not self.frozen):
            x = self.run_blocks(self.stem(x), 0, self.frozen, kept)
        return self.run_head(x, kept, pyramid)


def load_description(path):
    try:
        with open(path, encoding='utf-8') as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: expected a network description: '
                         f'{error}') from error


def normalise(images, description):
    """uint8 [B, H, W, 3] RGB -> float [B, 3, H, W], channels last."""
    spec = description['input']
    x = images.permute(0, 3, 1, 2).float()
    return x.sub_(spec['mean']).mul_(1.0 / spec['std'])


def flatten(outputs, strides):
    """-> logits [B, A, C], boxes [B, A, 4] in input pixels, centres [A, 2].

    Boxes are x_min, y_min, x_max, y_max: centre -/+ exp(t) * stride.
    """
    logits, boxes, points = [], [], []
    for (cls, box), stride in zip(outputs, strides):
        b, _, h, w = cls.shape
        y, x = torch.meshgrid(torch.arange(h, device=cls.device),
                              torch.arange(w, device=cls.device),
                              indexing='ij')
        centre = (torch.stack([x, y], -1).view(-1, 2) + 0.5) * stride
        reach = box.permute(0, 2, 3, 1).reshape(b, -1, 4).float()
        reach = reach.clamp(-8, 6).exp() * stride
        boxes.append(torch.cat([centre - reach[..., :2],
                                centre + reach[..., 2:]], -1))
        logits.append(cls.permute(0, 2, 3, 1).reshape(
            b, h * w, -1).float())
        points.append(centre)
    return torch.cat(logits, 1), torch.cat(boxes, 1), torch.cat(points)
