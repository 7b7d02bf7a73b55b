# SPDX-License-Identifier: Apache-2.0
"""Starts a backbone from ImageNet weights of a larger relative.

MCUNet-in4 or -in3 (Lin et al. 2020, arXiv 2007.10319; weights by MIT HAN Lab,
MIT licence). Ours may be that network as it is, or *redistributed*: some
residual blocks are dropped, others are added, and early kernels are smaller, of
which the centre is taken; a short training without labels (match) then brings
the features of the original back.
"""
import json
import pathlib
import pickle
import re
import zipfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import network as networks
import replicas

BN_EPS = 1e-5
PARTS = {'expand': 'pw_exp', 'depthwise': 'dw', 'project': 'pw_sq'}


def fold_archive(data):
    """mcunet-in4_bnfolded.npz -> {part: (weight, bias, stride)}."""
    layers = {}
    for key in data:
        if key.endswith('.weight'):
            name = key[:-len('.weight')]
            found = re.match(r'InvRes(\d+)_(.*)', name)
            ours = {theirs: part for part, theirs in PARTS.items()}
            place = ((int(found[1]) - 1, ours[found[2]]) if found else
                     {'sequential_0': 'stem'}.get(name, name))
            layers[place] = (torch.from_numpy(data[key]),
                             torch.from_numpy(data[f'{name}.bias']),
                             int(data[f'{name}.stride']))
    return layers


def fold_state(state, description):
    """A state dict of MIT HAN Lab's release and its .json -> as above."""
    def fold(prefix, stride):
        weight = state[f'{prefix}.conv.weight']
        gamma, beta, mean, var = (state[f'{prefix}.bn.{key}'] for key in (
            'weight', 'bias', 'running_mean', 'running_var'))
        scale = gamma / (var + BN_EPS).sqrt()
        return weight * scale[:, None, None, None], beta - mean * scale, stride

    names = {'expand': 'inverted_bottleneck', 'depthwise': 'depth_conv',
             'project': 'point_linear'}
    layers = {'stem': fold('first_conv', 2)}
    for i, block in enumerate(description['blocks']):
        stride = block['mobile_inverted_conv']['stride']
        for part, name in names.items():
            prefix = f'blocks.{i}.mobile_inverted_conv.{name}'
            if f'{prefix}.conv.weight' in state:
                layers[i, part] = fold(prefix,
                                       stride if part == 'depthwise' else 1)
    layers['classifier'] = (
        state['classifier.linear.weight'][:, :, None, None],
        state['classifier.linear.bias'], 1)
    return layers


