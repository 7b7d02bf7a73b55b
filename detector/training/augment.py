# SPDX-License-Identifier: Apache-2.0
"""Training samples: decode, scale, crop, mosaic, flip, colour; and batches."""
import multiprocessing
import os
import queue as queue_module
import signal

import cv2
import numpy as np

GREY = 114
ZOOM = (0.55, 1.7)          # of the whole image, single samples
MOSAIC_ZOOM = (0.4, 1.2)    # of each of the four images
ASPECT = 1.3                # largest aspect change, up or down
VISIBLE = 0.3               # smallest visible part of a kept object
SMALLEST = 3.0              # pixels, smallest side of a kept object
HALF_BELOW = 0.6            # of the JPEG's side: decode at half size
HUE, SATURATION, VALUE = 0.015, 0.6, 0.4
SHARE = (0.35, 0.65)        # of the first of two samples that are mixed


def decode(photo, half):
    """-> BGR uint8 [h, w, 3]; at half size, which costs less, if `half`."""
    return cv2.imdecode(photo.jpeg, cv2.IMREAD_REDUCED_COLOR_2 if half
                        else cv2.IMREAD_COLOR)


def targets(photo):
    """-> boxes of the objects to learn, as fractions of the image; labels."""
    keep = ~photo.difficult
    boxes = photo.boxes[keep].astype(np.float64)
    boxes[:, :2] -= 1.0
    boxes /= (photo.width, photo.height, photo.width, photo.height)
    return boxes, photo.labels[keep]


def log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def fit(room, scaled, source, rng):
    """Lays `scaled` pixels, made of `source`, somewhere in `room`.

    -> start and size in the room, start and end in the source.
    """
    slack = room - scaled
    offset = rng.uniform(min(slack, 0), max(slack, 1e-6))
    low = round(max(offset, 0))
    size = max(round(min(offset + scaled, room)) - low, 1)
    ratio = source / scaled
    first = min(max(round((low - offset) * ratio), 0), source - 1)
    last = min(max(round((low + size - offset) * ratio), first + 1), source)
    return low, size, first, last


def place(canvas, region, photo, scaled, rng):
    """Draws a photo, scaled to scaled = (w, h), somewhere in a region.

    region: x0, y0, x1, y1 of the canvas. What does not fit is cropped, what
    stays empty stays grey. -> objects [N, 5] (label, box in canvas pixels).
    """
    x0, y0, x1, y1 = region
    half = max(scaled) < HALF_BELOW * photo.longest
    image = decode(photo, half)
    height, width = image.shape[:2]
    x, w, left, right = fit(x1 - x0, max(scaled[0], 8), width, rng)
    y, h, top, bottom = fit(y1 - y0, max(scaled[1], 8), height, rng)
    x, y = x + x0, y + y0
    canvas[y:y + h, x:x + w] = cv2.resize(
        image[top:bottom, left:right], (w, h), interpolation=cv2.INTER_LINEAR)
    # The crop's rounded corners say exactly where the objects are.
    boxes, labels = targets(photo)
    zoom_x, zoom_y = w / (right - left), h / (bottom - top)
    boxes *= (width * zoom_x, height * zoom_y) * 2
    boxes -= (left * zoom_x, top * zoom_y) * 2
    clipped = np.clip(boxes, 0, (w, h, w, h))
    sides = clipped[:, 2:] - clipped[:, :2]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    keep = ((sides[:, 0] * sides[:, 1] > VISIBLE * area) &
            (sides[:, 0] >= SMALLEST) & (sides[:, 1] >= SMALLEST))
    clipped += (x, y, x, y)
    return np.concatenate([labels[keep, None], clipped[keep]], 1)


def scaled_size(size, zoom, rng):
    aspect = np.sqrt(log_uniform(rng, 1 / ASPECT, ASPECT))
    z = log_uniform(rng, *zoom)
    return size[0] * z * aspect, size[1] * z / aspect


def colour(image, rng):
    """BGR -> RGB with hue, saturation and value changed a little."""
    gain = rng.uniform(-1, 1, 3) * (HUE, SATURATION, VALUE) + 1
    ramp = np.arange(256)
    tables = [(ramp * gain[0]) % 180, np.clip(ramp * gain[1], 0, 255),
              np.clip(ramp * gain[2], 0, 255)]
    planes = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2HSV))
    planes = [cv2.LUT(p, t.astype(np.uint8)) for p, t in zip(planes, tables)]
    return cv2.cvtColor(cv2.merge(planes), cv2.COLOR_HSV2RGB)


