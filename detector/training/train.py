# SPDX-License-Identifier: Apache-2.0
"""Trains a detector on Pascal VOC; the same command again resumes.

    train.py --run NAME --sizes 160:18,224:8
"""
import argparse
import contextlib
import functools
import json
import math
import os
import pathlib
import random
import re
import signal
import sys
import time

TCMALLOC = '/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4'


def use_tcmalloc():
    """Starts this program again with tcmalloc, which keeps big buffers."""
    loaded = os.environ.get('LD_PRELOAD', '')
    if os.path.exists(TCMALLOC) and 'tcmalloc' not in loaded:
        os.environ['LD_PRELOAD'] = f'{TCMALLOC} {loaded}'.strip()
        os.execv(sys.executable, [sys.executable, *sys.argv])


if __name__ == '__main__':
    use_tcmalloc()

import cv2
import numpy as np
import torch
import tqdm

import augment
import echo
import evaluate
import export
import fake_quantise
import loss as losses
import mimic
import network as networks
import replicas
import start
import teacher as teachers
import views
import voc

HEAD_LR = 1.2e-2
RANGE_BATCHES = 12  # of which values' ranges are learned
HERE = pathlib.Path(__file__).resolve().parent
WIDE = HERE.parent / 'models' / 'voc_wide.json'  # takes ImageNet's weights


def parse_arguments(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add('--run', default='voc_wide', help='folder name in training-runs/')
    add('--network', metavar='JSON', help='its description; without, that of '
        '--start, or voc_wide.json where that is no network of ours')
    add('--voc', help='VOCdevkit folder')
    add('--train', nargs='+', metavar='LIST', help='lists to learn from',
        default=['VOC2007/train', 'VOC2012/train'])
    add('--val', default='VOC2007/val', help='list to measure on')
    add('--classes', help="names, comma between, in place of the network's")
    add('--start', help='where weights come from: ImageNet (.npz, .pth), a network '
        'of ours (.safetensors), or "none"')
    add('--head-start', help='a network of ours (.safetensors) whose head is '
        'started from; it may be narrower, and have more levels')
    add('--sizes', default='160:18,224:8',
        help='SIZE:EPOCHS,... where SIZE is a side or WIDTHxHEIGHT')
    add('--batch', type=int, default=32)
    add('--lr', type=float, default=HEAD_LR, help="the head's")
    add('--backbone-lr', type=float, default=0.04, help='factor')
    add('--even', type=float, default=0.0, metavar='RMS',
        help='convolutions of the backbone whose weights have a smaller root '
        'mean square learn as much slower')
    add('--final-lr', type=float, default=0.01, help='factor')
    add('--weight-decay', type=float, default=0.05)
    add('--warmup', type=float, default=1.0, help='epochs')
    add('--mosaic', type=float, default=0.5, help='probability')
    add('--mixup', type=float, default=0.0,
        help='probability of a sample made of two, where there is mosaic')
    add('--plain', type=float, default=0.25,
        help='last part of the epochs without mosaic')
    add('--quantise', type=int, default=0, help='round as int8 does in this '
        'many last epochs')
    add('--freeze', type=int, default=0,
        help='do not train the stem and this many blocks ...')
    add('--freeze-from', type=int, default=0, help='... from this epoch on')
    add('--views', type=int, default=0, help='make this many augmented '
        'views of each image once and train on them, behind the frozen blocks')
    add('--teacher', nargs='+', metavar='NETWORK', help='networks of ours '
        '(.safetensors) whose mean to learn from too')
    add('--teachers-at-once', type=int, metavar='N',
        help='ask N of them at a step, in turn (default: all)')
    add('--teacher-size', metavar='WIDTHxHEIGHT', help='the image that '
        'teachers see, where it is another than that of --sizes')
    add('--distil', type=float, default=1.0, help="weight of the teacher's "
        'answers, where that of the labels is 1')
    add('--mimic', type=float, default=0.0, help="weight of the teacher's "
        'features (mimic.py)')
    add('--echo', type=int, default=1, help='learn from batches and what the '
        'teacher says of them this often each, on average (echo.py)')
    add('--priority', type=int, default=0, help='nice value, also of the '
        'scheduler group (autogroup), where only that one counts')
    add('--match-steps', default='800,600',
        help='steps of feature matching: early blocks, then all')
    add('--match-batch', type=int, default=16)
    add('--match-lr', type=float, default=2e-3)
    add('--ema', type=float, default=0.999)
    losses.add_options(add)
    add('--clip', type=float, default=10.0, help='largest gradient norm')
    add('--seed', type=int, default=1)
    add('--threads', type=int, default=2)
    add('--loaders', type=int, default=1)
    add('--val-every', type=int, default=2, help='epochs')
    add('--val-images', type=int, default=500)
    add('--save-every', type=float, default=180, help='seconds')
    add('--limit', type=int, help='use this many images of each list')
    add('--stop-after', type=int, help='steps, for rehearsals')
    return parser.parse_args(argv)


def parse_size(text):
    """'160' or '256x224' -> (w, h)"""
    sides = [int(side) for side in text.split('x')]
    return sides[0], sides[-1]


def parse_sizes(text, mosaic, plain):
    """'160:2,256x224:1' -> per epoch ((w, h), mosaic probability)."""
    sizes = []
    for item in text.split(','):
        size, epochs = item.split(':')
        sizes += [parse_size(size)] * int(epochs)
    last = round(len(sizes) * (1 - plain))
    return [(size, mosaic if i < last else 0.0)
            for i, size in enumerate(sizes)]


def learning_rate(progress, warmup, final):
    """Factor at `progress` (0..1): linear warm-up, then cosine."""
    if progress < warmup:
        return max(progress / warmup, 1e-3)
    t = (progress - warmup) / max(1 - warmup, 1e-9)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * t))


