# SPDX-License-Identifier: Apache-2.0
"""Exports a small detector and a small classifier with PyTorch's own exporter.

    export_models.py DIR

Writes detector.onnx and classifier.onnx, of random weights from a fixed seed,
with the head descriptions detector.json and classifier.json. NAME.answers holds
float32: an image [3, H, W] and what PyTorch answers to it, each [C, H, W].

Besides colours.onnx, which tells the nearest of six colours, and a folder
"colours" with four pictures for each, of which one is yellow in name only and
one black in name only: both are blue. From blue, black is the second nearest of
the six, yellow the last.
"""
import json
import os
import sys
import warnings

import torch
from torch import nn

COLOURS = {"red": [1, 0, 0], "green": [0, 1, 0], "blue": [0, 0, 1],
           "black": [0, 0, 0], "white": [1, 1, 1], "yellow": [1, 1, 0]}
CLASSES = ["circle", "square", "triangle"]
ANCHORS = {8: [[10, 13], [16, 30]], 16: [[30, 61], [62, 45]]}


def conv(inputs, outputs, kernel=3, stride=1, groups=1, activation=nn.ReLU6):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups,
                  bias=False),
        nn.BatchNorm2d(outputs), activation())


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            conv(width, 2 * width, 1),
            conv(2 * width, 2 * width, 3, groups=2 * width),
            conv(2 * width, width, 1, activation=nn.Identity))

    def forward(self, x):
        return x + self.body(x)


class SqueezeExcite(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Conv2d(width, width // 4, 1)
        self.outer = nn.Conv2d(width // 4, width, 1)

    def forward(self, x):
        gate = x.mean((2, 3), keepdim=True)
        gate = self.outer(torch.relu(self.inner(gate)))
        return x * nn.functional.hardsigmoid(gate)


class Detector(nn.Module):
    """Strides 8 and 16, joined by nearest enlargement, as YOLOv3 does."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            conv(3, 8, 3, 2), conv(8, 16, 3, 2, activation=nn.SiLU),
            Residual(16))
        self.fine = nn.Sequential(conv(16, 24, 3, 2), SqueezeExcite(24))
        self.coarse = nn.Sequential(
            conv(24, 32, 3, 2, activation=nn.Hardswish), Residual(32),
            nn.MaxPool2d(3, 1, 1))
        self.up = nn.Upsample(scale_factor=2)
        self.merge = conv(24 + 32, 24, 1, activation=nn.LeakyReLU)
        values = 2 * (5 + len(CLASSES))
        self.head_fine = nn.Conv2d(24, values, 1)
        self.head_coarse = nn.Conv2d(32, values, 1)

    def forward(self, x):
        fine = self.fine(self.stem(x))
        coarse = self.coarse(fine)
        merged = self.merge(torch.cat([fine, self.up(coarse)], 1))
        return self.head_fine(merged), self.head_coarse(coarse)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            conv(3, 12, 3, 2, activation=nn.Hardswish), nn.AvgPool2d(3, 2, 1),
            Residual(12), conv(12, 20, 5, 2, activation=nn.SiLU))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classify = nn.Sequential(nn.Dropout(), nn.Linear(20, 12))

    def forward(self, x):
        x = torch.flatten(self.pool(self.features(x)), 1)
        return torch.softmax(self.classify(x), 1)


class Colours(nn.Module):
    """-(distance)^2 to each colour, but for what all have in common."""

    def __init__(self, colours):
        super().__init__()
        colours = torch.tensor(colours, dtype=torch.float32)
        self.linear = nn.Linear(3, len(colours))
        self.linear.weight.data = 2 * colours
        self.linear.bias.data = -(colours ** 2).sum(1)

    def forward(self, x):
        return self.linear(x.mean((2, 3)))


def draw(path, colour):
    """32 x 32 pixels near a colour."""
    pixels = torch.tensor(colour, dtype=torch.float32) * 255
    pixels = pixels + 30 * torch.randn(32, 32, 3)
    with open(path, "wb") as file:
        file.write(b"P6\n32 32\n255\n")
        file.write(pixels.clamp(0, 255).byte().numpy().tobytes())


def draw_colours(folder):
    for name, colour in COLOURS.items():
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        for i in range(4):
            wrong = i == 3 and name in ("yellow", "black")
            draw(os.path.join(folder, name, "%d.ppm" % i),
                 COLOURS["blue"] if wrong else colour)


def spread(module):
    """Batch norms as training might leave them."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.5, 0.5)
            nn.init.uniform_(part.running_mean, -0.2, 0.2)
            nn.init.uniform_(part.running_var, 0.1, 0.5)


def export(network, path, size, head, classes,
           mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4)):
    spread(network)
    image = 2 * torch.randn(1, 3, *size)
    torch.onnx.export(network.eval(), image, path, opset_version=13)
    with torch.no_grad():
        answers = network(image)
    if torch.is_tensor(answers):
        answers = [answers]
    with open(os.path.splitext(path)[0] + ".answers", "wb") as file:
        for tensor in [image, *answers]:
            file.write(tensor.numpy().tobytes())
    description = {
        "format": "ocellus-head", "version": 1,
        "input": {"mean": mean, "std": std},
        "classes": classes, "head": head}
    with open(os.path.splitext(path)[0] + ".json", "w") as file:
        json.dump(description, file, indent=2)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    warnings.simplefilter("ignore")
    torch.manual_seed(5)
    export(Detector(), os.path.join(folder, "detector.onnx"), (64, 96), {
        "kind": "yolov3", "scores": "logits", "score_threshold": 0.3,
        "nms_iou": 0.45,
        "levels": [{"output": i, "stride": stride, "anchors": anchors}
                   for i, (stride, anchors) in enumerate(ANCHORS.items())]},
        CLASSES)
    export(Classifier(), os.path.join(folder, "classifier.onnx"), (48, 48),
           {"kind": "classifier", "scores": "probabilities"},
           ["class%02d" % i for i in range(12)])
    export(Colours(list(COLOURS.values())),
           os.path.join(folder, "colours.onnx"), (16, 16),
           {"kind": "classifier", "scores": "softmax_logits"}, list(COLOURS),
           mean=0, std=255)
    draw_colours(os.path.join(folder, "colours"))


main()
