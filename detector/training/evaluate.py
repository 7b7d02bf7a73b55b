# SPDX-License-Identifier: Apache-2.0
"""Detections and Pascal VOC scoring of the float model, plainly written.

    evaluate.py MODEL.safetensors [--list VOC2007/val] [--detections FOLDER]

With several models, of their mean as train.py --teacher asks for it.
"""
import argparse
import pathlib

import cv2
import numpy as np
import torch

import augment
import export
import network as networks
import teacher as teachers
import voc

MAX_DETECTIONS = 100
CANDIDATES = 400


def inner_size(photo, size, letterbox):
    """-> (w, h) that the photo takes of the input's size."""
    if not letterbox:
        return size
    scale = min(size[0] / photo.width, size[1] / photo.height)
    return (max(round(photo.width * scale), 1),
            max(round(photo.height * scale), 1))


def load_image(photo, size, letterbox=False):
    """RGB uint8 stretched to size (w, h), or in proportion and grey below or
    at the right."""
    image = cv2.imdecode(photo.jpeg, cv2.IMREAD_COLOR)
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    w, h = inner_size(photo, size, letterbox)
    shrinks = image.shape[1] > w or image.shape[0] > h
    image = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA if shrinks
                       else cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(image, 0, size[1] - h, 0, size[0] - w,
                              cv2.BORDER_CONSTANT, value=[augment.GREY] * 3)