def make_optimiser(model, args, head=False):
    """For a detector, or for a head alone."""
    groups = {}
    for name, p in model.named_parameters():
        backbone = not head and not name.startswith(('head.', 'mimicry.'))
        factor = args.backbone_lr if backbone else 1.0
        decay = args.weight_decay if p.ndim > 1 else 0.0
        alone = None
        if backbone and args.even and p.ndim == 4:
            rms = p.detach().square().mean().sqrt().item()
            factor *= min(rms / args.even, 1.0)
            alone = name  # as a resumption, with other weights, groups it too
        groups.setdefault((factor, decay, alone), []).append(p)
    return torch.optim.AdamW(
        [{'params': ps, 'factor': factor, 'weight_decay': decay}
         for (factor, decay, _), ps in groups.items()], lr=args.lr,
        foreach=True)


class Average:
    """Exponential moving average of all weights and statistics."""

    def __init__(self, model, decay):
        self.model = networks.Detector(model.description)
        state = model.state_dict()
        self.model.load_state_dict({name: state[name]
                                    for name in self.model.state_dict()})
        self.model.to(next(model.parameters()).device,
                      memory_format=torch.channels_last)
        self.model.requires_grad_(False).eval()
        self.decay, self.updates = decay, 0
        pairs = [(value, state[name])
                 for name, value in self.model.state_dict().items()
                 if value.is_floating_point()]
        self.mine, self.new = [list(side) for side in zip(*pairs)]

    @torch.no_grad()
    def update(self):
        self.updates += 1
        decay = self.decay * (1 - math.exp(-self.updates / 500))
        torch._foreach_mul_(self.mine, decay)
        torch._foreach_add_(self.mine, self.new, alpha=1 - decay)


@functools.lru_cache(maxsize=None)
def computes_bfloat16(device):
    try:
        return device == 'cuda' or (
            'avx512_bf16' in pathlib.Path('/proc/cpuinfo').read_text())
    except OSError:
        return False


