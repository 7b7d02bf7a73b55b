# SPDX-License-Identifier: Apache-2.0
"""Writes and reads safetensors files: u64 header length, JSON, raw data."""
import json
import os
import struct

import numpy as np
import torch

import network as networks


def save_safetensors(path, tensors, metadata):
    """tensors: name -> float32 array. Written beside and renamed."""
    header, blobs, at = {'__metadata__': metadata}, [], 0
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor, '<f4').tobytes()
        header[name] = {'dtype': 'F32', 'shape': list(tensor.shape),
                        'data_offsets': [at, at + len(data)]}
        blobs.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    temporary = f'{path}.tmp'
    with open(temporary, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + b''.join(blobs))
    os.replace(temporary, path)


def load_safetensors(path):
    """-> name -> float32 array, metadata. Raises InputError."""
    try:
        with open(path, 'rb') as file:
            content = file.read()
        size, = struct.unpack('<Q', content[:8])
        header, data = json.loads(content[8:8 + size]), content[8 + size:]
        metadata = header.pop('__metadata__', {})
        return {name: np.frombuffer(
            data[entry['data_offsets'][0]:entry['data_offsets'][1]],
            '<f4').reshape(entry['shape']) for name, entry in header.items()
        }, metadata
    except OSError as error:
        raise networks.InputError(f'{path}: {error.strerror}, expected '
                                  'weights') from error
    except (struct.error, ValueError, KeyError) as error:
        raise networks.InputError(f'{path}: expected a whole safetensors '
                                  'file of float32') from error


def export_network(network, path, **notes):
    tensors = {name: value.detach().cpu().float().contiguous().numpy()
               for name, value in network.state_dict().items()
               if not name.endswith('num_batches_tracked')}
    metadata = {'network': json.dumps(network.description),
                'bn_eps': '1e-05',
                **{key: str(value) for key, value in notes.items()}}
    save_safetensors(path, tensors, metadata)


def import_matching(network, path):
    """Copies the tensors whose names and shapes fit; -> a line.

    A layer for other classes does not fit and keeps its fresh weights.
    """
    tensors, _ = load_safetensors(path)
    state = {name: value for name, value in network.state_dict().items()
             if not name.endswith('num_batches_tracked')}
    count = 0
    for name, value in state.items():
        source = tensors.get(name, tensors.get(shared_name(network, name)))
        if source is not None and source.shape == value.shape:
            value.copy_(torch.from_numpy(source.copy()))
            count += 1
    if not count:
        raise networks.InputError(f'{path}: expected weights of this network')
    return f'{count} of {len(state)} tensors come from {path}'


def shared_name(network, name):
    """Of the layer that boxes have in a network that does not separate them.
    """
    if not name.startswith('head.box_tower.'):
        return name
    level, layer, rest = name.split('.', 4)[2:]
    level, layer = int(level), int(layer)
    head = network.head
    layer += len(head.tower[level]) - len(head.box_tower[level])
    return f'head.tower.{level}.{layer}.{rest}'


def import_head(network, path):
    """Starts network.head from that of the network at `path`; -> a line.

    Levels meet by stride. A wider head computes what the other does at first:
    the other's channels come first in it and read nothing of the new ones. A
    layer that does not fit so (fewer channels, other classes) stays fresh.
    """
    other = load_network(path)
    source, count = other.head.state_dict(), 0
    target = {name: value for name, value in network.head.state_dict().items()
              if not name.endswith('num_batches_tracked')}
    for name, value in target.items():
        part, level, rest = name.split('.', 2)
        stride = network.pyramid[int(level)]
        if stride in other.pyramid:
            at = other.pyramid.index(stride)
            count += copy_leading(value, source.get(f'{part}.{at}.{rest}'),
                                  same_outputs=part in ('cls', 'box'))
    if not count:
        raise networks.InputError(f'{path}: expected a head with a stride of '
                                  f'{network.pyramid}')
    return f"{count} of {len(target)} of the head's tensors come from {path}"


def copy_leading(value, source, same_outputs):
    """Copies `source` into the first channels of `value` -> if it fits.

    What the old outputs would read of new inputs is zero.
    """
    if source is None or source.ndim != value.ndim or (
            source.shape[2:] != value.shape[2:]) or (
            same_outputs and len(source) != len(value)) or any(
            a > b for a, b in zip(source.shape, value.shape)):
        return False
    outputs = len(source)
    if value.ndim > 1:
        value[:outputs] = 0
        value[:outputs, :source.shape[1]] = source
    else:
        value[:outputs] = source
    return True


def import_network(network, path):
    tensors, metadata = load_safetensors(path)
    state = network.state_dict()
    for name in state:
        if not name.endswith('num_batches_tracked'):
            state[name].copy_(torch.from_numpy(tensors[name].copy()))
    return metadata


def load_description(path):
    """Of the network of ours in a file. Raises InputError."""
    _, metadata = load_safetensors(path)
    if 'network' not in metadata:
        raise networks.InputError(f'{path}: expected a network of ours')
    return json.loads(metadata['network'])


def load_network(path):
    """A network of ours as its file describes it. Raises InputError."""
    network = networks.Detector(load_description(path)).to(
        memory_format=torch.channels_last)
    import_network(network, path)
    return network
