# SPDX-License-Identifier: Apache-2.0
"""Overfits a tiny detector on eight drawn images; needs no data set.

Checks the C++ training ops against PyTorch's, the samples' boxes, that the
loss falls and the mAP rises above 0.9, and that an exported file gives the
same detections. Exits 1 if any of it fails.
"""
import copy
import functools
import pathlib
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np
import torch
import torch.nn.functional as F

import augment
import average
import echo
import evaluate
import export
import fake_quantise
import loss as losses
import mimic
import narrow
import network as networks
import ops
import replicas
import start
import teacher as teachers
import train
import tune_head
import views
import voc
from ops import test_ops

SIZE = 96
STEPS = 160
DESCRIPTION = {
    'format': 'ocellus-network', 'version': 1, 'name': 'overfit',
    'input': {'height': SIZE, 'width': SIZE, 'channels': 3, 'order': 'rgb',
              'mean': 128.0, 'std': 128.0},
    'classes': ['disc', 'square', 'triangle'],
    'backbone': {
        'activation': 'relu6',
        'stem': {'kernel': 3, 'stride': 2, 'width': 8},
        'blocks': [
            {'kernel': 3, 'expansion': 1, 'width': 8, 'depth': 1, 'stride': 1},
            {'kernel': 3, 'expansion': 3, 'width': 16, 'depth': 1,
             'stride': 2},
            {'kernel': 5, 'expansion': 3, 'width': 24, 'depth': 2,
             'stride': 2},
            {'kernel': 7, 'expansion': 3, 'width': 32, 'depth': 1,
             'stride': 2}]},
    'head': {'type': 'yolo', 'encoding': 'ltrb_exp', 'strides': [8, 16],
             'width': 24, 'kernel': 3, 'tower_depth': 1,
             'score_threshold': 0.3, 'nms_iou': 0.5}}
COLOURS = [(40, 40, 220), (60, 200, 60), (220, 120, 40)]