def sample(photos, index, size, mosaic, rng):
    """size (w, h) -> RGB uint8 [h, w, 3], objects [N, 5]."""
    w, h = size
    canvas = np.full((h, w, 3), GREY, np.uint8)
    if rng.random() < mosaic:
        cx = int(rng.uniform(0.3, 0.7) * w)
        cy = int(rng.uniform(0.3, 0.7) * h)
        regions = [(0, 0, cx, cy), (cx, 0, w, cy), (0, cy, cx, h),
                   (cx, cy, w, h)]
        chosen = [index, *rng.integers(0, len(photos), 3)]
        zoom = MOSAIC_ZOOM
    else:
        regions, chosen, zoom = [(0, 0, w, h)], [index], ZOOM
    objects = [place(canvas, region, photos[i], scaled_size(size, zoom, rng),
                     rng)
               for region, i in zip(regions, chosen)]
    objects = np.concatenate(objects).astype(np.float32)
    if rng.random() < 0.5:
        canvas = np.ascontiguousarray(canvas[:, ::-1])
        objects[:, [1, 3]] = w - objects[:, [3, 1]]
    return colour(canvas, rng), objects


def mixed(photos, index, size, mosaic, rng):
    """Two samples as one, of which each shines through, with the objects of
    both (Zhang et al. 2019, arXiv 1902.04103)."""
    (one, found), (two, more) = (
        sample(photos, i, size, mosaic, rng)
        for i in (index, rng.integers(len(photos))))
    share = rng.uniform(*SHARE)
    return (cv2.addWeighted(one, share, two, 1 - share, 0),
            np.concatenate([found, more]))


def make_batch(photos, order, size, mosaic, rng, mixup=0.0):
    """-> images uint8 [B, H, W, 3], objects [T, 6] (image, label, box)."""
    images, objects = [], []
    for row, index in enumerate(order):
        draw = mixed if mixup and rng.random() < mixup else sample
        image, found = draw(photos, index, size, mosaic, rng)
        images.append(image)
        objects.append(np.concatenate(
            [np.full((len(found), 1), row, np.float32), found], 1))
    return np.stack(images), np.concatenate(objects)


def shrink(images, objects, size):
    """A batch of another size (w, h); -> images, objects."""
    ratio = np.float32(size) / (images.shape[2], images.shape[1])
    objects = objects.copy()
    objects[:, 2:] *= np.tile(ratio, 2)
    return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA)
                     for image in images]), objects


def batches(photos, plan, start, batch, seed, drawn=None, mixup=0.0, echo=1,
            worker=0, workers=1):
    """Yields a worker's batches from start = (epoch, step) on.

    plan: per epoch ((w, h), mosaic probability). Every batch has a random
    generator of its own, so a resumed run sees what it would have seen.

    drawn: size (w, h) of the samples, which are shrunk to the plan's then, and
    come as they were after the images and objects.
    mixup: probability of a mixed sample, in the epochs that have mosaics.
    echo: a batch is made for every so many steps only, of which `start` is one.
    """
    steps = len(photos) // batch
    each = -(-steps // echo)
    for epoch in range(start[0], len(plan)):
        size, mosaic = plan[epoch]
        order = np.random.default_rng([seed, epoch]).permutation(len(photos))
        for step in range(start[1] if epoch == start[0] else 0, steps, echo):
            if (epoch * each + step // echo) % workers != worker:
                continue
            rng = np.random.default_rng([seed, epoch, step + 1])
            chosen = order[step * batch:(step + 1) * batch]
            images, objects = make_batch(photos, chosen, drawn or size,
                                         mosaic, rng, mixup if mosaic else 0)
            yield (images, objects) if drawn is None else (
                *shrink(images, objects, size), images)


def _work(queue, *arguments):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    parent = os.getppid()
    for item in batches(*arguments):
        while True:
            try:
                queue.put(item, timeout=5)
                break
            except Exception:  # full: go on unless the trainer is gone
                if os.getppid() != parent:
                    os._exit(1)
    queue.put(None)


class Loader:
    """Makes batches in other processes, some steps ahead."""

    def __init__(self, photos, plan, start, batch, seed, workers=1,
                 drawn=None, mixup=0.0, echo=1):
        context = multiprocessing.get_context('fork')
        each = -(-(len(photos) // batch) // echo)
        self.next = start[0] * each + start[1] // echo
        self.queues = [context.Queue(4) for _ in range(workers)]
        self.processes = [
            context.Process(target=_work, daemon=True, args=(
                queue, photos, plan, start, batch, seed, drawn, mixup, echo,
                i, workers))
            for i, queue in enumerate(self.queues)]
        for process in self.processes:
            process.start()

    def get(self):
        worker = self.next % len(self.queues)
        self.next += 1
        while True:
            try:
                return self.queues[worker].get(timeout=5)
            except queue_module.Empty:
                if not self.processes[worker].is_alive():
                    raise RuntimeError('a loader process has died') from None

    def close(self):
        for process in self.processes:
            process.terminate()
