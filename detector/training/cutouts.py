# SPDX-License-Identifier: Apache-2.0
"""Objects cut out of training images, to be pasted into others (Ghiasi et al.
2021, arXiv 2012.07177).

    cutouts.py -o training-runs/cutouts.npz
    train.py --cutouts training-runs/cutouts.npz --paste 0.5

VOC's boxes say where an object is; GrabCut (Rother et al. 2004, OpenCV's) finds
which pixels are its own. What does not fill its box as objects do, or not alike
from two starts, is left out.
"""
import argparse
import functools
import multiprocessing
import os
import pathlib
import zipfile

import cv2
import numpy as np
import tqdm

import augment
import network as networks
import voc

HERE = pathlib.Path(__file__).resolve().parent
LONGEST = 112          # pixels, of a box that is cut out: larger ones shrink
MARGIN = 0.3           # of a side, background seen around a box
SMALLEST = 20          # pixels of the JPEG, sides of a box
LARGEST = 0.93         # of the JPEG's longer side: the rest is background
CROWDED = 0.1          # of a box, largest part that others may cover
FILL = (0.25, 0.92)    # of the box, that the object fills
REACH = 0.75           # of a box's sides, that the object has at least
ALIKE = 0.7            # intersection over union of what two starts find
INSET = 0.06           # of the shorter side, the second start's
ROUNDS = 4             # of GrabCut
MOST = 3               # pasted into a sample
SIDE = (0.1, 0.6)      # of the sample's longer side, that of what is pasted
LARGER = 1.5           # largest magnification of the JPEG's pixels
BRIGHTNESS = 0.2       # largest change
TRIES = 3              # places, of which what hides least is taken
HIDDEN = 0.6           # of an object's box, largest part behind what is pasted


def grab(image, box):
    """image BGR uint8, box x0, y0, x1, y1 in its pixels -> mask bool [h, w]."""
    mask = np.full(image.shape[:2], cv2.GC_BGD, np.uint8)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = cv2.GC_PR_FGD
    cv2.setRNGSeed(1)
    cv2.grabCut(image, mask, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS,
                cv2.GC_INIT_WITH_MASK)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)


def largest_part(mask):
    count, parts, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8))
    if count < 2:
        return mask
    return parts == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])


def alone(boxes, i):
    """-> whether others leave box i nearly free."""
    low = np.maximum(boxes[:, :2], boxes[i, :2])
    high = np.minimum(boxes[:, 2:], boxes[i, 2:])
    shared = np.prod(np.maximum(high - low, 0), 1)
    shared[i] = 0
    return shared.max() <= CROWDED * np.prod(boxes[i, 2:] - boxes[i, :2])


def cut(image, box):
    """box: in the image's pixels -> its mask uint8 [h, w], None if unclear."""
    height, width = image.shape[:2]
    sides = box[2:] - box[:2]
    low = np.maximum(box[:2] - MARGIN * sides, 0).astype(int)
    high = np.minimum(box[2:] + MARGIN * sides, (width, height)).astype(int)
    scale = min(1.0, LONGEST / sides.max())
    view = cv2.resize(image[low[1]:high[1], low[0]:high[0]], None, fx=scale,
                      fy=scale, interpolation=cv2.INTER_AREA)
    x0, y0, x1, y1 = np.round((box - np.tile(low, 2)) * scale).astype(int)
    inset = max(round(INSET * min(x1 - x0, y1 - y0)), 1)
    try:
        found = grab(view, (x0, y0, x1, y1))
        again = grab(view, (x0 + inset, y0 + inset, x1 - inset, y1 - inset))
    except cv2.error:  # nothing is left of one side
        return None
    union = (found | again).sum()
    if not union or (found & again).sum() < ALIKE * union:
        return None
    mask = largest_part(found[y0:y1, x0:x1])
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    reach = min((columns[-1] + 1 - columns[0]) / mask.shape[1],
                (rows[-1] + 1 - rows[0]) / mask.shape[0])
    if not FILL[0] <= mask.mean() <= FILL[1] or reach < REACH:
        return None
    return mask.astype(np.uint8)


def pixel_boxes(photo, image):
    """-> all boxes of the photo, in pixels of its decoded image."""
    height, width = image.shape[:2]
    return (photo.boxes - (1, 1, 0, 0)) * (
        (width / photo.width, height / photo.height) * 2)


def cut_photo(photo):
    """-> [(object's index, mask)]"""
    image = augment.decode(photo, False)
    boxes, found = pixel_boxes(photo, image), []
    for i, box in enumerate(boxes):
        sides = box[2:] - box[:2]
        if (photo.difficult[i] or sides.min() < SMALLEST or
                sides.max() > LARGEST * photo.longest or
                not alone(boxes, i)):
            continue
        mask = cut(image, box)
        if mask is not None:
            found.append((i, mask))
    return found


