# SPDX-License-Identifier: Apache-2.0
"""Networks that a detector learns from, as one: their mean."""
import torch
import torch.nn.functional as F

import export
import network as networks

CERTAIN = 1e-6  # mean scores stay this far from 0 and 1


def resample(scores, boxes, grids, size, strides):
    """Answers of a network that saw an image at another size.

    scores [B, A, C], boxes [B, A, 4] in its pixels; grids: (h, w) of its
    levels; size (w, h): of the image they are wanted for. A cell between others
    gets their scores by distance, and their boxes by distance and score.
    """
    sure = scores.amax(-1, keepdim=True) + CERTAIN
    levels = torch.cat([scores, sure, boxes * sure], -1).split(
        [h * w for h, w in grids], 1)
    levels = [F.interpolate(
        level.view(len(level), h, w, -1).permute(0, 3, 1, 2),
        (size[1] // stride, size[0] // stride), mode='bilinear',
        align_corners=False).flatten(2)
        for level, (h, w), stride in zip(levels, grids, strides)]
    values = torch.cat(levels, 2).transpose(1, 2)
    scores, sure, boxes = values.split([scores.shape[2], 1, 4], 2)
    ratio = [side / (n * strides[0]) for side, n in zip(size, grids[0][::-1])]
    return scores, boxes / sure * boxes.new_tensor(ratio * 2)


class Teacher:
    """The mean of networks' scores and of their boxes.

    Every second network that is asked sees the image mirrored, which is a
    further opinion at no cost.

    turn: the network asked first; with one more at every step, each gets to see
    images both ways. at_once: how many are asked then, None for all.
    """

    def __init__(self, models, at_once=None):
        self.models = models
        self.at_once = at_once or len(models)
        self.turn = 0
        self.shared = [0] * len(models)

    @classmethod
    def load(cls, paths, student, device, at_once=None):
        """Raises InputError."""
        if at_once is not None and not 1 <= at_once <= len(paths):
            raise networks.InputError(
                f'--teachers-at-once {at_once}: expected 1 to {len(paths)}, '
                'the number of --teacher networks')
        models = [export.load_network(path) for path in paths]
        for path, model in zip(paths, models):
            if model.classes != student.classes or (
                    not set(student.strides) <= set(model.strides)):
                raise networks.InputError(
                    f'{path}: expected the classes and strides of '
                    f"{student.description['name']}")
        return cls([model.to(device).eval().requires_grad_(False)
                    for model in models], at_once)

    def share(self, student):
        """Takes the student's frozen blocks for those of networks that have the
        same, so that they are computed once."""
        count = student.frozen
        for i, model in enumerate(self.models):
            same = 0 < count <= min(m.taps[m.pyramid[0]] + 1
                                    for m in (model, student)) and all(
                model.description['input'][key] ==
                student.description['input'][key] for key in ('mean', 'std'))
            for mine, theirs in zip([model.stem, *model.blocks],
                                    student.prefix()) if same else ():
                mine, theirs = mine.state_dict(), theirs.state_dict()
                same &= mine.keys() == theirs.keys() and all(
                    torch.equal(mine[name], theirs[name]) for name in mine)
            self.shared[i] = model.frozen = count if same else 0

    def first(self):
        """-> index of the network asked first."""
        return self.turn % len(self.models)

    def shares(self):
        """-> whether the network asked first has the student's blocks."""
        return self.shared[self.first()] > 0

    @torch.no_grad()
    def answer(self, images, strides, start=None, size=None, pyramid=None):
        """images uint8 [B, H, W, 3] -> logits [B, A, C], boxes [B, A, 4].

        start: what the blocks that are shared give for them, if shares().
        size (w, h): of the images that the answers are for, if another.
        pyramid: a list that gets that of the network asked first.
        """
        scores = boxes = 0
        for i in range(self.at_once):
            model = self.models[(self.turn + i) % len(self.models)]
            wanted = pyramid if i == 0 else None
            if i == 0 and start is not None:
                outputs = model.run_rest(start, wanted)
            else:
                seen = images.flip(2) if i % 2 else images
                outputs = model(networks.normalise(seen, model.description),
                                wanted)
            outputs = [answer for answer, stride in zip(outputs, model.strides)
                       if stride in strides]
            if i % 2:  # left and right change places, in boxes too
                outputs = [(cls.flip(3), box.flip(3)[:, [2, 1, 0, 3]])
                           for cls, box in outputs]
            logits, box, _ = networks.flatten(outputs, strides)
            scores = scores + logits.sigmoid() / self.at_once
            boxes = boxes + box / self.at_once
        if size is not None:
            scores, boxes = resample(
                scores, boxes, [cls.shape[2:] for cls, _ in outputs], size,
                strides)
        return torch.logit(scores, CERTAIN), boxes