def autocast(device):
    return torch.autocast(device, dtype=torch.bfloat16,
                          enabled=computes_bfloat16(device))


def run(model, images, teacher, mine=None, theirs=None):
    """images uint8 [B, H, W, 3], views.Batch, replicas.Pair or echo.Lesson

    -> outputs, and the teacher's (logits, boxes) if there is one.
    mine, theirs: lists that get the pyramids of both; not of views.
    """
    if isinstance(images, views.Batch):
        x = images.inputs.float().permute(0, 3, 1, 2)
        answers = images.logits, images.boxes
        return model.run_rest(x), None if images.logits is None else answers
    if isinstance(images, echo.Lesson):
        if theirs is not None:
            theirs.extend(images.pyramid)
        x = networks.normalise(images.images, model.description)
        return model(x, mine), (images.logits, images.boxes)
    if isinstance(images, replicas.Pair):
        x = networks.normalise(images.images, model.description)
        return model(x, mine), teacher.answer(
            images.larger, model.strides, size=(x.shape[3], x.shape[2]),
            pyramid=theirs)
    x = networks.normalise(images, model.description)
    if teacher is None:
        return model(x), None
    if not teacher.shares() or model.stem.rounding.on:
        return model(x, mine), teacher.answer(images, model.strides,
                                              pyramid=theirs)
    with torch.no_grad():
        x = model.run_prefix(x)
    return model.run_rest(x, mine), teacher.answer(images, model.strides, x,
                                                   pyramid=theirs)


def objective(model, images, objects, teacher=None, distil=1.0, alike=0.0):
    """images as for run(), objects [T, 6] -> loss, (class, box).

    alike: weight of the features, for which the model has a `mimicry`. What the
    teacher says goes into the model's `memory`, if it has one.
    """
    pyramids = ([], []) if alike else (None, None)
    device = next(model.parameters()).device.type
    # Values rounded as int8 are need more bits than bfloat16 has.
    with (contextlib.nullcontext() if model.stem.rounding.on
          else autocast(device)):
        outputs, answers = run(model, images, teacher, *pyramids)
    logits, boxes, centres = networks.flatten(outputs, model.strides)
    loss, parts = losses.detection_loss(logits, boxes, centres, objects)
    if answers:
        loss = loss + distil * losses.distillation_loss(logits, boxes,
                                                        *answers)
    again = isinstance(images, echo.Lesson)
    if alike:
        loss = loss + alike * model.mimicry(
            images.teacher if again else teacher.first(), *pyramids)
    if model.memory and not again:
        model.memory.keep(echo.Lesson(
            getattr(images, 'images', images), objects, *answers,
            pyramids[1] or [], teacher.first()))
    return loss, parts


def plot(history, path):
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4))
    epochs = [e['epoch'] for e in history]
    for key in ('loss', 'cls', 'box'):
        axes[0].plot(epochs, [e[key] for e in history], label=key)
    axes[0].legend()
    scored = [e for e in history if 'map_11' in e]
    axes[1].plot([e['epoch'] for e in scored],
                 [100 * e['map_11'] for e in scored], 'o-')
    for axis, title in zip(axes, ('training loss', 'val mAP, 11 points')):
        axis.set_title(title)
        axis.set_xlabel('epoch')
        axis.grid(True)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def replace_json(path, value):
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(value, indent=1))
    os.replace(temporary, path)


def from_imagenet(path):
    return path != 'none' and not (path or '').endswith('.safetensors')


def read_description(args):
    if args.network is None and (args.start or '').endswith('.safetensors'):
        return export.load_description(args.start)
    return networks.load_description(args.network or WIDE)


