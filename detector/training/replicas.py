# SPDX-License-Identifier: Apache-2.0
"""Data-parallel gradients on a CPU, one thread for each part of a batch."""
import concurrent.futures
import copy
import dataclasses

import numpy as np
import torch


class Parts:
    """A dataclass's tensors, or None, sliced and moved together like one."""

    def map(self, function):
        return type(self)(*(None if part is None else function(part)
                            for part in vars(self).values()))

    def __len__(self):
        return len(next(iter(vars(self).values())))

    def __getitem__(self, index):
        return self.map(lambda part: part[index])

    def to(self, device):
        return self.map(lambda part: part.to(device))


@dataclasses.dataclass
class Pair(Parts):
    """The same images as a detector and as its teacher get to see them."""
    images: torch.Tensor  # uint8 [B, h, w, 3]
    larger: torch.Tensor  # uint8 [B, H, W, 3]


class Replicas:
    """Computes a batch's gradient in parts.

    The replicas share weights and have their own gradients and batch norm
    statistics. They meet once a step, not at every layer, so another program
    on one of the cores costs its share of time and no more.

    objective(model, images, objects) -> loss, (further values to report).
    """

    def __init__(self, model, count, objective):
        self.objective = objective
        self.models = [model] + [copy.deepcopy(model)
                                 for _ in range(count - 1)]
        for other in self.models[1:]:
            for mine, theirs in zip(model.parameters(), other.parameters()):
                theirs.data = mine.data
        self.pool = concurrent.futures.ThreadPoolExecutor(
            count, initializer=torch.set_num_threads, initargs=(1,)
        ) if count > 1 else None

    def part(self, model, images, objects):
        value, parts = self.objective(model, images, objects)
        for p in model.parameters():
            p.grad = None
        value.backward()
        return [value.item(), *parts]

    def gradient(self, images, objects):
        """images [B, ...]; objects [T, 6], of which column 0 is the image.

        Leaves the mean gradient in the first model; -> mean values.
        """
        size = -(-len(images) // len(self.models))
        parts = []
        for i in range(len(self.models)):
            mine = objects[(objects[:, 0] // size) == i].clone()
            mine[:, 0] -= i * size
            parts.append((images[i * size:(i + 1) * size], mine))
        return self.gradient_of(parts)

    def gradient_of(self, parts):
        """parts: images and objects for each model. -> as gradient()."""
        if self.pool is None:
            return self.part(self.models[0], *parts[0])
        jobs = [self.pool.submit(self.part, model, *mine)
                for model, mine in zip(self.models, parts)]
        values = np.mean([job.result() for job in jobs], 0)
        grads = [[p.grad for p in model.parameters() if p.grad is not None]
                 for model in self.models]
        for other in grads[1:]:
            torch._foreach_add_(grads[0], other)
        torch._foreach_mul_(grads[0], 1 / len(self.models))
        return list(values)
