# SPDX-License-Identifier: Apache-2.0
"""Task-aligned assignment and the detection loss.

TOOD (Feng et al. 2021, arXiv 2108.07755), with ten cells an object and
IoU-normalised soft class targets as in PP-YOLOE and YOLOv8; alignment =
score^0.5 * IoU^3, where they take IoU^6 (RUNS.md says what it was worth);
complete-IoU box loss (Zheng et al. 2020, arXiv 1911.08287).

Objects of a batch stand in one flat list [T], so no padding is computed on.
"""
import math
import warnings

import torch
import torch.nn.functional as F

TOP_K = 10
ALPHA, BETA = 0.5, 3.0
CLASS_WEIGHT, BOX_WEIGHT = 1.0, 3.0
TEACHER_SEES = 0.1  # score
SMALLEST_HALF = 5.0  # pixels: a tiny box still holds some stride-8 centre
EPS = 1e-9
warnings.filterwarnings('ignore', message='scatter_reduce')


def iou(a, b):
    """Elementwise IoU of boxes [..., 4]; broadcasts."""
    low = torch.maximum(a[..., :2], b[..., :2])
    high = torch.minimum(a[..., 2:], b[..., 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    area = (a[..., 2:] - a[..., :2]).prod(-1) + (
        b[..., 2:] - b[..., :2]).prod(-1)
    return inter / (area - inter + EPS)


def complete_iou(a, b):
    """CIoU of boxes [P, 4]: a predicted, b target."""
    overlap = iou(a, b)
    span = (torch.maximum(a[:, 2:], b[:, 2:]) -
            torch.minimum(a[:, :2], b[:, :2]))
    apart = (a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]).square().sum(1) / 4
    aw, ah = (a[:, 2:] - a[:, :2]).unbind(1)
    bw, bh = (b[:, 2:] - b[:, :2]).unbind(1)
    shape = 4 / math.pi ** 2 * (
        torch.atan(bw / (bh + EPS)) - torch.atan(aw / (ah + EPS))).square()
    with torch.no_grad():
        trade = shape / (1 - overlap + shape + EPS)
    return overlap - apart / (span.square().sum(1) + EPS) - trade * shape


def generalized_iou(a, b):
    """GIoU of boxes [P, 4] (Rezatofighi et al. 2019, arXiv 1902.09630)."""
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) -
            torch.minimum(a[:, :2], b[:, :2])).prod(1) + EPS
    area = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1)
    overlap = iou(a, b)
    union = area / (1 + overlap)  # overlap = (area - union) / union
    return overlap - (hull - union) / hull


BOX_OVERLAPS = {'plain': iou, 'generalized': generalized_iou,
                'complete': complete_iou}
BOX_OVERLAP = complete_iou


def add_options(add):
    """Gives a parser, by its `add`, what use() sets."""
    add('--class-weight', type=float, default=CLASS_WEIGHT,
        help='of the class loss')
    add('--box-weight', type=float, default=BOX_WEIGHT, help='of the box loss')
    add('--alpha', type=float, default=ALPHA,
        help='power of the score in the assignment')
    add('--beta', type=float, default=BETA, help='of the overlap')
    add('--top-k', type=int, default=TOP_K, help='cells an object gets')
    add('--box-overlap', choices=BOX_OVERLAPS, default='complete',
        help='that the box loss is one less')


def use(args):
    global ALPHA, BETA, TOP_K, CLASS_WEIGHT, BOX_WEIGHT, BOX_OVERLAP
    ALPHA, BETA, TOP_K = args.alpha, args.beta, args.top_k
    CLASS_WEIGHT, BOX_WEIGHT = args.class_weight, args.box_weight
    BOX_OVERLAP = BOX_OVERLAPS[args.box_overlap]


@torch.no_grad()
def assign(logits, boxes, centres, image, label, target):
    """Chooses which cells learn which objects.

    logits [B, A, C], boxes [B, A, 4], centres [A, 2]; objects: image [T],
    label [T], target [T, 4]. -> object [P], cell [P], soft target [P].
    """
    cells = centres.shape[0]
    half = ((target[:, 2:] - target[:, :2]) / 2).clamp(min=SMALLEST_HALF)
    middle = (target[:, 2:] + target[:, :2]) / 2
    inside = ((centres[None] - middle[:, None]).abs() <
              half[:, None]).all(-1)  # [T, A]
    obj, cell = inside.nonzero(as_tuple=True)
    overlap = iou(boxes[image[obj], cell], target[obj])
    score = logits[image[obj], cell, label[obj]].sigmoid()
    align = score.pow(ALPHA) * overlap.pow(BETA)
    dense = align.new_full(inside.shape, -1.0)
    dense[obj, cell] = align + EPS
    best, where = dense.topk(min(TOP_K, cells), dim=1)
    rows = torch.arange(len(label), device=label.device)
    keep = best > 0
    obj = rows[:, None].expand_as(where)[keep]
    cell = where[keep]
    align = best[keep]
    overlap = iou(boxes[image[obj], cell], target[obj])
    # A cell that several objects of its image want goes to the best overlap.
    key = image[obj] * cells + cell
    most = overlap.new_zeros(logits.shape[0] * cells).scatter_reduce(
        0, key, overlap, 'amax')
    mine = overlap >= most[key]
    obj, cell, align, overlap, key = (
        v[mine] for v in (obj, cell, align, overlap, key))
    zeros = overlap.new_zeros(len(label))
    top_align = zeros.scatter_reduce(0, obj, align, 'amax')
    top_overlap = zeros.scatter_reduce(0, obj, overlap, 'amax')
    soft = align / (top_align[obj] + EPS) * top_overlap[obj]
    return obj, cell, soft


def detection_loss(logits, boxes, centres, objects):
    """objects [T, 6]: image, label, box in input pixels. -> loss, parts."""
    image, label = objects[:, 0].long(), objects[:, 1].long()
    target = objects[:, 2:]
    background = F.softplus(logits).sum()
    if len(objects) == 0:
        return CLASS_WEIGHT * background, (background.item(), 0.0)
    obj, cell, soft = assign(logits.detach(), boxes.detach(), centres, image,
                             label, target)
    total = soft.sum().clamp(min=1.0)
    where = image[obj], cell
    cls = (background - (logits[where[0], cell, label[obj]] * soft).sum()
           ) / total
    box = ((1 - BOX_OVERLAP(boxes[where], target[obj])) * soft).sum() / total
    return CLASS_WEIGHT * cls + BOX_WEIGHT * box, (cls.item(), box.item())


def distillation_loss(logits, boxes, teacher_logits, teacher_boxes):
    """A teacher's scores and boxes as targets, in every cell. -> loss.

    logits [B, A, C], boxes [B, A, 4], both of student and teacher. Boxes
    count by the teacher's best score, from TEACHER_SEES on.
    """
    target = teacher_logits.float().sigmoid()
    sure = target.amax(-1)
    seen = sure > TEACHER_SEES
    total = sure[seen].sum().clamp(min=1.0)
    cls = F.binary_cross_entropy_with_logits(logits, target,
                                             reduction='sum') / total
    apart = 1 - BOX_OVERLAP(boxes[seen], teacher_boxes[seen].float())
    box = (apart * sure[seen]).sum() / total
    return CLASS_WEIGHT * cls + BOX_WEIGHT * box
