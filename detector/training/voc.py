# SPDX-License-Identifier: Apache-2.0
"""Reads Pascal VOC lists; box coordinates are in the XML's own pixels."""
import dataclasses
import os
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np


@dataclasses.dataclass
class Photo:
    """One image: its JPEG and objects in the pixels of the XML's <size>.

    longest: the JPEG's longer side, in its own pixels.
    boxes [N, 4] xmin, ymin, xmax, ymax, 1-based and inclusive.
    """
    name: str
    jpeg: np.ndarray
    longest: int
    width: int
    height: int
    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray


def jpeg_longest(data):
    """The longer side, from the start-of-frame segment (ITU-T T.81 B.2)."""
    at = 2
    while at + 9 < len(data):
        marker, length = data[at + 1], int(data[at + 2]) * 256 + data[at + 3]
        if 0xC0 <= marker <= 0xC3:
            return max(int(data[at + 5]) * 256 + int(data[at + 6]),
                       int(data[at + 7]) * 256 + int(data[at + 8]))
        at += 2 + length
    raise ValueError('no start of frame in a JPEG')


def read_photo(root, year, name, classes):
    folder = root / year
    tree = ElementTree.parse(folder / 'Annotations' / f'{name}.xml')
    size = tree.find('size')
    boxes, labels, difficult = [], [], []
    for item in tree.iter('object'):
        if item.findtext('name') not in classes:
            continue
        box = item.find('bndbox')
        boxes.append([float(box.findtext(k))
                      for k in ('xmin', 'ymin', 'xmax', 'ymax')])
        labels.append(classes.index(item.findtext('name')))
        difficult.append(item.findtext('difficult', '0').strip() == '1')
    jpeg = np.fromfile(folder / 'JPEGImages' / f'{name}.jpg', np.uint8)
    return Photo(name, jpeg, jpeg_longest(jpeg), int(size.findtext('width')),
                 int(size.findtext('height')),
                 np.array(boxes, np.float32).reshape(-1, 4),
                 np.array(labels, np.int64), np.array(difficult, bool))


def read_list(root, which, classes, limit=None):
    """which: 'VOC2007/train' and the like -> list of Photo."""
    root = pathlib.Path(root)
    year, name = which.split('/')
    path = root / year / 'ImageSets' / 'Main' / f'{name}.txt'
    if not path.exists():
        sys.exit(f'{path}: no such image list')
    names = [line.split()[0] for line in path.read_text().splitlines()
             if line.strip()]
    if not names:
        sys.exit(f'{path}: no images in this list')
    photos = []
    for name in names[:limit]:
        try:
            photos.append(read_photo(root, year, name, classes))
        except (AttributeError, TypeError, ValueError, IndexError, OSError,
                ElementTree.ParseError) as error:
            sys.exit(f'{root / year}, image {name}: expected '
                     'JPEGImages/NAME.jpg and Annotations/NAME.xml as in '
                     f'Pascal VOC: {error}')
    return photos


def locate(argument, variable, default, what):
    """The path given, or the environment's, or the default; exits if none."""
    path = pathlib.Path(argument or os.environ.get(variable) or default)
    if not path.exists():
        sys.exit(f'{what} is not at {path}: name its place with the option or '
                 f'{variable}')
    return path


def locate_voc(argument):
    return locate(
        argument, 'OCELLUS_VOC', '../shared/voc/VOCdevkit',
        'Pascal VOC (VOCdevkit, from http://host.robots.ox.ac.uk/pascal/VOC/)')


def locate_weights(argument):
    return locate(
        argument, 'OCELLUS_WEIGHTS',
        '../shared/weights/mcunet-in4_bnfolded.npz',
        'The starting weights file (made from MIT HAN Lab\'s mcunet-in4 '
        'release, https://github.com/mit-han-lab/mcunet)')
