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
    """-> name -> float32 array, metadata."""
    with open(path, 'rb') as file:
        size, = struct.unpack('<Q', file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    metadata = header.pop('__metadata__', {})
    return {name: np.frombuffer(
        data[entry['data_offsets'][0]:entry['data_offsets'][1]],
        '<f4').reshape(entry['shape']) for name, entry in header.items()
    }, metadata


def export_network(network, path, **notes):
    tensors = {name: value.detach().cpu().float().contiguous().numpy()
               for name, value in network.state_dict().items()
               if not name.endswith('num_batches_tracked')}
    metadata = {'network': json.dumps(network.description),
                'bn_eps': '1e-05',
                **{key: str(value) for key, value in notes.items()}}
    save_safetensors(path, tensors, metadata)


def import_matching(network, path, part=''):
    """Copies the tensors of `part` whose names and shapes fit; -> a line.

    A layer for other classes does not fit and keeps its fresh weights.
    """
    tensors, _ = load_safetensors(path)
    state = {name: value for name, value in network.state_dict().items()
             if name.startswith(part) and
             not name.endswith('num_batches_tracked')}
    fitting = [name for name, value in state.items()
               if name in tensors and tensors[name].shape == value.shape]
    if not fitting:
        raise ValueError(f'{path}: expected weights of this network')
    for name in fitting:
        state[name].copy_(torch.from_numpy(tensors[name].copy()))
    return (f'{len(fitting)} of {len(state)} tensors come from {path}')


def import_network(network, path):
    tensors, metadata = load_safetensors(path)
    state = network.state_dict()
    for name in state:
        if not name.endswith('num_batches_tracked'):
            state[name].copy_(torch.from_numpy(tensors[name].copy()))
    return metadata


def load_network(path):
    """A network of ours as its file describes it."""
    _, metadata = load_safetensors(path)
    network = networks.Detector(json.loads(metadata['network'])).to(
        memory_format=torch.channels_last)
    import_network(network, path)
    return network
