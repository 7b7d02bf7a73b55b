# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes a model on drawn classes of its own, then compiles and scores it.

    test_fine_tuning.py OCELLUS

What README's "Your own classes" tells a user to do, on data made here: a
network that knows disc, square and triangle is the start for one that is to
find rings and crosses. Takes about a minute; exits 1 if any step fails.
"""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np

import test_training

HERE = pathlib.Path(__file__).resolve().parent
CLASSES = ['ring', 'cross']
DESCRIPTION = copy.deepcopy(test_training.DESCRIPTION)
DESCRIPTION['head']['width'] = [24, 32]
TRAIN, VAL = 64, 16
NETWORK = '--network', 'network.json'
SMALLEST_MAP = 0.6


def draw(label, colour, rng):
    """-> picture of 120 x 100 with one shape, its box."""
    image = rng.integers(90, 130, (100, 120, 3)).astype(np.uint8)
    radius = int(rng.integers(16, 32))
    x = int(rng.integers(radius + 4, 116 - radius))
    y = int(rng.integers(radius + 4, 96 - radius))
    if label in ('ring', 'disc'):
        cv2.circle(image, (x, y), radius, colour, -1 if label == 'disc' else 7)
    elif label == 'cross':
        cv2.line(image, (x - radius, y - radius), (x + radius, y + radius),
                 colour, 7)
        cv2.line(image, (x - radius, y + radius), (x + radius, y - radius),
                 colour, 7)
    elif label == 'square':
        cv2.rectangle(image, (x - radius, y - radius),
                      (x + radius, y + radius), colour, -1)
    else:
        points = np.array([[x, y - radius], [x - radius, y + radius],
                           [x + radius, y + radius]])
        cv2.fillPoly(image, [points], colour)
    return image, (x - radius, y - radius, x + radius, y + radius)


def write_voc(root, classes, rng):
    """A VOCdevkit of one folder, `Shapes`, with lists train and val."""
    for part in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (root / 'Shapes' / part).mkdir(parents=True)
    for name, first, count in (('train', 0, TRAIN), ('val', TRAIN, VAL)):
        names = [f'{i:06d}' for i in range(first, first + count)]
        (root / f'Shapes/ImageSets/Main/{name}.txt').write_text(
            '\n'.join(names) + '\n')
        for i, image_name in enumerate(names):
            label = classes[i % len(classes)]
            image, box = draw(label, (40, 40, 220), rng)
            cv2.imwrite(str(root / f'Shapes/JPEGImages/{image_name}.jpg'),
                        image, [cv2.IMWRITE_JPEG_QUALITY, 95])
            sides = ''.join(
                f'<{side}>{value + 1}</{side}>' for side, value in
                zip(('xmin', 'ymin', 'xmax', 'ymax'), box))
            (root / f'Shapes/Annotations/{image_name}.xml').write_text(
                f'<annotation><filename>{image_name}.jpg</filename><size>'
                '<width>120</width><height>100</height><depth>3</depth></size>'
                f'<object><name>{label}</name><difficult>0</difficult>'
                f'<bndbox>{sides}</bndbox></object></annotation>\n')


def attempt(folder, *command):
    return subprocess.run([str(part) for part in command], cwd=folder,
                          capture_output=True, text=True)


def run(folder, *command):
    """-> standard output; a failing command ends the test."""
    done = attempt(folder, *command)
    if done.returncode != 0:
        sys.exit(f'FAIL {" ".join(map(str, command))}\n{done.stdout[-2000:]}\n'
                 f'{done.stderr[-2000:]}')
    return done.stdout


def training(name, voc, start, epochs, *options):
    return (sys.executable, HERE / 'train.py', '--run', name, '--voc', voc,
            '--train', 'Shapes/train', '--val', 'Shapes/val',
            '--start', start, '--sizes', f'96:{epochs}', '--batch', 8,
            '--lr', 5e-3, '--ema', 0.95, '--mosaic', 0, '--backbone-lr', 1,
            '--threads', 1, '--val-every', 100, *options)


def check_refusals(folder):
    (folder / 'cut.safetensors').write_bytes(b'cut')
    for what, start, options in (
            ('cut.safetensors', 'cut.safetensors', ()),
            ('--views expects', 'none', (*NETWORK, '--views', 2))):
        done = attempt(folder, *training('refused', 'first', start, 1,
                                         *options))
        said = done.stderr.splitlines()
        if done.returncode != 1 or len(said) != 1 or what not in said[0] or (
                (folder / 'training-runs/refused').exists()):
            sys.exit(f'FAIL {what}: expected one line, exit 1 and no folder, '
                     f'found exit {done.returncode}, {done.stderr}')
    print('ok   refused broken weights and options, and left nothing')


def main():
    ocellus = pathlib.Path(sys.argv[1]).resolve()
    began = time.time()
    rng = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / 'network.json').write_text(json.dumps(DESCRIPTION))
        write_voc(folder / 'first', DESCRIPTION['classes'], rng)
        write_voc(folder / 'second', CLASSES, rng)
        check_refusals(folder)
        run(folder, *training('first', 'first', 'none', 8, *NETWORK))
        said = run(folder, *training(
            'second', 'second', 'training-runs/first/model.safetensors', 16,
            '--classes', ','.join(CLASSES)))
        if 'tensors come from' not in said:
            sys.exit(f'FAIL nothing taken from the first model: {said}')
        print('ok   trained, then fine-tuned on other classes')
        results = folder / 'training-runs/second'
        run(folder, ocellus, 'compile', results / 'network.json',
            results / 'model.safetensors', '-o', 'shapes.ocellus',
            '--calibrate', 'second/Shapes/JPEGImages')
        print('ok   compiled')
        lines = run(folder, ocellus, 'detect',
                    'second/Shapes/JPEGImages/000000.jpg', '--model',
                    'shapes.ocellus', '--threshold', 0.1).splitlines()
        found = [d['class'] for d in json.loads(lines[0])['detections']]
        if 'ring' not in found:
            sys.exit(f'FAIL detect found {found}, expected a ring')
        print('ok   detected', found)
        run(folder, ocellus, 'eval', '--voc', 'second', '--list', 'Shapes/val',
            '--model', 'shapes.ocellus', '--json', 'score.json')
        score = json.loads((folder / 'score.json').read_text())['map_area']
        if score < SMALLEST_MAP:
            sys.exit(f'FAIL int8 mAP {score:.3f}, expected {SMALLEST_MAP}')
    print(f'ok   int8 mAP {score:.3f}\n'
          f'test_fine_tuning: passed, {time.time() - began:.0f} s')


if __name__ == '__main__':
    main()
