# SPDX-License-Identifier: Apache-2.0
"""Starts a smaller network from a larger one of ours, without training.

    narrow.py LARGE.safetensors SMALL.json -o SMALL.safetensors

The small one may lack residual blocks, and blocks at the end, and have fewer
channels inside blocks: those that tell most about what the block gave are kept,
and the weights behind them fitted by least squares to give it (as He et al. 2017,
arXiv 1707.06168, do, but the channels chosen one by one). So are the head's
first layers where the block that they read is gone, and what gives boxes where
they lose the layers that they had for themselves. Train it on from there.
"""
import argparse
import pathlib
import sys

import cv2
import torch

import average
import export
import network as networks
import voc

RIDGE = 1e-4  # of a mean variance


def hidden(block):
    return block.project.conv.in_channels


def fits(ours, theirs):
    """Whether a block may come from one of the large network."""
    parts = 'expand', 'depthwise'
    if any(hasattr(ours, part) != hasattr(theirs, part) for part in parts):
        return False
    if hasattr(ours, 'depthwise') and any(
            getattr(ours.depthwise.conv, name) !=
            getattr(theirs.depthwise.conv, name)
            for name in ('kernel_size', 'stride')):
        return False
    inputs, their_inputs = (
        block.expand.conv.in_channels if hasattr(block, 'expand') else
        hidden(block) for block in (ours, theirs))
    return (inputs == their_inputs and ours.residual == theirs.residual and
            ours.project.conv.out_channels ==
            theirs.project.conv.out_channels and
            hidden(ours) <= hidden(theirs))


def recipe(small, large, name):
    """-> for each block of `small` the index of the one it comes from."""
    chosen, at = [], 0
    for i, block in enumerate(small.blocks):
        while at < len(large.blocks) and not fits(block, large.blocks[at]):
            if not large.blocks[at].residual:
                at = len(large.blocks)
            at += 1
        if at >= len(large.blocks):
            raise networks.InputError(
                f'{name}: expected block {i} to have a counterpart in the large '
                'network, behind residual ones at most')
        chosen.append(at)
        at += 1
    return chosen


def check_alike(small, large, path):
    """Raises InputError where they differ in more than blocks."""
    ours, theirs = small.description, large.description
    alike = {'classes': ours['classes'] == theirs['classes'],
             'backbone.stem': ours['backbone']['stem'] ==
             theirs['backbone']['stem']}
    alike |= {f'head.{key}': ours['head'].get(key) == theirs['head'].get(key)
              for key in ('strides', 'outputs', 'width', 'kernel',
                          'tower_depth')}
    counts = [[len(tower) for tower in model.head.box_tower]
              for model in (small, large)]
    alike['head.separate, or 0,'] = all(
        mine in (0, their) for mine, their in zip(*counts))
    for key, equal in alike.items():
        if not equal:
            raise networks.InputError(f'{path}: expected the {key} of '
                                      f"{theirs['name']}")


class Moments:
    """Mean and covariance of what modules give, over all pixels, together."""

    def __init__(self, *modules):
        self.count, self.sum, self.square = 0, 0.0, 0.0
        self.values = [None] * len(modules)
        self.hooks = [module.register_forward_hook(
            lambda _, __, output, i=i: self.see(i, output))
            for i, module in enumerate(modules)]

    def see(self, i, output):
        self.values[i] = output
        if any(value is None for value in self.values):
            return
        x = torch.cat(self.values, 1).permute(0, 2, 3, 1).flatten(0, 2).double()
        self.count += len(x)
        self.sum = self.sum + x.sum(0)
        self.square = self.square + x.T @ x
        self.values = [None] * len(self.values)

    def mean(self):
        return self.sum / self.count

    def covariance(self):
        mean = self.mean()
        return self.square / self.count - mean[:, None] * mean[None]

    def remove(self):
        for hook in self.hooks:
            hook.remove()


def choose(weight, covariance, count):
    """Channels that explain weight @ x best, chosen one by one. -> sorted."""
    rest, chosen = covariance.clone(), []
    seen = weight @ rest
    floor = 1e-9 * rest.diagonal().mean().clamp(min=1e-30)
    for _ in range(count):
        variance = rest.diagonal()
        gain = seen.square().sum(0) / variance.clamp(min=floor)
        gain[variance <= floor] = 0
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        if variance[best] > floor:
            row = rest[best] / rest[best, best]
            seen = seen - seen[:, best, None] * row
            rest = rest - rest[:, best, None] * row
    return sorted(chosen)


def fit(cross, covariance):
    """-> weights W of least error between W x and y, of their covariance
    [Y, X] and that of x."""
    ridge = RIDGE * covariance.diagonal().mean() * torch.eye(len(covariance))
    return torch.linalg.solve(covariance + ridge.to(covariance), cross.T).T


def regress(moments, inputs):
    """-> weights and shift that give the rest of the values from the first."""
    mean, covariance = moments.mean(), moments.covariance()
    weight = fit(covariance[inputs:, :inputs], covariance[:inputs, :inputs])
    return weight, mean[inputs:] - weight @ mean[:inputs]