class Cutouts:
    """Objects and their masks, by class."""

    def __init__(self, path, photos):
        """Raises InputError."""
        try:
            with np.load(path) as file:
                names, indices, shapes, bits = (
                    file[key] for key in ('names', 'indices', 'shapes', 'bits'))
        except (OSError, EOFError, ValueError, KeyError, TypeError,
                AttributeError, zipfile.BadZipFile) as error:
            raise networks.InputError(
                f'{path}: expected what cutouts.py writes: {error}') from error
        by_name = {photo.name: photo for photo in photos}
        self.by_class = {}
        ends = np.cumsum([0, *(-(-h * w // 8) for h, w in shapes)])
        for name, i, (h, w), a, b in zip(names, indices, shapes, ends,
                                         ends[1:]):
            photo = by_name.get(str(name))
            if photo is None or i >= len(photo.labels):
                continue
            mask = np.unpackbits(bits[a:b], count=h * w).reshape(h, w)
            self.by_class.setdefault(int(photo.labels[i]), []).append(
                (photo, int(i), mask))
        if not self.by_class:
            raise networks.InputError(
                f'{path}: expected objects of the training lists')
        self.classes = sorted(self.by_class)
        counts = np.array([len(self.by_class[c]) for c in self.classes])
        self.shares = np.sqrt(counts) / np.sqrt(counts).sum()

    def draw(self, rng):
        """-> photo, index of an object, mask; a class as often as the square
        root of how many it has."""
        some = self.by_class[rng.choice(self.classes, p=self.shares)]
        return some[rng.integers(len(some))]


def picture(photo, i, mask, size, rng):
    """Object i as it is to lie in a sample of size (w, h).

    -> pixels BGR float [h, w, 3], their share float [h, w].
    """
    image = augment.decode(photo, False)
    x0, y0, x1, y1 = np.round(pixel_boxes(photo, image)[i]).astype(int)
    crop = image[y0:y1, x0:x1]
    sides = np.array([x1 - x0, y1 - y0])
    zoom = np.divide(size, image.shape[1::-1])  # of the whole photo
    zoom = zoom * min(LARGER / zoom.max(), augment.log_uniform(rng, *SIDE) *
                      max(size) / (sides * zoom).max())
    shape = np.maximum(np.round(sides * zoom), 3).astype(int)
    crop, mask = (cv2.resize(
        x, shape, interpolation=cv2.INTER_AREA if zoom.min() < 1
        else cv2.INTER_LINEAR) for x in (crop, mask * np.uint8(255)))
    share = cv2.GaussianBlur(mask, (3, 3), 0) * np.float32(1 / 255)
    if rng.random() < 0.5:
        crop, share = crop[:, ::-1], share[:, ::-1]
    return crop * rng.uniform(1 - BRIGHTNESS, 1 + BRIGHTNESS), share


def hidden(objects, share, x, y):
    """-> of each object's box, the part behind `share`, laid at x, y."""
    h, w = share.shape
    boxes = np.round(objects[:, 1:]).astype(int)
    area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], 1), 1)
    low = np.clip(boxes[:, :2] - (x, y), 0, (w, h))
    high = np.clip(boxes[:, 2:] - (x, y), 0, (w, h))
    return np.array([share[a[1]:b[1], a[0]:b[0]].sum()
                     for a, b in zip(low, high)]) / area


def paste(canvas, objects, rng, cutouts, probability=1.0):
    """Lays one to MOST of cutouts on BGR uint8 [h, w, 3], which changes, with
    this probability.

    -> objects [N, 5] (label, box in pixels) that are still seen, and the new.
    """
    height, width = canvas.shape[:2]
    if rng.random() >= probability:
        return objects
    for _ in range(1 + rng.integers(MOST)):
        photo, i, mask = cutouts.draw(rng)
        crop, share = picture(photo, i, mask, (width, height), rng)
        columns, rows = (np.flatnonzero((share > 0.5).any(axis))
                         for axis in (0, 1))
        h, w = share.shape
        if not len(columns) or min(len(columns), len(rows)) < \
                augment.SMALLEST or h > height or w > width:
            continue
        places = [(rng.integers(width - w + 1), rng.integers(height - h + 1))
                  for _ in range(TRIES)]
        behind = [hidden(objects, share, x, y) for x, y in places]
        (x, y), behind = min(zip(places, behind),
                             key=lambda pair: pair[1].max(initial=0))
        part = canvas[y:y + h, x:x + w]
        part[:] = np.clip(part + share[..., None] * (crop - part) + 0.5, 0, 255)
        objects = np.concatenate([
            objects[behind <= HIDDEN],
            [[photo.labels[i], x + columns[0], y + rows[0],
              x + columns[-1] + 1, y + rows[-1] + 1]]]).astype(np.float32)
    return objects


def save(path, found):
    """found: [(photo's name, object's index, mask)]"""
    temporary = path.with_suffix('.tmp.npz')
    np.savez(temporary, names=np.array([name for name, _, _ in found]),
             indices=np.array([i for _, i, _ in found], np.int32),
             shapes=np.array([mask.shape for _, _, mask in found], np.int32),
             bits=np.concatenate([np.packbits(mask) for _, _, mask in found]))
    os.replace(temporary, path)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add('-o', '--output', type=pathlib.Path, required=True, metavar='NPZ')
    add('--network', default=str(HERE.parent / 'models' / 'voc_h7.json'),
        help='whose classes to cut out')
    add('--voc', help='VOCdevkit folder')
    add('--train', nargs='+', metavar='LIST',
        default=['VOC2007/train', 'VOC2012/train'])
    add('--threads', type=int, default=2)
    add('--limit', type=int, help='use this many images of each list')
    args = parser.parse_args()
    classes = networks.load_description(args.network)['classes']
    root = voc.locate_voc(args.voc)
    photos = [photo for which in args.train for photo in
              voc.read_list(root, which, classes, args.limit)]
    found, counts = [], np.zeros(len(classes), int)
    with multiprocessing.Pool(args.threads,
                              functools.partial(cv2.setNumThreads, 1)) as pool:
        results = pool.imap(cut_photo, photos, 16)
        for photo, masks in tqdm.tqdm(zip(photos, results),
                                      total=len(photos)):
            for i, mask in masks:
                found.append((photo.name, i, mask))
                counts[photo.labels[i]] += 1
    if not found:
        raise networks.InputError(f'no object of {args.train} is clear enough')
    args.output.parent.mkdir(parents=True, exist_ok=True)
    save(args.output, found)
    print(f'{len(found)} objects: ' + ', '.join(
        f'{name} {count}' for name, count in zip(classes, counts)))


if __name__ == '__main__':
    networks.run(main)
