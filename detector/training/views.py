# SPDX-License-Identifier: Apache-2.0
"""Augmented samples behind a frozen prefix, made once and trained on often.

The prefix takes 11 of 38 ms of a step of voc_h7 with seven frozen blocks (9 of
25 of voc_m4; 224 pixels, one core), and a teacher's answers would take more.
"""
import collections
import concurrent.futures
import dataclasses
import os
import sys

import numpy as np
import torch

import augment
import network as networks
import replicas

AHEAD = 4  # batches in work


@dataclasses.dataclass
class Batch(replicas.Parts):
    inputs: torch.Tensor  # [B, h, w, C] float16: the prefix's output
    logits: torch.Tensor = None  # [B, A, classes] float16: a teacher's
    boxes: torch.Tensor = None   # [B, A, 4] float16, input pixels: likewise


class Views:
    """All samples; objects [T, 6], of which column 0 is the sample."""

    def __init__(self, samples, objects):
        self.samples = samples
        ends = np.searchsorted(objects[:, 0], np.arange(len(samples) + 1))
        self.objects = [objects[a:b] for a, b in zip(ends[:-1], ends[1:])]

    def batches(self, steps, epochs, start, batch, seed):
        """Yields epochs of `steps` batches from start = (epoch, step) on.

        A random generator for each pass over all views, so a resumed run
        sees what it would have seen.
        """
        each = len(self.samples) // batch
        for number in range(start[0] * steps + start[1], epochs * steps):
            turn, step = divmod(number, each)
            order = np.random.default_rng([seed, turn]).permutation(
                len(self.samples))
            chosen = order[step * batch:(step + 1) * batch]
            objects = [self.objects[i].copy() for i in chosen]
            for row, mine in enumerate(objects):
                mine[:, 0] = row
            yield (self.samples[torch.from_numpy(chosen)],
                   np.concatenate(objects))


class Loader:
    """As augment.Loader, of kept samples."""

    def __init__(self, *arguments):
        self.get = Views.batches(*arguments).__next__

    def close(self):
        pass


@torch.no_grad()
def compute(model, teacher, images):
    """images uint8 [B, H, W, 3] -> Batch on the CPU, of a frozen model."""
    images = images.to(next(model.parameters()).device)
    x = model.run_prefix(networks.normalise(images, model.description))
    inputs = x.half().permute(0, 2, 3, 1).contiguous()
    if teacher is None:
        return Batch(inputs.cpu())
    logits, boxes = teacher.answer(images, model.strides)
    return Batch(inputs, logits.half(), boxes.half()).to('cpu')


def make(model, teacher, photos, size, mosaic, passes, batch, seed, loaders,
         workers, progress):
    """Computes `passes` views of every photo; -> tensors, for torch.save."""
    loader = augment.Loader(photos, [(size, mosaic)] * passes, (0, 0), batch,
                            seed, loaders)
    parts, objects, waiting = [], [], collections.deque()
    with concurrent.futures.ThreadPoolExecutor(
            workers, initializer=torch.set_num_threads,
            initargs=(1,)) as pool:
        for step in progress(range(len(photos) // batch * passes),
                             desc='views'):
            images, found = loader.get()
            found[:, 0] += step * batch
            objects.append(found)
            waiting.append(pool.submit(compute, model, teacher,
                                       torch.from_numpy(images)))
            if len(waiting) > AHEAD:
                parts.append(waiting.popleft().result())
        parts += [job.result() for job in waiting]
    loader.close()
    kept = [[getattr(part, field.name) for part in parts]
            for field in dataclasses.fields(Batch)]
    return {'samples': [None if values[0] is None else torch.cat(values)
                        for values in kept],
            'objects': np.concatenate(objects)}


def open_or_make(path, made_with, *arguments):
    """Views kept at `path`, if they were made with the same options."""
    if path.exists():
        kept = torch.load(path)
        if kept['made_with'] != made_with:
            sys.exit(f'{path}: made with {kept["made_with"]}, expected '
                     f'{made_with}; delete it to make views anew')
    else:
        kept = make(*arguments)
        kept['made_with'] = made_with
        temporary = path.with_suffix('.tmp')
        torch.save(kept, temporary)
        os.replace(temporary, path)
    return Views(Batch(*kept['samples']), kept['objects'])