def set_weights(layer, weight, shift):
    """A 1x1 ConvBn gives weight @ x + shift, before any activation."""
    bn = layer.bn
    scale = (bn.weight * torch.rsqrt(bn.running_var + bn.eps)).double()
    scale = torch.where(scale.abs() < 1e-12, torch.ones_like(scale), scale)
    layer.conv.weight.copy_((weight / scale[:, None])[:, :, None, None])
    bn.running_mean.copy_((bn.bias.double() - shift) / scale)


def narrow_block(ours, theirs, moments):
    """Takes over theirs with the channels that tell most."""
    weight = theirs.project.conv.weight[:, :, 0, 0].double()
    covariance = moments.covariance()
    kept = choose(weight, covariance, hidden(ours))
    for part in ('expand', 'depthwise'):
        if hasattr(ours, part):
            mine, source = (getattr(block, part) for block in (ours, theirs))
            mine.conv.weight.copy_(source.conv.weight[kept])
            for name in ('weight', 'bias', 'running_mean', 'running_var'):
                getattr(mine.bn, name).copy_(getattr(source.bn, name)[kept])
    fitted = fit(weight @ covariance[:, kept], covariance[kept][:, kept])
    mean = moments.mean()
    project = ours.project
    project.bn.load_state_dict(theirs.project.bn.state_dict())
    project.conv.weight.copy_(fitted[:, :, None, None])
    project.bn.running_mean.sub_(weight @ mean - fitted @ mean[kept])


@torch.no_grad()
def narrow(small, large, chosen, batches):
    """Gives `small` its weights; batches: images uint8 [B, H, W, 3]."""
    large.eval()
    small.stem.load_state_dict(large.stem.state_dict())
    narrowed, read, shared = {}, {}, {}
    for i, (block, index) in enumerate(zip(small.blocks, chosen)):
        theirs = large.blocks[index]
        if hidden(block) < hidden(theirs):
            narrowed[i] = Moments(getattr(theirs, 'depthwise', theirs.expand))
        else:
            block.load_state_dict(theirs.state_dict())
    small.head.load_state_dict({
        name: large.head.state_dict()[name] if value.shape ==
        large.head.state_dict()[name].shape else value
        for name, value in small.head.state_dict().items()})
    for level, stride in enumerate(small.pyramid):
        index = chosen[small.taps[stride]]
        if index != large.taps[stride]:
            read[level] = Moments(large.blocks[index],
                                  large.head.lateral[level])
    for level, (ours, theirs) in enumerate(zip(small.head.box_tower,
                                               large.head.box_tower)):
        if len(ours) < len(theirs):
            shared[level] = Moments(large.head.tower[level][-1],
                                    large.head.box[level])
    for images in batches:
        large(networks.normalise(images, large.description))
    for moments in [*narrowed.values(), *read.values(), *shared.values()]:
        moments.remove()
    for i, moments in narrowed.items():
        narrow_block(small.blocks[i], large.blocks[chosen[i]], moments)
    for level, moments in read.items():
        layer, source = (model.head.lateral[level] for model in (small, large))
        layer.bn.load_state_dict(source.bn.state_dict())
        set_weights(layer, *regress(moments, layer.conv.in_channels))
    for level, moments in shared.items():
        layer = small.head.box[level]
        weight, shift = regress(moments, layer.in_channels)
        layer.weight.copy_(weight[:, :, None, None])
        layer.bias.copy_(shift)
    return len(narrowed), len(read), len(shared)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('large', metavar='LARGE.safetensors')
    add('network', metavar='SMALL.json')
    add('-o', '--output', required=True)
    add('--voc', help='VOCdevkit folder')
    add('--train', nargs='+', metavar='LIST',
        default=['VOC2007/train', 'VOC2012/train'],
        help='lists whose images the weights are fitted on')
    add('--images', type=int, default=512, help='that many of them')
    add('--threads', type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    if not pathlib.Path(args.output).parent.is_dir():
        sys.exit(f'{args.output}: expected a folder that exists')
    large = export.load_network(args.large)
    small = networks.Detector(networks.load_description(args.network))
    check_alike(small, large, args.network)
    chosen = recipe(small, large, args.network)
    root = voc.locate_voc(args.voc)
    photos = [photo for which in args.train
              for photo in voc.read_list(root, which, small.classes)]
    batches, count = average.sample_batches(photos, small, args.images, 0.0,
                                            'least squares')
    narrowed, read, shared = narrow(small, large, chosen, batches)
    export.export_network(small, args.output,
                          trained_on=' + '.join(args.train),
                          narrowed_from=pathlib.Path(args.large).name)
    print(f'{args.output}: {len(large.blocks) - len(chosen)} blocks left out, '
          f'{narrowed} made narrower, {read} levels read another block, '
          f'{shared} give boxes from the shared layers, '
          f'fitted on {count} images')


if __name__ == '__main__':
    networks.run(main)
