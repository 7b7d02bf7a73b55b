# SPDX-License-Identifier: Apache-2.0
"""Trains heads alone, on kept features of a backbone: ideas in minutes.

    tune_head.py --run h7                          # makes them
    tune_head.py --run h7 --lr 4e-3 --top-k 13     # uses them

The features of some passes over the training lists are made once, in
training-runs/RUN/features.pt (float16, 50 kB a sample of MCUNet-in3 at 192
pixels); then every call trains a head on them and adds a line of JSON with its
options and mAP to training-runs/RUN/heads.jsonl. What concerns the features
(the first group of options) counts when they are made.
"""
import argparse
import copy
import functools
import json
import pathlib
import random
import sys
import time

import cv2
import numpy as np
import torch

import augment
import evaluate
import loss as losses
import network as networks
import replicas
import teacher as teachers
import train
import voc


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add('--run', default='head', help='folder name in training-runs/')
    add('--network', default=str(train.WIDE))
    add('--voc', help='VOCdevkit folder')
    add('--start', help='as of train.py')
    add('--passes', type=int, default=3, help='over the training lists')
    add('--size', type=int, default=192, help='side, pixels')
    add('--mosaic', type=float, default=0.25, help='probability')
    add('--plain', action='store_true',
        help='samples are flipped only: no zoom, crop, aspect or colour')
    add('--match-steps', default='0,0', help='as of train.py: for a '
        'backbone whose early blocks were redistributed')
    add('--teacher', nargs='+', metavar='NETWORK', help='keep the answers of '
        'these networks of ours too, as of train.py')
    add('--limit', type=int, help='use this many images of each list')
    add('--val-images', type=int, default=500)
    add('--threads', type=int, default=2)
    head = parser.add_argument_group('what to try')
    add = head.add_argument
    add('--seed', type=int, default=1)
    add('--turns', type=int, default=1, help='over the kept samples')
    add('--balance', type=float, default=0.0,
        help='draw samples by this power of their rarest class')
    add('--distil', type=float, default=0.0,
        help="weight of the teacher's answers")
    add('--lr', type=float, default=train.HEAD_LR)
    add('--batch', type=int, default=32)
    add('--weight-decay', type=float, default=0.05)
    add('--ema', type=float, default=0.995)
    losses.add_options(add)
    either = head.add_mutually_exclusive_group()
    either.add_argument('--separate', action='store_true', help='towers of '
                        'their own for classes and for boxes')
    either.add_argument('--anchors', type=int, default=0, help='boxes a cell '
                        'predicts, each from a shape of its own')
    add('--width', type=int, help="of the head (default: the network's)")
    add('--kernel', type=int, help='likewise')
    add('--tower-depth', type=int, help='likewise')
    add('--strides', help="some of the network's, comma between (default: all)")
    return parser.parse_args(argv)


def anchors(objects, count):
    """Shapes objects have: k-means of log (width, height). -> [count, 2].

    By area; in pixels. Redmon and Farhadi 2017 (arXiv 1612.08242) measured
    distances by IoU.
    """
    sides = (objects[:, 4:6] - objects[:, 2:4]).clamp(min=1).log()
    _, _, middles = cv2.kmeans(
        sides.numpy(), count, None,
        (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 100, 1e-4), 5,
        cv2.KMEANS_PP_CENTERS)
    shapes = torch.from_numpy(middles).exp()
    return shapes[shapes.prod(1).argsort()]


class Anchored(networks.Head):
    """`each` boxes in a cell, which start as shapes [levels, each, 2].

    A detector that has it names each stride `each` times.
    """

    def __init__(self, each, shapes, strides, *arguments):
        super().__init__(*arguments)
        self.each = each
        for outputs in (self.cls, self.box):
            for level, layer in enumerate(outputs):
                wide = networks.Linear(layer.in_channels,
                                       layer.out_channels * each)
                torch.nn.init.normal_(wide.weight, std=0.01)
                wide.bias.data = layer.bias.data.repeat(each)
                outputs[level] = wide
        for layer, shape, stride in zip(self.box, shapes, strides):
            reach = (shape / 2 / stride).log()  # left, top, right, bottom
            layer.bias.data = torch.cat([reach, reach], 1).flatten()

    def forward(self, features, pyramid=None):
        return [pair for cls, box in super().forward(features, pyramid)
                for pair in zip(cls.chunk(self.each, 1),
                                box.chunk(self.each, 1))]


def features(model, x):
    """-> the backbone's outputs, channels last, float16."""
    wanted = [model.taps[s] for s in model.pyramid]
    x = model.stem(x)
    found = []
    for i, block in enumerate(model.blocks):
        x = block(x)
        if i in wanted:
            found.append(x.half().permute(0, 2, 3, 1).contiguous())
    return found


@torch.no_grad()
def make_features(args, model, photos, path):
    """The backbone's outputs for augmented samples, and their objects."""
    start = train.parse_arguments(
        ['--start', args.start] if args.start else [])
    start.sizes, start.match_steps = f'{args.size}:1', args.match_steps
    train.initialise(model, start, photos, 'cpu', args.threads,
                     train.tqdm.tqdm)
    model.eval()
    teacher = teachers.Teacher.load(args.teacher, model, 'cpu') if (
        args.teacher) else None
    if args.plain:
        augment.ZOOM, augment.ASPECT = (1, 1), 1
        augment.HUE = augment.SATURATION = augment.VALUE = 0
    batch = min(args.batch, len(photos))
    plan = [((args.size, args.size), args.mosaic)] * args.passes
    steps = len(photos) // batch * args.passes
    loader = augment.Loader(photos, plan, (0, 0), batch, 1)
    levels, objects, answers = [[] for _ in model.strides], [], []
    for step in train.tqdm.tqdm(range(steps), desc='features', disable=None):
        images, found = loader.get()
        images = torch.from_numpy(images)
        x = networks.normalise(images, model.description)
        for level, feature in zip(levels, features(model, x)):
            level.append(feature)
        if teacher:
            answers.append([answer.half() for answer in teacher.answer(
                images, model.strides)])
        found[:, 0] += step * batch
        objects.append(torch.from_numpy(found))
    loader.close()
    kept = {'levels': [torch.cat(level) for level in levels],
            'answers': [torch.cat(answer) for answer in zip(*answers)],
            'objects': torch.cat(objects), 'size': args.size,
            'model': model.state_dict()}
    temporary = path.with_suffix('.tmp')
    torch.save(kept, temporary)
    temporary.replace(path)


