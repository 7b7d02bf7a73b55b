# SPDX-License-Identifier: Apache-2.0
"""Networks that a detector learns from, as one: their mean."""
import torch

import export
import network as networks

CERTAIN = 1e-6  # mean scores stay this far from 0 and 1


class Teacher:
    """The mean of networks' scores and of their boxes.

    Every second network sees the image mirrored, which is a further opinion at
    no cost.
    """

    def __init__(self, models):
        self.models = models
        self.shared = 0

    @classmethod
    def load(cls, paths, student, device):
        """Raises InputError."""
        models = [export.load_network(path) for path in paths]
        for path, model in zip(paths, models):
            if model.classes != student.classes or (
                    not set(student.strides) <= set(model.strides)):
                raise networks.InputError(
                    f'{path}: expected the classes and strides of '
                    f"{student.description['name']}")
        return cls([model.to(device).eval().requires_grad_(False)
                    for model in models])

    def share(self, student):
        """Takes the student's frozen blocks for the first network's own, if
        they are the same, so that they are computed once."""
        first = self.models[0]
        count = student.frozen
        same = (0 < count <= min(m.taps[min(m.strides)] + 1
                                 for m in (first, student)) and
                first.description['input'] == student.description['input'])
        for mine, theirs in zip([first.stem, *first.blocks],
                                student.prefix()) if same else ():
            mine, theirs = mine.state_dict(), theirs.state_dict()
            same &= mine.keys() == theirs.keys() and all(
                torch.equal(mine[name], theirs[name]) for name in mine)
        self.shared = first.frozen = count if same else 0

    @torch.no_grad()
    def answer(self, images, strides, start=None):
        """images uint8 [B, H, W, 3] -> logits [B, A, C], boxes [B, A, 4].

        start: what the shared blocks give for them.
        """
        scores = boxes = 0
        for i, model in enumerate(self.models):
            if i == 0 and start is not None:
                outputs = model.run_rest(start)
            else:
                seen = images.flip(2) if i % 2 else images
                outputs = model(networks.normalise(seen, model.description))
            outputs = [answer for answer, stride in zip(outputs, model.strides)
                       if stride in strides]
            if i % 2:  # left and right change places, in boxes too
                outputs = [(cls.flip(3), box.flip(3)[:, [2, 1, 0, 3]])
                           for cls, box in outputs]
            logits, box, _ = networks.flatten(outputs, strides)
            scores = scores + logits.sigmoid() / len(self.models)
            boxes = boxes + box / len(self.models)
        return torch.logit(scores, CERTAIN), boxes
