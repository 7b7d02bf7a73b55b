# SPDX-License-Identifier: Apache-2.0
"""Batches to learn from again, with what a teacher said of them (data echoing:
Choi et al. 2019, arXiv 1907.05550).

Teachers at 256x224 take four tenths of a step of voc_m4.
"""
import collections
import dataclasses

import numpy as np
import torch

KEPT = 128  # batches, of 283 in an epoch of our lists


@dataclasses.dataclass
class Lesson:
    """A batch and a teacher's answer."""
    images: torch.Tensor   # uint8 [B, H, W, 3]
    objects: torch.Tensor  # [T, 6]: image, label, box in input pixels
    logits: torch.Tensor   # [B, A, classes]
    boxes: torch.Tensor    # [B, A, 4], input pixels
    pyramid: list          # of the teacher's features [B, C, h, w], or empty
    teacher: int           # the index of that teacher

    def mirrored(self, strides):
        """As it would be, had the images been mirrored."""
        height, width = self.images.shape[1:3]
        objects = self.objects.clone()
        objects[:, [2, 4]] = width - objects[:, [4, 2]]
        logits, boxes = (torch.cat([
            level.unflatten(1, (height // stride, width // stride)).flip(2)
            .flatten(1, 2) for level, stride in zip(values.split([
                height // stride * (width // stride) for stride in strides], 1),
                strides)], 1) for values in (self.logits, self.boxes))
        boxes[..., [0, 2]] = width - boxes[..., [2, 0]]
        return Lesson(self.images.flip(2), objects, logits, boxes,
                      [x.flip(3) for x in self.pyramid], self.teacher)


class Memory:
    """The last lessons."""

    def __init__(self, seed, kept=KEPT):
        self.rng = np.random.default_rng(seed)
        self.lessons = collections.deque(maxlen=kept)

    def keep(self, lesson):
        lesson.pyramid = [x.half() for x in lesson.pyramid]
        self.lessons.append(lesson)

    def recall(self, strides):
        """-> one of them, mirrored against how it was last seen."""
        i = self.rng.integers(len(self.lessons))
        self.lessons[i] = self.lessons[i].mirrored(strides)
        return self.lessons[i]