def suppress(boxes, scores, labels, limit):
    """Class-wise non-maximum suppression; -> kept indices, scores, boxes.

    An overlap above `limit` with a better box of the class removes a box. What
    a box removes moves it, to the mean of them all by score, and its odds grow
    by as much as the sum of their scores is more than its own. Best first.
    """
    order = np.argsort(-scores, kind='stable')
    b = boxes[order]
    low = np.maximum(b[:, None, :2], b[None, :, :2])
    high = np.minimum(b[:, None, 2:], b[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(2)
    area = (b[:, 2:] - b[:, :2]).prod(1)
    iou = inter / np.maximum(area[:, None] + area[None] - inter, 1e-9)
    clash = (iou > limit) & (labels[order][:, None] == labels[order][None])
    left, kept, sums, means = np.ones(len(order), bool), [], [], []
    for i, index in enumerate(order):
        if left[i]:
            mine = left & clash[i]
            mine[i] = True
            left &= ~mine
            kept.append(index)
            sums.append(scores[order[mine]].sum())
            means.append(np.average(b[mine], 0, scores[order[mine]]))
    kept, sums = np.array(kept, int), np.array(sums)
    together = sums / (sums + 1 - scores[kept])
    best = np.argsort(-together, kind='stable')
    return kept[best], together[best], np.array(means).reshape(-1, 4)[best]


@torch.no_grad()
def detect(model, photos, size, threshold=0.005, nms_iou=0.5, batch=16,
           device='cpu', letterbox=False, teacher=None):
    """-> per photo (labels [N], scores [N], boxes [N, 4] in XML pixels).

    teacher: networks that answer in place of the model.
    """
    model.eval()
    results = []
    for start in range(0, len(photos), batch):
        group = photos[start:start + batch]
        images = torch.from_numpy(np.stack(
            [load_image(p, size, letterbox) for p in group])).to(device)
        if teacher:
            logits, boxes = teacher.answer(images, model.strides)
        else:
            x = networks.normalise(images, model.description)
            logits, boxes, _ = networks.flatten(model(x), model.strides)
        scores, boxes = logits.sigmoid().cpu().numpy(), boxes.cpu().numpy()
        for photo, s, b in zip(group, scores, boxes):
            cell, label = np.nonzero(s >= threshold)
            score = s[cell, label]
            if len(score) > CANDIDATES:
                best = np.argpartition(-score, CANDIDATES)[:CANDIDATES]
                cell, label, score = cell[best], label[best], score[best]
            w, h = inner_size(photo, size, letterbox)
            box = np.clip(b[cell], 0, [w, h, w, h])
            keep, score, box = (part[:MAX_DETECTIONS] for part in suppress(
                box, score, label, nms_iou))
            scale = np.array([photo.width / w, photo.height / h] * 2)
            found = box * scale + [1, 1, 0, 0]
            results.append((label[keep], score, found))
    return results


def average_precision(recall, precision):
    """-> 11-point (VOC2007) and area (VOC2010 on)."""
    eleven = np.mean([precision[recall >= t / 10].max(initial=0.0)
                      for t in range(11)])
    r = np.concatenate([[0.0], recall, [1.0]])
    p = np.concatenate([[0.0], precision, [0.0]])
    p = np.maximum.accumulate(p[::-1])[::-1]
    return eleven, float(((r[1:] - r[:-1]) * p[1:]).sum())


def score(photos, results, classes):
    """Pascal VOC mean average precision; -> dict with per-class values."""
    table = {}
    for c, name in enumerate(classes):
        truth, npos = [], 0
        for photo in photos:
            mine = photo.labels == c
            truth.append((photo.boxes[mine], photo.difficult[mine],
                          np.zeros(mine.sum(), bool)))
            npos += int((~photo.difficult[mine]).sum())
        rows = [(s, i, box) for i, (labels, scores, boxes)
                in enumerate(results)
                for l, s, box in zip(labels, scores, boxes) if l == c]
        rows.sort(key=lambda row: -row[0])  # stable
        hits, misses = [], []
        for _, i, box in rows:
            boxes, difficult, taken = truth[i]
            best, overlap = -1, 0.0
            if len(boxes):
                low = np.maximum(boxes[:, :2], box[:2])
                high = np.minimum(boxes[:, 2:], box[2:])
                sides = high - low + 1
                inter = np.where((sides > 0).all(1), sides.prod(1), 0.0)
                union = ((boxes[:, 2:] - boxes[:, :2] + 1).prod(1) +
                         (box[2:] - box[:2] + 1).prod() - inter)
                ratio = inter / union
                best = int(ratio.argmax())  # the first of equals
                overlap = ratio[best]
            if overlap >= 0.5:
                if difficult[best]:
                    continue
                hits.append(not taken[best])
                misses.append(bool(taken[best]))
                taken[best] = True
            else:
                hits.append(False)
                misses.append(True)
        if npos == 0:
            continue
        hit, miss = np.cumsum(hits), np.cumsum(misses)
        recall = hit / npos
        precision = hit / np.maximum(hit + miss, 1)
        table[name] = average_precision(recall, precision)
    values = np.array(list(table.values())).reshape(-1, 2)
    return {'map_11': float(values[:, 0].mean()),
            'map_area': float(values[:, 1].mean()), 'classes': table}


def write_detections(folder, photos, results, classes, prefix):
    """Devkit text: image_id score xmin ymin xmax ymax, a file per class."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for c, name in enumerate(classes):
        lines = [f'{photo.name} {s:.8f} ' + ' '.join(f'{v:.3f}' for v in box)
                 for photo, (labels, scores, boxes) in zip(photos, results)
                 for l, s, box in zip(labels, scores, boxes) if l == c]
        (folder / f'{prefix}_{name}.txt').write_text(
            ''.join(line + '\n' for line in lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', nargs='+', help='model.safetensors; of more, '
                        'every second one sees the image mirrored')
    parser.add_argument('--voc')
    parser.add_argument('--list', default='VOC2007/val')
    parser.add_argument('--limit', type=int)
    parser.add_argument('--size', type=int, nargs=2, metavar=('W', 'H'))
    parser.add_argument('--letterbox', action='store_true',
                        help='keep proportions (default: stretch)')
    parser.add_argument('--nms-iou', type=float, default=0.5)
    parser.add_argument('--threshold', type=float, default=0.005)
    parser.add_argument('--detections', metavar='FOLDER',
                        help='write devkit text files here')
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    model = export.load_network(args.model[0])
    several = teachers.Teacher.load(args.model, model, 'cpu') if (
        len(args.model) > 1) else None
    spec = model.description['input']
    size = tuple(args.size or (spec['width'], spec['height']))
    photos = voc.read_list(voc.locate_voc(args.voc), args.list,
                           model.classes, args.limit)
    results = detect(model, photos, size, args.threshold, args.nms_iou,
                     letterbox=args.letterbox, teacher=several)
    if args.detections:
        name = args.list.split('/')[-1]
        write_detections(args.detections, photos, results, model.classes,
                         f'comp4_det_{name}')
    table = score(photos, results, model.classes)
    for name, (eleven, area) in table['classes'].items():
        print(f'{name:12s} {100 * eleven:6.2f} {100 * area:6.2f}')
    print(f'{args.list}, {len(photos)} images, {size[0]}x{size[1]}, float: '
          f'mAP {100 * table["map_11"]:.2f} (11 points), '
          f'{100 * table["map_area"]:.2f} (area)')


if __name__ == '__main__':
    networks.run(main)
