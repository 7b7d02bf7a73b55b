# SPDX-License-Identifier: Apache-2.0
"""A teacher's features as targets (Cao et al. 2022, arXiv 2207.02039)."""
import torch
import torch.nn as nn
import torch.nn.functional as F

LEARN_FIRST = 120  # batches until the student learns too


class Mimicry(nn.Module):
    """Says how unlike a student's feature pyramid is to its teachers'.

    For each teacher and level, a pointwise convolution makes as many channels of
    the student's as the teacher has. They are trained along, from nothing, and
    are no part of the detector.
    """

    def __init__(self, student, teachers):
        super().__init__()
        self.levels = [[(student.pyramid.index(s), teacher.pyramid.index(s))
                        for s in student.pyramid if s in teacher.pyramid]
                       for teacher in teachers]

        def width(model, level):
            return model.head.lateral[level].conv.out_channels

        self.adapters = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(width(student, a), width(teacher, b), 1)
                          for a, b in levels)
            for teacher, levels in zip(teachers, self.levels))
        self.register_buffer('seen', torch.zeros((), dtype=torch.long))

    def forward(self, teacher, mine, theirs):
        """teacher: its index; mine, theirs: pyramids [B, C, h, w] of images that
        may differ in size. -> 1 less the correlation, mean of channels and levels.
        """
        total = 0.0
        for adapter, (a, b) in zip(self.adapters[teacher],
                                   self.levels[teacher]):
            own, target = mine[a].float(), theirs[b].float()
            if self.seen < LEARN_FIRST:
                own = own.detach()
            if own.shape[2:] != target.shape[2:]:
                target = F.interpolate(target, own.shape[2:], mode='bilinear',
                                       align_corners=False)
            total = total + F.mse_loss(standardise(adapter(own)),
                                       standardise(target)) / 2
        self.seen += 1
        return total / len(self.levels[teacher])


def standardise(x):
    """Each channel of a batch to mean 0 and variance 1."""
    return F.batch_norm(x, None, None, training=True)