class Folded:
    """The original network, batch norm folded: list of blocks of layers."""

    def __init__(self, path, device='cpu'):
        path = pathlib.Path(path)
        try:
            if path.suffix == '.npz':
                layers = fold_archive(np.load(path))
            else:
                state = torch.load(path, map_location='cpu')
                shape = json.loads(path.with_suffix('.json').read_text())
                layers = fold_state(state.get('state_dict', state), shape)
        except (OSError, RuntimeError, EOFError, KeyError, TypeError,
                ValueError, AttributeError, pickle.UnpicklingError,
                zipfile.BadZipFile) as error:
            raise networks.InputError(
                f'{path}: expected weights of MCUNet, .npz, or .pth with its '
                f'.json beside it ({error})') from error
        layers = {place: (weight.to(device), bias.to(device), stride)
                  for place, (weight, bias, stride) in layers.items()}
        self.stem, self.classifier = layers['stem'], layers['classifier']
        count = 1 + max(place[0] for place in layers if type(place) is tuple)
        self.blocks = [{part: layers.get((i, part)) for part in PARTS}
                       for i in range(count)]

    @staticmethod
    def conv(x, layer, act=True):
        weight, bias, stride = layer
        groups = x.shape[1] // weight.shape[1]
        x = F.conv2d(x, weight, bias, stride, weight.shape[2] // 2, 1, groups)
        return x.clamp_(0, 6) if act else x

    @torch.no_grad()
    def features(self, x, wanted):
        """-> outputs of the blocks whose indices are in `wanted`."""
        x, found = self.conv(x, self.stem), {}
        for i, block in enumerate(self.blocks[:max(wanted) + 1]):
            y = x
            for part in PARTS:
                if block[part] is not None:
                    y = self.conv(y, block[part], part != 'project')
            x = x + y if x.shape == y.shape else y
            if i in wanted:
                found[i] = x
        return found


def same_but_kernel(ours, theirs):
    """Whether a source block's shapes serve one of our blocks.

    Of 1x1 depthwise, which we do not have, any kernel without stride is one.
    """
    for part in PARTS:
        layer = getattr(ours, part, None)
        if layer is None and part == 'depthwise' and theirs[part][2] == 1:
            continue
        if (layer is None) != (theirs[part] is None):
            return False
        if layer is None:
            continue
        have, (weight, _, stride) = layer.conv, theirs[part]
        if (have.weight.shape[:2] != weight.shape[:2] or
                have.stride[0] != stride or
                have.weight.shape[2] > weight.shape[2]):
            return False
    return True


def is_residual(theirs):
    first = theirs['expand'] or theirs['depthwise']
    inputs = len(first[0]) if theirs['expand'] is None else first[0].shape[1]
    return theirs['depthwise'][2] == 1 and inputs == len(theirs['project'][0])


def next_fitting(block, source, at):
    """The first source block from `at` on that fits; None if there is none
    before one that the features would lose their meaning without."""
    for i in range(at, len(source.blocks)):
        if same_but_kernel(block, source.blocks[i]):
            return i
        if not is_residual(source.blocks[i]):
            return None
    return None


def recipe(network, source):
    """For each of our blocks the index of the source block it comes from.

    The next that fits. A residual block that none is left for is new: it has
    the index of the block before it, whose output it passes on at first.
    """
    chosen = []
    for i, block in enumerate(network.blocks):
        fit = next_fitting(block, source, chosen[-1] + 1 if chosen else 0)
        if fit is None and not (chosen and block.residual):
            raise networks.InputError(
                f'--start: expected a backbone with a block for block {i} of '
                f"{network.description['name']}, as wide inside")
        chosen.append(chosen[-1] if fit is None else fit)
    return chosen


def is_new(chosen, i):
    return i > 0 and chosen[i] == chosen[i - 1]


def changed_blocks(network, source, chosen):
    """Indices of our blocks that do not give what the original's give."""
    def kernel(block):
        layer = getattr(block, 'depthwise', None)
        return layer.conv.kernel_size[0] if layer else 1

    return [i for i, (block, index, wanted) in enumerate(zip(
        network.blocks, chosen, counterparts(chosen, len(source.blocks))))
            if is_new(chosen, i) or wanted != index or kernel(block) !=
            source.blocks[index]['depthwise'][0].shape[2]]


def centre(weight, kernel):
    cut = (weight.shape[2] - kernel) // 2
    return weight[:, :, cut:cut + kernel, cut:cut + kernel]


def load_weights(network, source, chosen):
    """Copies weights; -> {our ConvBn: the folded bias it must add}."""
    pairs = [(network.stem, source.stem)]
    for i, (block, index) in enumerate(zip(network.blocks, chosen)):
        if is_new(chosen, i):
            block.project.bn.weight.data.zero_()
            continue
        pairs += [(getattr(block, part), source.blocks[index][part])
                  for part in PARTS if hasattr(block, part)]
    biases = {}
    for layer, (weight, bias, _) in pairs:
        kernel = layer.conv.kernel_size[0]
        layer.conv.weight.data.copy_(centre(weight, kernel))
        biases[layer] = bias
    return biases


@torch.no_grad()
def recreate_batch_norm(network, biases, images, first_block=None):
    """Gives every layer batch norm statistics that leave its output alone.

    Layer by layer: running mean and variance are those of the convolution on
    `images`; gamma and beta undo them and add the folded bias. With
    first_block only that block and later ones are touched.
    """
    def hook(layer, _, conv_output):
        mean = conv_output.mean((0, 2, 3))
        var = conv_output.var((0, 2, 3), unbiased=False)
        bn = layer.bn
        bn.running_mean.copy_(mean)
        bn.running_var.copy_(var)
        bn.weight.copy_((var + bn.eps).sqrt())
        bn.bias.copy_(mean + biases[layer])

    modules = [network.stem] if first_block is None else []
    modules += list(network.blocks[first_block or 0:])
    touched = {m for module in modules for m in module.modules()
               if m in biases}

    def run(layer, x):
        if layer in touched:
            hook(layer, x, layer.conv(x))
        return layer(x)

    network.eval()
    x = run(network.stem, images)
    for block in network.blocks:
        y = x
        for part in PARTS:
            if hasattr(block, part):
                y = run(getattr(block, part), y)
        x = x + y if block.residual else y


class Prefix(nn.Module):
    """The stem and blocks 0..last; -> outputs of the blocks in `taps`."""

    def __init__(self, network, last, taps):
        super().__init__()
        self.stem, self.taps = network.stem, taps
        self.blocks = nn.ModuleList(network.blocks[:last + 1])

    def forward(self, x):
        x, found = self.stem(x), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.taps:
                found.append(x)
        return found


def counterparts(chosen, count):
    """The source block whose output each of our blocks should give.

    It is the last one before the next block's source: what a left out
    residual block added is asked of the block before it.
    """
    return [max(mine, after - 1)
            for mine, after in zip(chosen, [*chosen[1:], count])]


def match(network, source, chosen, get_images, normal, steps, last, taps,
          progress, lr, workers):
    """Trains blocks 0..last to give the original's features; no labels.

    The error of each block in `taps` counts relative to its channels'
    variance. get_images() -> uint8 batch; normal() makes it float.
    """
    targets = counterparts(chosen, len(source.blocks))

    def objective(model, images, _):
        x = normal(images)
        want = source.features(x, [targets[i] for i in taps])
        errors = []
        for i, have in zip(taps, model(x)):
            goal = want[targets[i]]
            scale = goal.var((0, 2, 3), unbiased=False, keepdim=True)
            floor = 0.05 * scale.mean()
            errors.append(((have - goal).square() / (scale + floor)).mean())
        return sum(errors) / len(errors), [e.item() for e in errors]

    model = Prefix(network, last, taps).train()
    team = replicas.Replicas(model, workers, objective)
    optimiser = torch.optim.AdamW(model.parameters(), lr, weight_decay=0,
                                  foreach=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, lr, total_steps=steps, pct_start=0.1)
    nothing, recent = torch.zeros(0, 6), 0.0
    for step in progress(range(steps)):
        values = np.array(team.gradient(get_images(), nothing))
        optimiser.step()
        schedule.step()
        recent = recent + (values - recent) * max(0.05, 1 / (step + 1))
        if step % 100 == 0 or step == steps - 1:
            print(f'match {step}/{steps}: relative error {recent[0]:.3f}, '
                  f'of blocks {list(taps)}: {recent[1:].round(3)}',
                  flush=True)


@torch.no_grad()
def report(network, source, chosen, images):
    """How near the backbone is to the original, in one line."""
    network.eval()
    targets = counterparts(chosen, len(source.blocks))
    last = len(network.blocks) - 1
    have = Prefix(network, last, list(range(last + 1)))(images)
    want = source.features(images, targets)
    errors = [((a - want[t]).square().mean() / want[t].var()).item()
              for a, t in zip(have, targets)]

    def top(x):
        weight, bias, _ = source.classifier
        return (x.mean((2, 3)) @ weight[:, :, 0, 0].T + bias).argmax(1)

    same = (top(have[-1]) == top(want[targets[-1]])).float().mean().item()
    return (f'start: relative errors of blocks {np.round(errors, 2).tolist()}'
            f', same ImageNet class {100 * same:.0f} %')