def draw(index, rng):
    """A photo of 120 x 100 with two shapes, as a JPEG half that size."""
    width, height = 120, 100
    image = rng.integers(90, 130, (height, width, 3)).astype(np.uint8)
    boxes, labels = [], []
    for side in range(2):
        label = int(rng.integers(3))
        radius = int(rng.integers(14, 25))
        x = int(rng.integers(radius + 2, 58 - radius // 2)) + side * 60 - (
            side * radius // 2)
        x = min(x, width - radius - 3)
        y = int(rng.integers(radius + 2, height - radius - 2))
        if label == 0:
            cv2.circle(image, (x, y), radius, COLOURS[0], -1)
        elif label == 1:
            cv2.rectangle(image, (x - radius, y - radius),
                          (x + radius, y + radius), COLOURS[1], -1)
        else:
            points = np.array([[x, y - radius], [x - radius, y + radius],
                               [x + radius, y + radius]])
            cv2.fillPoly(image, [points], COLOURS[2])
        boxes.append([x - radius + 1, y - radius + 1, x + radius + 1,
                      y + radius + 1])
        labels.append(label)
    small = cv2.resize(image, (width // 2, height // 2),
                       interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode('.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    return voc.Photo(f'drawn{index}', jpeg.ravel(), width // 2, width, height,
                     np.array(boxes, np.float32), np.array(labels),
                     np.zeros(2, bool))


def check_samples(photos):
    """-> whether every augmented box lies inside its image, and two mixed
    samples are that."""
    rng = np.random.default_rng(0)
    fine = True
    for mosaic, mixup in (0.0, 0.0), (1.0, 0.0), (0.5, 1.0):
        images, objects = augment.make_batch(photos, range(8), (SIZE, SIZE),
                                             mosaic, rng, mixup)
        boxes = objects[:, 2:]
        fine &= images.shape == (8, SIZE, SIZE, 3) and bool(
            (boxes >= 0).all() and (boxes <= SIZE).all() and
            (boxes[:, 2:] - boxes[:, :2] >= augment.SMALLEST - 1e-3).all())
    image, found = augment.mixed(photos, 0, (SIZE, SIZE), 0.0,
                                 np.random.default_rng(5))
    rng = np.random.default_rng(5)
    parts = [augment.sample(photos, i, (SIZE, SIZE), 0.0, rng)
             for i in (0, rng.integers(len(photos)))]
    one, two = (part[0].astype(float) for part in parts)
    share = ((image - two) * (one - two)).sum() / ((one - two) ** 2).sum()
    return fine and augment.SHARE[0] < share < augment.SHARE[1] and (
        np.abs(share * (one - two) + two - image) < 1).all() and (
            np.array_equal(found, np.concatenate([p[1] for p in parts])))


def check_even_steps(model):
    """-> whether --even slows the backbone's convolutions of small weights, and
    a resumption, whose weights are larger, has the same groups."""
    args = train.parse_arguments(['--even', '0.1', '--backbone-lr', '0.5'])
    small, large = copy.deepcopy(model), copy.deepcopy(model)
    for network, rms in (small, 0.02), (large, 0.4):
        for name, p in network.named_parameters():
            if p.ndim == 4:
                p.data.fill_(rms)
    optimisers = [train.make_optimiser(m, args) for m in (small, large)]
    names = {id(p): name for name, p in small.named_parameters()}
    factors = {names[id(p)]: group['factor']
               for group in optimisers[0].param_groups
               for p in group['params']}
    fine = all(abs(factor - (1 if name.startswith('head.') else 0.1 if
                             name.endswith('conv.weight') else 0.5)) < 1e-6
               for name, factor in factors.items())
    fine &= len(factors) == len(names) and all(
        group['factor'] in (0.5, 1) for group in optimisers[1].param_groups)
    saved = optimisers[0].state_dict()
    optimisers[1].load_state_dict(saved)
    return fine and optimisers[1].state_dict()['param_groups'] == (
        saved['param_groups'])


def check_views(model, photos):
    """-> whether kept samples give what the images behind them gave, in the
    same order after a resumption; the teacher is the network itself."""
    model.freeze(3)
    kept = views.make(model, teachers.Teacher([model]), photos, (SIZE, SIZE), 0.5, 2, 4, 1, 1, 2,
                      lambda items, **_: items)
    every = views.Views(views.Batch(*kept['samples']), kept['objects'])
    batches = list(every.batches(4, 2, (0, 0), 4, 1))
    again = next(every.batches(4, 2, (1, 1), 4, 1))
    batch, objects = batches[5]
    fine = len(batches) == 8 and torch.equal(batch.inputs, again[0].inputs)
    fine &= np.array_equal(objects, again[1]) and (
        sum(len(o) for _, o in batches[:4]) == len(kept['objects']))
    with torch.no_grad():
        logits, boxes, _ = networks.flatten(model.run_rest(
            batch.inputs.float().permute(0, 3, 1, 2)), model.strides)
        off = (logits - batch.logits).abs().max().item()
        losses_of = [losses.distillation_loss(
            logits + shift, boxes, batch.logits, batch.boxes).item()
            for shift in (0.0, 1.0)]
    model.freeze(0)
    return fine and off < 0.1 and losses_of[0] < losses_of[1]


def check_teacher(model, images):
    """-> whether two networks' mean is that of one on the images and the other
    on their mirror images, which comes first is asked in turn, and a student's
    blocks are taken over by the one that has the same."""
    other, student = copy.deepcopy(model), copy.deepcopy(model)
    with torch.no_grad():
        for value in [*other.head.parameters(),
                      *other.blocks[1].parameters()]:
            value.mul_(1.1)
    both = teachers.Teacher([model, other])
    logits, boxes = both.answer(images, model.strides)
    columns = [(SIZE // stride, stride) for stride in model.strides]
    with torch.no_grad():
        first, second = (networks.flatten(network(networks.normalise(
            seen, DESCRIPTION)), model.strides) for network, seen in (
                (model, images), (other, images.flip(2))))
    turned = [torch.cat([part.view(len(images), -1, n, part.shape[2]).flip(2)
                         .flatten(1, 2) for part, (n, _) in zip(
                             values.split([n * n for n, _ in columns], 1),
                             columns)], 1) for values in second[:2]]
    turned[1][..., [0, 2]] = SIZE - turned[1][..., [2, 0]]
    fine = torch.allclose(logits.sigmoid(), (
        first[0].sigmoid() + turned[0].sigmoid()) / 2, atol=1e-4)
    fine &= torch.allclose(boxes, (first[1] + turned[1]) / 2, atol=1e-2)
    student.freeze(3)
    both.share(student)
    fine &= both.shared == [3, 0] and both.shares()
    with torch.no_grad():
        start = student.run_prefix(networks.normalise(images, DESCRIPTION))
    fine &= torch.allclose(logits, both.answer(
        images, model.strides, start)[0], atol=1e-3)
    both.turn = 3
    fine &= not both.shares()
    alone = teachers.Teacher([model, other], 1)
    alone.turn = 1
    fine &= torch.allclose(second[0].sigmoid(), alone.answer(
        images.flip(2), model.strides)[0].sigmoid(), atol=1e-4)
    student.blocks[2].project.conv.weight.data.mul_(1.1)
    both.share(student)
    return fine and both.shared == [0, 0]


def check_larger(model, photos):
    """-> whether a teacher that sees a larger image answers for the cells of a
    smaller one, and batches have both."""
    plan, size = [((SIZE, SIZE), 0.5)], (2 * SIZE, 2 * SIZE)
    images, objects, larger = next(augment.batches(
        photos, plan, (0, 0), 4, 1, size))
    alone = next(augment.batches(photos, [(size, 0.5)], (0, 0), 4, 1))
    fine = np.array_equal(larger, alone[0]) and np.allclose(
        objects * [1, 1, 2, 2, 2, 2], alone[1])
    fine &= np.allclose(images, larger.reshape(
        4, SIZE, 2, SIZE, 2, 3).mean((2, 4)), atol=1)
    pair = replicas.Pair(*map(torch.from_numpy, (images, larger)))[1:3]
    asked = teachers.Teacher([model])
    with torch.no_grad():
        outputs, answers = train.run(model, pair, asked)
    own = networks.flatten(outputs, model.strides)
    fine &= all(a.shape == b.shape for a, b in zip(answers, own))
    same = asked.answer(pair.images, model.strides)
    again = asked.answer(pair.images, model.strides, size=(SIZE, SIZE))
    fine &= torch.allclose(same[0].sigmoid(), again[0].sigmoid(), atol=1e-5)
    fine &= torch.allclose(same[1], again[1], atol=1e-2)
    # Of four cells in one's place, one is sure, and has its say on the box.
    scores, boxes = torch.zeros(1, 16, 3), torch.full((1, 16, 4), 99.0)
    scores[0, 5, 1] = 0.8
    boxes[0, 5] = torch.tensor([2.0, 4, 10, 12])
    score, box = teachers.resample(scores, boxes, [(4, 4)], (16, 16), [8])
    return fine and torch.allclose(
        score, torch.tensor([[[0, 0.2, 0]] + [[0, 0, 0]] * 3])) and (
            torch.allclose(box[0, 0], boxes[0, 5] / 2, atol=1e-2))


def check_mimicry(model, images):
    """-> whether a network's features come to be seen in its own, also of an
    image of another size, before they are asked to change."""
    asked = teachers.Teacher([model])
    fine, larger = True, F.interpolate(
        images.permute(0, 3, 1, 2), scale_factor=2.0).permute(0, 2, 3, 1)
    for seen, size in (images, None), (larger, (SIZE, SIZE)):
        mine, theirs, values = [], [], []
        mimicry = mimic.Mimicry(model, [model])
        with torch.no_grad():
            model(networks.normalise(images, DESCRIPTION), mine)
        asked.answer(seen, model.strides, size=size, pyramid=theirs)
        own = mine[0].requires_grad_()
        optimiser = torch.optim.Adam(mimicry.parameters(), 2e-2)
        for step in range(mimic.LEARN_FIRST + 1):
            optimiser.zero_grad()
            value = mimicry(0, mine, theirs)
            value.backward()
            fine &= (own.grad is not None) == (step == mimic.LEARN_FIRST)
            optimiser.step()
            values.append(value.item())
        fine &= values[0] > 0.5 and values[-1] < (0.1 if size is None else 0.4)
    return fine


def check_echo(model, photos):
    """-> whether a remembered batch costs what it did, also as a mirror image,
    whose objects and answers have changed sides, and comes in place of a new
    one."""
    plan, size = [((SIZE, SIZE), 0.5)] * 2, (2 * SIZE, 2 * SIZE)
    every, second = ([batch for batch in augment.batches(
        photos[:6], plan, (0, 0), 2, 1, size, echo=n)]
        for n in (1, 2))
    fine = len(every) == 6 and len(second) == 4 and all(
        np.array_equal(every[i][0], batch[0])
        for i, batch in zip((0, 2, 3, 5), second))
    images, objects, larger = map(torch.from_numpy, every[0])
    pupil, asked = copy.deepcopy(model), teachers.Teacher([model])
    pupil.mimicry = mimic.Mimicry(model, [model])
    pupil.memory = echo.Memory(1, kept=2)
    cost = functools.partial(train.objective, pupil, teacher=asked, alike=1.0)
    with torch.no_grad():
        new = cost(replicas.Pair(images, larger), objects)[0]
        lesson, = pupil.memory.lessons
        fine &= torch.allclose(new, cost(lesson, objects)[0], rtol=1e-3)
        turned = pupil.memory.recall(model.strides)
        fine &= list(pupil.memory.lessons) == [turned]
        fine &= torch.equal(turned.images, images.flip(2))
        # What a teacher is sure of lies where the mirrored objects are.
        exact = [losses.distillation_loss(of.logits, of.boxes, of.logits,
                                          of.boxes) for of in (lesson, turned)]
        fine &= torch.allclose(*exact, rtol=1e-4)
        centres = networks.flatten(model(networks.normalise(
            images, DESCRIPTION)), model.strides)[2]
        found = [losses.detection_loss(of.logits, of.boxes, centres,
                                       of.objects)[0]
                 for of in (lesson, turned)]
        fine &= torch.allclose(*found, rtol=1e-3)
        back = turned.mirrored(model.strides)
        for mine, theirs in zip(vars(lesson).values(), vars(back).values()):
            if isinstance(mine, torch.Tensor):
                fine &= torch.allclose(mine.float(), theirs.float(), atol=1e-3)
        fine &= all(torch.equal(a, b.flip(3)) for a, b in zip(lesson.pyramid,
                                                              turned.pyramid))
        for _ in range(2):
            pupil.memory.keep(lesson)
        fine &= list(pupil.memory.lessons) == [lesson, lesson]
    return fine


def check_growth(model, images, folder, strides, width):
    """-> whether a wider head of `strides`, the last of those of `model`,
    starts with what the narrow one computes, learns with its new channels,
    and learns from it."""
    path = folder / 'narrow.safetensors'
    export.export_network(model, path)
    description = copy.deepcopy(DESCRIPTION)
    description['head'].update(strides=strides, width=width)
    wide = networks.Detector(description).to(
        memory_format=torch.channels_last)
    export.import_matching(wide, path)
    export.import_head(wide, path)
    x = networks.normalise(images, description)
    with torch.no_grad():
        narrow = networks.flatten(model.eval()(x)[-len(strides):], strides)
        grown = networks.flatten(wide.eval()(x), strides)
    fine = all(torch.allclose(a, b, atol=1e-2)
               for a, b in zip(narrow, grown))
    wide.freeze(3)
    kept = views.compute(wide, teachers.Teacher([model]), images)
    # Scores beyond 9 are within 0.0002 of 0 or 1; means of them lose bits.
    fine &= kept.logits.shape == grown[0].shape and torch.allclose(
        *(logits.float().clamp(-9, 9) for logits in (kept.logits, grown[0])),
        atol=2e-2)
    wide.train()
    networks.flatten(wide(x), strides)[0].sum().backward()
    readers = [wide.head.cls[-1]] + [
        layer for layer in wide.head.reduce if hasattr(layer, 'weight')]
    return fine and all(
        (layer.weight.grad[:, DESCRIPTION['head']['width']:] != 0).any()
        for layer in readers)


def check_separate(model, images, folder):
    """-> whether a head without its last level's outputs, and with a tower for
    boxes, starts as the one it comes from, and boxes learn alone."""
    path = folder / 'shared.safetensors'
    export.export_network(model, path)
    description = copy.deepcopy(DESCRIPTION)
    description['head'].update(outputs=[8], separate=[1, 0])
    other = networks.Detector(description).to(
        memory_format=torch.channels_last)
    export.import_matching(other, path)
    x = networks.normalise(images, description)
    with torch.no_grad():
        before, after = model.eval()(x), other.eval()(x)
    fine = other.strides == [8] and len(after) == 1 and all(
        torch.allclose(a, b, atol=1e-3) for a, b in zip(before[0], after[0]))
    other.train()
    other(x)[0][1].sum().backward()
    towers = [tower[0][0].pointwise.conv.weight.grad
              for tower in (other.head.box_tower, other.head.tower)]
    fine &= towers[0].abs().sum() > 0 and towers[1] is None
    refused = 0
    for wrong in ({'separate': [2, 0]}, {'separate': [1]}, {'outputs': [4]},
                  {'outputs': [16, 8]}, {'outputs': []}):
        description['head'].update({'outputs': [8], 'separate': 1, **wrong})
        try:
            networks.Detector(description)
        except networks.InputError as error:
            refused += next(iter(wrong)) in str(error)
    return fine and refused == 5


def check_narrow(model, images):
    """-> whether a network without a block that adds nothing, without channels
    that are there twice and without a layer of its boxes that does what the
    classes' does gives what the large one gives."""
    description = copy.deepcopy(DESCRIPTION)
    description['head']['separate'] = [1, 0]
    large = networks.Detector(description).eval()
    large.load_state_dict(model.state_dict(), strict=False)
    large.head.box_tower[0].load_state_dict(large.head.tower[0].state_dict())
    with torch.no_grad():
        idle, doubled = large.blocks[3].project.bn, large.blocks[2]
        idle.weight.zero_()
        idle.bias.zero_()
        for layer in doubled.expand, doubled.depthwise:
            for value in [layer.conv.weight, layer.bn.weight, layer.bn.bias,
                          layer.bn.running_mean, layer.bn.running_var]:
                value[32:] = value[:16]
    description = copy.deepcopy(DESCRIPTION)
    description['backbone']['blocks'][2].update(depth=1, expansion=2)
    small = networks.Detector(description)
    narrow.check_alike(small, large, 'SMALL.json')
    chosen = narrow.recipe(small, large, 'SMALL.json')
    done = narrow.narrow(small, large, chosen, [images[:4], images[4:]])
    x = networks.normalise(images, DESCRIPTION)
    small.eval()
    with torch.no_grad():
        fine = all(torch.allclose(a, b, atol=0.05) for ours, theirs in zip(
            small(x), large(x)) for a, b in zip(ours, theirs))
    description['backbone']['blocks'][1]['width'] = 8
    try:
        narrow.recipe(networks.Detector(description), large, 'SMALL.json')
        return False
    except networks.InputError:
        return fine and chosen == [0, 1, 2, 4] and done == (1, 1, 1)


def check_average(model, images, folder):
    """-> whether a mean has the weights between those of two networks, and
    batch norm between theirs, then of its own from the first block in which
    they differ on."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.blocks[2].expand.bn.running_mean.add_(1.0)
        for value in [*other.blocks[2].parameters(),
                      *other.head.parameters()]:
            value.mul_(1.2)
    paths = [folder / name for name in ('a.safetensors', 'b.safetensors')]
    for path, network in zip(paths, (model, other)):
        export.export_network(network, path)
    both = average.load_alike(paths)
    mean = both[0]
    layers = average.average(both, [0.75, 0.25])
    first, old = mean.blocks[2].expand, model.blocks[2].expand
    average.measure_batch_norm(mean, layers, [])
    between = torch.allclose(first.bn.running_mean,
                             old.bn.running_mean + 0.25, atol=1e-5)
    average.measure_batch_norm(mean, layers, [images[:3], images[3:6]])
    with torch.no_grad():
        x = networks.normalise(images[:6], DESCRIPTION)
        for layer in (mean.stem, *mean.blocks[:2]):
            x = layer(x)
        seen = first.conv(x).mean((0, 2, 3))
    description = copy.deepcopy(DESCRIPTION)
    description['head']['width'] = 40
    export.export_network(networks.Detector(description), paths[1])
    try:
        average.load_alike(paths)
        refused = False
    except networks.InputError as error:
        refused = str(paths[1]) in str(error)
    return refused and between and (
        torch.allclose(first.conv.weight, 1.05 * old.conv.weight) and
        torch.allclose(first.bn.running_mean, seen, atol=1e-4) and
        torch.equal(mean.blocks[1].project.bn.running_mean,
                    model.blocks[1].project.bn.running_mean))


def check_anchors(images):
    """-> whether shapes are found again among boxes, and a head that has them
    starts with boxes like them around every cell."""
    sides = torch.tensor([[40.0, 30], [10, 20]]).repeat(50, 1)
    objects = torch.cat([torch.zeros(100, 4), sides], 1)
    shapes = tune_head.anchors(objects, 2)
    fine = torch.allclose(shapes, sides[:2].flip(0), atol=1e-2)
    model = networks.Detector(DESCRIPTION)
    arguments = ([24, 32], [24, 24], 3, 1, 3, [0, 0], [True, True])
    model.head = tune_head.Anchored(2, shapes.expand(2, 2, 2), [8, 16],
                                    *arguments)
    model.strides = [8, 8, 16, 16]
    with torch.no_grad():
        logits, boxes, _ = networks.flatten(
            model.eval()(networks.normalise(images, DESCRIPTION)),
            model.strides)
    each = [(SIZE // stride) ** 2 for stride in model.strides]
    found = (boxes[..., 2:] - boxes[..., :2]).split(each, 1)
    return fine and logits.shape == (len(images), sum(each), 3) and all(
        torch.allclose(size, shape.expand_as(size), rtol=0.5)
        for size, shape in zip(found, shapes.repeat(2, 1)))


def write_source(model, path):
    """A backbone as start.fold_archive() reads it, of two made-up classes."""
    data = {}

    def put(name, weight, bias, stride):
        data.update({f'{name}.weight': weight.numpy(),
                     f'{name}.bias': bias.numpy(),
                     f'{name}.stride': np.array(stride)})

    def put_layer(name, layer):
        conv, bn = layer.conv, layer.bn
        scale = bn.weight * torch.rsqrt(bn.running_var + bn.eps)
        put(name, (conv.weight * scale[:, None, None, None]).detach(),
            (bn.bias - bn.running_mean * scale).detach(), conv.stride[0])

    put_layer('sequential_0', model.stem)
    for i, block in enumerate(model.blocks):
        for part, theirs in start.PARTS.items():
            if hasattr(block, part):
                put_layer(f'InvRes{i + 1}_{theirs}', getattr(block, part))
    width = model.blocks[-1].project.conv.out_channels
    put('classifier', torch.randn(2, width, 1, 1), torch.zeros(2), 1)
    np.savez(path, **data)


def check_redistribution(model, images, folder):
    """-> whether a backbone with a 1x1 block, one block fewer and one more
    takes what it can from another, and matching brings it nearer."""
    path = folder / 'source.npz'
    write_source(model, path)
    source = start.Folded(path, 'cpu')
    description = copy.deepcopy(DESCRIPTION)
    blocks = description['backbone']['blocks']
    blocks[0]['kernel'], blocks[2]['depth'], blocks[3]['depth'] = 1, 1, 2
    ours = networks.Detector(description).to(
        memory_format=torch.channels_last)
    chosen = start.recipe(ours, source)
    fine = chosen == [0, 1, 2, 4, 4] and (
        start.changed_blocks(ours, source, chosen) == [0, 2, 4])
    biases = start.load_weights(ours, source, chosen)
    x = networks.normalise(images, description)
    start.recreate_batch_norm(ours, biases, x)
    before, after = start.Prefix(ours.eval(), 4, [3, 4])(x)
    fine &= torch.equal(before, after)  # the new block adds nothing yet
    want = source.features(x, [4])[4]

    def error():
        have, = start.Prefix(ours.eval(), 4, [4])(x)
        return ((have - want).square().mean() / want.var()).item()

    first = error()
    start.match(ours, source, chosen, lambda: images,
                lambda batch: networks.normalise(batch, description), 40, 4,
                [4], iter, 5e-3, 1)
    return fine and error() < 0.5 * first


def check_start_refusals(model, folder):
    """-> whether weights that a backbone cannot start from are refused."""
    path = folder / 'source.npz'
    write_source(model, path)
    description = copy.deepcopy(DESCRIPTION)
    description['backbone']['blocks'][1]['expansion'] -= 1
    narrower = networks.Detector(description)
    cut = folder / 'cut.npz'
    cut.write_bytes(path.read_bytes()[:1000])
    for attempt, expected in (
            (lambda: start.recipe(narrower, start.Folded(path)), 'block 1'),
            (lambda: start.Folded(cut), 'cut.npz')):
        try:
            attempt()
            return False
        except networks.InputError as error:
            if expected not in str(error):
                return False
    return True


def check_killed_build():
    """-> whether the ops load after a build that was killed, in a minute."""
    (pathlib.Path(ops.__file__).parent / 'build/lock').touch()
    try:
        return subprocess.run(
            [sys.executable, '-c', 'import ops; ops.load()'], timeout=60,
            cwd=pathlib.Path(__file__).resolve().parent).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def objects_of(photos):
    rows = []
    for i, photo in enumerate(photos):
        boxes, labels = augment.targets(photo)
        rows += [[i, label, *(box * SIZE)]
                 for label, box in zip(labels, boxes)]
    return torch.tensor(np.array(rows), dtype=torch.float32)


def main():
    began = time.time()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    failures = []

    def check(what, fine):
        print(f'{"ok  " if fine else "FAIL"} {what}', flush=True)
        if not fine:
            failures.append(what)

    check('C++ ops equal PyTorch ops', test_ops.main() == 0)
    check('C++ ops load after a build that was killed', check_killed_build())
    rng = np.random.default_rng(3)
    photos = [draw(i, rng) for i in range(8)]
    check('augmented boxes lie inside their images', check_samples(photos))

    model = networks.Detector(DESCRIPTION).to(
        memory_format=torch.channels_last)
    images = torch.from_numpy(np.stack(
        [evaluate.load_image(p, (SIZE, SIZE)) for p in photos]))
    objects = objects_of(photos)
    team = replicas.Replicas(model, 1, train.objective)
    optimiser = torch.optim.AdamW(model.parameters(), 5e-3)
    model.train()
    values = []
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group['lr'] = 5e-3 * train.learning_rate(step / STEPS, 0.1, 0.02)
        values.append(team.gradient(images, objects)[0])
        optimiser.step()
    first, last = np.mean(values[:5]), np.mean(values[-5:])
    check(f'loss falls: {first:.2f} -> {last:.2f}', last < 0.2 * first)

    with torch.no_grad():  # statistics of the final weights
        for _ in range(100):
            model(networks.normalise(images, DESCRIPTION))
    results = evaluate.detect(model, photos, (SIZE, SIZE))
    table = evaluate.score(photos, results, DESCRIPTION['classes'])
    check(f'mAP {table["map_11"]:.3f} (11 points), {table["map_area"]:.3f} '
          '(area)', min(table['map_11'], table['map_area']) > 0.9)

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'model.safetensors'
        export.export_network(model, path)
        other = networks.Detector(DESCRIPTION)
        export.import_network(other, path)
        refused = 0
        for size in (path.stat().st_size - 8, 2000, 5, 0):
            path.write_bytes(path.read_bytes()[:size])
            try:
                export.load_network(path)
            except networks.InputError as error:
                refused += str(path) in str(error)
    check(f'{refused} of 4 cut files refused by name', refused == 4)
    again = evaluate.detect(other, photos, (SIZE, SIZE))
    same = all(len(a[1]) == len(b[1]) and np.allclose(a[1], b[1], atol=1e-4)
               for a, b in zip(results, again))
    check('an exported file detects the same', same)
    alone = evaluate.detect(model, photos, (SIZE, SIZE),
                            teacher=teachers.Teacher([other.eval()]))
    same = all(len(a[1]) == len(b[1]) and np.allclose(a[1], b[1], atol=1e-4)
               for a, b in zip(again, alone))
    both = evaluate.detect(model, photos, (SIZE, SIZE),
                           teacher=teachers.Teacher([other, other]))
    both_map = evaluate.score(photos, both, DESCRIPTION['classes'])['map_11']
    check(f'one network that answers for a model detects as it does, {same}, '
          f'with itself, mirrored, mAP {both_map:.3f}', same and both_map > 0.9)

    check('small weights learn slower with --even, and go on so when resumed',
          check_even_steps(other))
    check('views kept behind a frozen prefix give what images gave',
          check_views(other.eval(), photos))
    check('a teacher of two networks is their mean, one of them mirrored',
          check_teacher(other, images))
    check('a teacher that sees a larger image answers for the smaller',
          check_larger(other, photos))
    check('a remembered batch teaches as it did, mirrored too',
          check_echo(other, photos))
    check("a network's features are found in its own", check_mimicry(
        other, images))
    check('anchors are shapes objects have, and where a head starts',
          check_anchors(images))
    with tempfile.TemporaryDirectory() as folder:
        for strides, width in ([16], 40), ([8, 16], [24, 40]):
            check(f'a head grown to {width} channels at strides {strides} '
                  'starts as the one it comes from, which teaches it',
                  check_growth(other.eval(), images, pathlib.Path(folder),
                               strides, width))
        check('a head with towers apart starts as the one it comes from',
              check_separate(other.eval(), images, pathlib.Path(folder)))
        check('a smaller network starts as the one it comes from',
              check_narrow(other.eval(), images))
        check('a mean of two networks has batch norm of its own',
              check_average(other, images, pathlib.Path(folder)))
        check('a redistributed backbone starts from another and matches it',
              check_redistribution(other, images, pathlib.Path(folder)))
        check('a backbone refuses weights of other shapes, and cut ones',
              check_start_refusals(other, pathlib.Path(folder)))

    def normal():
        return networks.normalise(images, DESCRIPTION)

    with torch.no_grad():
        plain = networks.flatten(model.eval()(normal()), model.strides)[0]
    fake_quantise.begin([model, other], [normal()])
    for step in range(10):
        team.gradient(images, objects)
        for group in optimiser.param_groups:
            group['lr'] = 1e-4
        optimiser.step()
    with torch.no_grad():
        rounded = networks.flatten(model.eval()(normal()), model.strides)[0]
    step = model.head.cls[0].rounding
    step = (step.high - step.low) / 255
    levels = networks.flatten(model(normal()), model.strides)[0][:, :36] / step
    moved = (rounded - plain).abs().mean().item()
    check(f'logits move by {moved:.3f} when rounded, and stay on the int8 grid',
          0 < moved < 0.5 and
          (levels - levels.round()).abs().max().item() < 1e-2)
    results = evaluate.detect(model, photos, (SIZE, SIZE))
    rounded_map = evaluate.score(photos, results,
                                 DESCRIPTION['classes'])['map_11']
    check(f'mAP {rounded_map:.3f} after learning with rounding',
          rounded_map > 0.9)
    apart = losses.generalized_iou(torch.tensor([[0., 0, 1, 1], [1, 1, 3, 2]]),
                                   torch.tensor([[2., 0, 3, 1], [1, 1, 3, 2]]))
    check(f'GIoU of boxes apart and of equal ones: {apart.tolist()}',
          torch.allclose(apart, torch.tensor([-1 / 3, 1])))
    boxed = evaluate.load_image(photos[0], (SIZE, SIZE), letterbox=True)
    below = boxed[round(SIZE * photos[0].height / photos[0].width):]
    check(f'a letterbox has {len(below)} grey rows below the photo',
          len(below) == 16 and (below == augment.GREY).all() and
          (boxed[-len(below) - 1] != augment.GREY).any())
    results = evaluate.detect(model, photos, (SIZE, SIZE), letterbox=True)
    boxed_map = evaluate.score(photos, results,
                               DESCRIPTION['classes'])['map_11']
    check(f'mAP {boxed_map:.3f} letterboxed', boxed_map > 0.5)
    empty = losses.detection_loss(
        torch.zeros(1, 4, 3), torch.ones(1, 4, 4), torch.zeros(4, 2),
        torch.zeros(0, 6))[0]
    check('a batch without objects has a finite loss',
          bool(torch.isfinite(empty)))
    print(f'test_training: {len(failures)} failures, '
          f'{time.time() - began:.0f} s')
    return int(bool(failures))


if __name__ == '__main__':
    sys.exit(main())