def initialise(model, args, photos, device, workers, progress):
    """ImageNet weights, batch norm, feature matching."""
    for path, import_from in ((args.start, export.import_matching),
                              (args.head_start, export.import_head)):
        if path and path.endswith('.safetensors'):
            print(import_from(model, path))
    if not from_imagenet(args.start):
        return
    source = start.Folded(voc.locate_weights(args.start), device)
    chosen = start.recipe(model, source)
    print('blocks come from source blocks',
          ['new' if start.is_new(chosen, i) else index + 1
           for i, index in enumerate(chosen)])
    biases = start.load_weights(model, source, chosen)
    size = parse_sizes(args.sizes, 0, 0)[0][0]
    batch = min(args.match_batch, len(photos))
    stages = [int(n) for n in args.match_steps.split(',')]
    epochs = (sum(stages) * batch + 200) // (len(photos) - batch) + 2
    loader = augment.Loader(photos, [(size, 0.0)] * epochs, (0, 0),
                            batch, args.seed + 1000, args.loaders)

    def images():
        return torch.from_numpy(loader.get()[0]).to(device)

    def normal(x):
        return networks.normalise(x, model.description)

    probe = normal(torch.cat([images() for _ in range(-(-96 // batch))]))
    start.recreate_batch_norm(model, biases, probe)
    deep = len(model.blocks) - 1
    changed = start.changed_blocks(model, source, chosen)
    prefix = max(changed, default=0)
    for steps, last, taps in () if not changed else (
            (stages[0], prefix, range(prefix + 1)),
            (stages[1], deep, [prefix, *model.taps.values()])):
        print(start.report(model, source, chosen, probe), flush=True)
        if steps:
            start.match(model, source, chosen, images, normal, steps, last,
                        sorted(set(taps)), progress, args.match_lr, workers)
            if last < deep:
                start.recreate_batch_norm(model, biases, probe, last + 1)
    print(start.report(model, source, chosen, probe), flush=True)
    loader.close()


def raise_priority(nice):
    if not nice:
        return
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        pathlib.Path('/proc/self/autogroup').write_text(str(nice))
    except OSError as error:
        print(f'priority {nice} not set: {error}', file=sys.stderr)


class Trainer:
    def __init__(self, args):
        self.args = args
        self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.folder = pathlib.Path('training-runs') / args.run
        self.plan = parse_sizes(args.sizes, args.mosaic, args.plain)
        torch.set_num_threads(args.threads)
        cv2.setNumThreads(1)
        torch.manual_seed(args.seed)
        random.seed(args.seed)
        for path in (args.start, args.head_start, *(args.teacher or ())):
            if (path or '').endswith('.safetensors') and (
                    not pathlib.Path(path).is_file()):
                sys.exit(f'{path}: no such file, expected a network of ours')
        root = voc.locate_voc(args.voc)
        if from_imagenet(args.start):
            voc.locate_weights(args.start)
        description = read_description(args)
        if args.classes:
            description['classes'] = args.classes.split(',')
            description['name'] = args.run
        classes = description['classes']
        self.photos = [p for which in args.train
                       for p in voc.read_list(root, which, classes,
                                              args.limit)]
        self.val = voc.read_list(root, args.val, classes, args.limit)
        for name in classes:
            if not any(classes.index(name) in p.labels for p in self.photos):
                sys.exit(f'no object of class {name} in {args.train}')
        args.batch = min(args.batch, len(self.photos))
        self.steps = len(self.photos) // args.batch
        print(f'{len(self.photos)} training images, {len(self.val)} to '
              f'measure on, {self.steps} steps an epoch, {self.device}')
        self.quiet = not sys.stderr.isatty()
        self.model = networks.Detector(description).to(
            memory_format=torch.channels_last)
        self.teacher = teachers.Teacher.load(
            args.teacher, self.model, self.device,
            args.teachers_at_once) if args.teacher else None
        self.teacher_size = self.read_teacher_size()
        if args.views:
            self.check_views()
        if args.echo < 1 or args.echo > 1 and (not self.teacher or args.views):
            sys.exit(f'--echo {args.echo}: expected 1, or more with a --teacher '
                     'and no --views')
        if not args.even >= 0:
            sys.exit(f'--even {args.even:g}: expected a root mean square, or 0')
        self.epoch = self.step = 0
        self.history, self.best = [], -1.0
        self.stop = False
        path = self.folder / 'checkpoint.pt'
        saved = torch.load(path, map_location='cpu') if path.exists() else None
        self.model.to(self.device)
        if saved is None:
            initialise(self.model, args, self.photos, self.device,
                       self.workers(), self.progress)
        if args.mimic:
            self.model.mimicry = self.make_mimicry()
        if saved:
            self.model.load_state_dict(saved['model'])
        self.average = Average(self.model, args.ema)
        self.optimiser = make_optimiser(self.model, args)
        if saved:
            self.restore(saved)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_json(self.folder / 'network.json', description)
            self.save()
        self.views = self.make_views() if args.views else None
        self.replicas = replicas.Replicas(
            self.model, self.workers(), functools.partial(
                objective, teacher=self.teacher, distil=args.distil,
                alike=args.mimic))
        for model in self.replicas.models:  # each recalls the same batch
            if args.echo > 1:
                model.memory = echo.Memory([args.seed, self.epoch, self.step])
        signal.signal(signal.SIGTERM, self.on_signal)
        signal.signal(signal.SIGINT, self.on_signal)

    def workers(self):
        return 1 if self.device == 'cuda' else self.args.threads

    def progress(self, items, **options):
        return tqdm.tqdm(items, mininterval=60 if self.quiet else 0.5,
                         maxinterval=60, **options)

    def on_signal(self, *_):
        self.stop = True

    def save(self):
        path = self.folder / 'checkpoint.pt'
        state = {'model': self.model.state_dict(),
                 'average': self.average.model.state_dict(),
                 'updates': self.average.updates,
                 'optimiser': self.optimiser.state_dict(),
                 'epoch': self.epoch, 'step': self.step,
                 'random': (torch.get_rng_state(), random.getstate(),
                            np.random.get_state()),
                 'history': self.history, 'best': self.best,
                 'arguments': vars(self.args)}
        temporary = path.with_suffix('.tmp')
        torch.save(state, temporary)
        os.replace(temporary, path)

    def restore(self, saved):
        before = saved['arguments'].get('even', 0.0)
        if self.args.even != before:
            sys.exit(f'--even {self.args.even:g}: expected {before:g}, with '
                     f'which {self.folder} was begun')
        self.average.model.load_state_dict(saved['average'])
        self.average.updates = saved['updates']
        self.optimiser.load_state_dict(saved['optimiser'])
        self.epoch, self.step = saved['epoch'], saved['step']
        self.step -= self.step % self.args.echo  # no lesson is remembered
        self.history, self.best = saved['history'], saved['best']
        torch_state, python_state, numpy_state = saved['random']
        torch.set_rng_state(torch_state)
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        print(f'resumed at epoch {self.epoch}, step {self.step}')

    def export(self, name, **notes):
        export.export_network(self.average.model, self.folder / name,
                              trained_on=' + '.join(self.args.train),
                              epoch=self.epoch, **notes)

    def measure(self, photos, size):
        results = evaluate.detect(self.average.model, photos, size,
                                  device=self.device)
        return results, evaluate.score(photos, results, self.model.classes)

    def freeze(self):
        """Freezes the prefix, at its averaged weights, when its time comes."""
        frozen = self.args.freeze * (self.epoch >= self.args.freeze_from)
        source = self.average.model
        for model in self.replicas.models:
            if frozen and not self.model.frozen:
                for mine, average in zip(
                        [model.stem, *model.blocks[:frozen]],
                        [source.stem, *source.blocks]):
                    mine.load_state_dict(average.state_dict())
        for model in self.replicas.models:
            model.freeze(frozen)
            model.train()
        if self.teacher:
            self.teacher.share(self.model)

    def read_teacher_size(self):
        text, pyramid = self.args.teacher_size, self.model.pyramid
        if text is None:
            return None
        size = re.fullmatch(r'(\d+)(x\d+)?', text) and parse_size(text)
        if not self.teacher or not size or 0 in size or any(
                side % pyramid[-1] for side in size):
            sys.exit(f'--teacher-size {text}: expected multiples of '
                     f'{pyramid[-1]}, as in 256x224, and a --teacher')
        return size

    def make_mimicry(self):
        args = self.args
        if not self.teacher or args.views or args.quantise:
            sys.exit('--mimic expects a --teacher, no --views and no '
                     '--quantise')
        return mimic.Mimicry(self.model, self.teacher.models).to(
            self.device, memory_format=torch.channels_last)

    def check_views(self):
        args, model = self.args, self.model
        first_tap = model.taps[model.pyramid[0]]
        if (not 0 < args.freeze <= first_tap + 1 or args.freeze_from or
                args.quantise or args.teachers_at_once or
                args.teacher_size or args.mixup or
                len({size for size, _ in self.plan}) > 1):
            sys.exit('--views expects one size, no --quantise, no '
                     '--teachers-at-once, no --teacher-size, no --mixup, and '
                     f'--freeze of 1 to {first_tap + 1} blocks from the start')

    def make_views(self):
        args, model = self.args, self.average.model
        model.freeze(args.freeze)
        made_with = {name: getattr(args, name) for name in (
            'start', 'teacher', 'train', 'limit', 'freeze', 'views',
            'mosaic', 'batch', 'seed')}
        kept = views.open_or_make(
            self.folder / 'views.pt',
            {**made_with, 'size': self.plan[0][0],
             'strides': model.strides}, model, self.teacher, self.photos,
            self.plan[0][0], args.mosaic, args.views, args.batch,
            args.seed, args.loaders, self.workers(), self.progress)
        model.requires_grad_(False)
        return kept

    def quantise(self):
        """From the averaged weights on, rounds, when the time has come."""
        average = self.average.model
        models = self.replicas.models
        if (self.epoch + self.args.quantise < len(self.plan) or
                models[0].stem.rounding.on):
            return
        for model in models:
            model.load_state_dict(average.state_dict())
        rng = np.random.default_rng(self.args.seed)
        batches = (augment.make_batch(
            self.photos, rng.integers(0, len(self.photos), 32),
            self.plan[self.epoch][0], 0.0, rng)[0]
            for _ in range(RANGE_BATCHES))
        fake_quantise.begin(
            [average, *models],
            (networks.normalise(torch.from_numpy(images).to(self.device),
                                average.description) for images in batches))
        print('rounding as int8 does from here on', flush=True)
        for model in models:
            model.train()

    def gradient(self, batch):
        """Of what the loader gives, or None: what is remembered."""
        if batch is None:
            lessons = [model.memory.recall(model.strides)
                       for model in self.replicas.models]
            return self.replicas.gradient_of(
                [(lesson, lesson.objects) for lesson in lessons])
        images, objects, *larger = batch
        if not self.views:
            images = torch.from_numpy(images)
        if larger:
            images = replicas.Pair(images, torch.from_numpy(*larger))
        if self.teacher:
            self.teacher.turn = (self.epoch * self.steps +
                                 self.step) // self.args.echo
        return self.replicas.gradient(
            images.to(self.device),
            torch.from_numpy(objects).to(self.device))

    def train_step(self, batch):
        """batch: as for gradient()"""
        total = len(self.plan)
        progress = (self.epoch + self.step / self.steps) / total
        factor = learning_rate(progress, self.args.warmup / total,
                               self.args.final_lr)
        for group in self.optimiser.param_groups:
            group['lr'] = self.args.lr * group['factor'] * factor
        values = self.gradient(batch)
        norm = torch.nn.utils.clip_grad_norm_(
            [p for p in self.model.parameters() if p.requires_grad],
            self.args.clip)
        if not torch.isfinite(norm):
            print('a gradient is not finite: step left out')
            return None
        self.optimiser.step()
        self.average.update()
        return *values, norm.item()

    def run(self):
        begin, batch, seed = ((self.epoch, self.step), self.args.batch,
                              self.args.seed)
        loader = (views.Loader(self.views, self.steps, len(self.plan), begin,
                               batch, seed) if self.views else
                  augment.Loader(self.photos, self.plan, begin, batch, seed,
                                 self.args.loaders, self.teacher_size,
                                 self.args.mixup, self.args.echo))
        done, saved = 0, time.time()
        bar = self.progress(range(len(self.plan) * self.steps),
                            initial=self.epoch * self.steps + self.step)
        while self.epoch < len(self.plan):
            self.freeze()
            self.quantise()
            began, first = time.time(), self.step
            sums, count = np.zeros(4), 0
            while self.step < self.steps:
                fresh = self.step % self.args.echo == 0
                values = self.train_step(loader.get() if fresh else None)
                self.step += 1
                done += 1
                bar.update(1)
                if values:
                    sums, count = sums + np.array(values), count + 1
                if done % 50 == 0:
                    mean = sums / max(count, 1)
                    speed = (self.step - first) * self.args.batch / (
                        time.time() - began)
                    print(f'epoch {self.epoch} step {self.step}/{self.steps}'
                          f' loss {mean[0]:.3f} cls {mean[1]:.3f} box '
                          f'{mean[2]:.3f} norm {mean[3]:.1f} '
                          f'{speed:.1f} images/s', flush=True)
                if time.time() - saved > self.args.save_every:
                    self.save()
                    saved = time.time()
                if self.stop or done == self.args.stop_after:
                    self.save()
                    loader.close()
                    print(f'stopped at epoch {self.epoch}, step {self.step}')
                    return
            self.end_epoch(sums / max(count, 1), time.time() - began)
            self.save()
            saved = time.time()
        loader.close()
        self.finish()

    def end_epoch(self, mean, seconds):
        size = self.plan[self.epoch][0]
        entry = dict(epoch=self.epoch + 1, size='x'.join(map(str, size)),
                     loss=mean[0], cls=mean[1], box=mean[2],
                     seconds=round(seconds, 1))
        final = self.epoch + 1 == len(self.plan)
        self.epoch, self.step = self.epoch + 1, 0
        if self.epoch % self.args.val_every == 0 and not final:
            _, table = self.measure(self.val[:self.args.val_images], size)
            entry.update(map_11=table['map_11'], map_area=table['map_area'])
            if table['map_11'] > self.best:
                self.best = table['map_11']
                self.export('model.safetensors', val_map_11=self.best)
        self.history.append(entry)
        print('epoch end', json.dumps(entry), flush=True)
        replace_json(self.folder / 'history.json', self.history)
        plot(self.history, self.folder / 'history.png')

    def finish(self):
        """The last average is the result, measured on the whole list."""
        spec = self.model.description['input']
        size = (spec['width'], spec['height'])
        self.export('model.safetensors')
        results, table = self.measure(self.val, size)
        self.export('model.safetensors', val_map_11=table['map_11'],
                    val_map_area=table['map_area'])
        evaluate.write_detections(self.folder / 'detections', self.val,
                                  results, self.model.classes,
                                  'comp4_det_val')
        replace_json(self.folder / 'val.json', table)
        print(f'{self.args.val}, {len(self.val)} images, {size[0]}x{size[1]}, '
              f'float: mAP {100 * table["map_11"]:.2f} (11 points), '
              f'{100 * table["map_area"]:.2f} (area)', flush=True)


def main():
    args = parse_arguments()
    losses.use(args)
    raise_priority(args.priority)
    trainer = Trainer(args)
    trainer.run()


if __name__ == '__main__':
    networks.run(main)