def draw(args, objects, count):
    """-> the samples to train on, in order."""
    if not args.balance:
        return torch.cat([torch.randperm(count) for _ in range(args.turns)])
    label = objects[:, 1].long()
    rarity = label.bincount().clamp(min=1).double().pow(-args.balance)[label]
    weight = rarity.new_full((count,), rarity.min()).scatter_reduce(
        0, objects[:, 0].long(), rarity, 'amax')
    return weight.multinomial(count * args.turns, replacement=True)


def train_head(args, model, levels, answers, objects):
    """Trains model.head on features; -> its average, last losses."""
    head, count = model.head, len(levels[0])
    first = torch.searchsorted(objects[:, 0].contiguous(),
                               torch.arange(count + 1).float())

    def objective(part, samples, found):
        x = [level[samples].float().permute(0, 3, 1, 2) for level in levels]
        logits, boxes, centres = networks.flatten(part(x), model.strides)
        loss, parts = losses.detection_loss(logits, boxes, centres, found)
        if args.distil:
            loss = loss + args.distil * losses.distillation_loss(
                logits, boxes, *(answer[samples] for answer in answers))
        return loss, parts

    workers = replicas.Replicas(head, args.threads, objective)
    for part in workers.models:
        part.train()
    optimiser = train.make_optimiser(head, args, head=True)
    average = copy.deepcopy(head)
    order = draw(args, objects, count)
    steps = len(order) // args.batch
    values = []
    for step in train.tqdm.tqdm(range(steps), desc='head', disable=None):
        for group in optimiser.param_groups:
            group['lr'] = args.lr * train.learning_rate(step / steps, 0.04,
                                                        0.01)
        chosen = order[step * args.batch:(step + 1) * args.batch]
        found = []
        for row, sample in enumerate(chosen.tolist()):
            mine = objects[first[sample]:first[sample + 1]].clone()
            mine[:, 0] = row
            found.append(mine)
        values.append(workers.gradient(chosen, torch.cat(found)))
        torch.nn.utils.clip_grad_norm_(head.parameters(), 10.0)
        optimiser.step()
        weight = min(args.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for mine, new in zip(average.state_dict().values(),
                                 head.state_dict().values()):
                if mine.is_floating_point():
                    mine.lerp_(new, 1 - weight)
    return average, np.mean(values[-100:], 0)


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    root = voc.locate_voc(args.voc)
    description = networks.load_description(args.network)
    for key in ('width', 'kernel', 'tower_depth'):
        description['head'][key] = (getattr(args, key) or
                                    description['head'][key])
    description['head'].pop('outputs', None)
    description['head']['separate'] = (
        args.separate * description['head']['tower_depth'])
    folder = pathlib.Path('training-runs') / args.run
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'features.pt'
    if not path.exists():
        photos = [p for which in ('VOC2007/train', 'VOC2012/train')
                  for p in voc.read_list(root, which, description['classes'],
                                         args.limit)]
        make_features(args, networks.Detector(description).to(
            memory_format=torch.channels_last), photos, path)
    kept = torch.load(path)
    if args.distil and not kept['answers']:
        sys.exit(f'{path}: expected answers of a teacher (--teacher, when it '
                 'is made) for --distil')
    args.size = kept['size']
    levels = dict(zip(description['head']['strides'], kept['levels']))
    if args.strides:
        description['head']['strides'] = [int(stride) for stride in
                                          args.strides.split(',')]
    if args.anchors:
        strides = description['head']['strides']
        shapes = anchors(kept['objects'], args.anchors * len(strides))
        networks.Head = functools.partial(
            Anchored, args.anchors, shapes.view(len(strides), -1, 2), strides)
    model = networks.Detector(description).to(
        memory_format=torch.channels_last)
    model.strides = [stride for stride in model.strides
                     for _ in range(max(args.anchors, 1))]
    model.load_state_dict({name: value for name, value in
                           kept['model'].items()
                           if not name.startswith('head.')}, strict=False)
    losses.use(args)
    val = voc.read_list(root, 'VOC2007/val', model.classes, args.val_images)

    def measure():
        return evaluate.score(
            val, evaluate.detect(model, val, (args.size, args.size)),
            model.classes)

    began = time.time()
    average, (loss, cls, box) = train_head(
        args, model, [levels[stride] for stride in model.pyramid],
        kept['answers'], kept['objects'])
    last = measure()
    model.head = average
    table = measure()
    line = json.dumps({**vars(args), 'map_11': table['map_11'],
                       'map_area': table['map_area'],
                       'map_11_last': last['map_11'], 'loss': loss,
                       'cls': cls, 'box': box,
                       'seconds': round(time.time() - began)})
    with open(folder / 'heads.jsonl', 'a', encoding='utf-8') as file:
        file.write(line + '\n')
    print(line)


if __name__ == '__main__':
    networks.run(main)
