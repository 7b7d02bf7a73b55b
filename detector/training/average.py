# SPDX-License-Identifier: Apache-2.0
"""Averages networks that one training led to, into one better than each.

    average.py A.safetensors B.safetensors -o MEAN.safetensors

Weights are averaged (Izmailov et al. 2018, arXiv 1803.05407; Wortsman et al.
2022, arXiv 2203.05482) and batch norm is measured anew on training samples:
without that the mean is worse than the networks it is made of, but for states
of one run close to each other, whose statistics are averaged with --images 0.
"""
import argparse
import pathlib
import sys

import cv2
import numpy as np
import torch
import tqdm

import augment
import export
import network as networks
import voc

BATCH = 32


def load_alike(paths):
    """-> networks of one description, by their files. Raises InputError."""
    models = [export.load_network(path) for path in paths]
    for path, model in zip(paths, models):
        if any(model.description[part] != models[0].description[part]
               for part in ('classes', 'backbone', 'head')):
            raise networks.InputError(f'{path}: expected the network of '
                                      f'{paths[0]}')
    return models


@torch.no_grad()
def average(models, shares):
    """Makes models[0] their mean -> its layers behind the blocks, from the
    first on, that are the same in all."""
    mean = models[0]
    states = [model.state_dict() for model in models]

    def equal(name):
        return all(torch.equal(states[0][name], s[name]) for s in states)

    same = 0
    while same < len(mean.blocks) and all(
            equal(name) for name in states[0]
            if name.startswith(f'blocks.{same}.')):
        same += 1
    moved = ([] if same else [mean.stem]) + [*mean.blocks[same:], mean.head]
    for name, value in states[0].items():
        if value.is_floating_point() and not equal(name):
            value.copy_(sum(share * state[name]
                            for share, state in zip(shares, states)))
    return [layer for module in moved for layer in module.modules()
            if isinstance(layer, networks.ConvBn)]


@torch.no_grad()
def measure_batch_norm(model, layers, batches):
    """Running statistics of `layers` become the mean over all batches of
    images, uint8 [B, H, W, 3]."""
    model.eval()
    for layer in layers:
        layer.train()
    for count, images in enumerate(batches, 1):
        for layer in layers:
            layer.bn.momentum = 1 / count
        model(networks.normalise(images, model.description))
    for layer in layers:
        layer.bn.momentum = networks.BN_MOMENTUM
    model.eval()


def sample_batches(photos, model, count, mosaic, title):
    """Draws `count` photos as training samples, a progress bar beside them.

    -> batches of images, uint8 [B, H, W, 3], and of how many photos they are.
    """
    rng = np.random.default_rng(1)
    order = rng.permutation(len(photos))[:count]
    spec = model.description['input']
    size = spec['width'], spec['height']
    return (torch.from_numpy(augment.make_batch(
        photos, order[at:at + BATCH], size, mosaic, rng)[0])
        for at in tqdm.trange(0, len(order), BATCH, desc=title,
                              disable=None)), len(order)


def parse_shares(text, count):
    if text is None:
        return [1 / count] * count
    try:
        shares = [float(share) for share in text.split(',')]
    except ValueError:
        shares = []
    if len(shares) != count or not abs(sum(shares) - 1) < 1e-6:
        raise networks.InputError(f'--shares {text}: expected {count} numbers '
                                  'with a sum of 1')
    return shares


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('models', nargs='+', metavar='MODEL.safetensors')
    add('-o', '--output', required=True)
    add('--shares', help='of each, comma between (default: equal)')
    add('--voc', help='VOCdevkit folder')
    add('--train', nargs='+', metavar='LIST',
        default=['VOC2007/train', 'VOC2012/train'],
        help='lists whose images batch norm is measured on')
    add('--images', type=int, default=1536, help='that many of them; '
        '0: its statistics are averaged as weights are, without any')
    add('--mosaic', type=float, default=0.0, help='probability, as when the '
        'networks learned last')
    add('--threads', type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    shares = parse_shares(args.shares, len(args.models))
    if not pathlib.Path(args.output).parent.is_dir():
        sys.exit(f'{args.output}: expected a folder that exists')
    if args.images < 0:
        sys.exit(f'--images {args.images}: expected 0 or more')
    root = voc.locate_voc(args.voc) if args.images else None
    models = load_alike(args.models)
    mean = models[0]
    layers = average(models, shares)
    source = 'averaged'
    if args.images:
        photos = [photo for which in args.train
                  for photo in voc.read_list(root, which, mean.classes)]
        batches, count = sample_batches(photos, mean, args.images, args.mosaic,
                                        'batch norm')
        measure_batch_norm(mean, layers, batches)
        source = f'from {count} images'
    export.export_network(mean, args.output,
                          trained_on=' + '.join(args.train),
                          mean_of=' + '.join(pathlib.Path(path).name
                                             for path in args.models))
    print(f'{args.output}: {len(layers)} layers of {len(args.models)} '
          f'networks averaged, batch norm {source}')


if __name__ == '__main__':
    networks.run(main)
