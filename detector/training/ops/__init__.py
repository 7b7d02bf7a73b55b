# SPDX-License-Identifier: Apache-2.0
"""Loads the C++ training ops (training_ops.cpp), or says why it cannot."""
import contextlib
import fcntl
import functools
import io
import os
import pathlib
import sys
import threading

LANES = 8
_LOADING = threading.Lock()


def load():
    """The compiled module, or None: then stock PyTorch ops do the work.

    Threads may ask at once.
    """
    with _LOADING:
        return _load()


@functools.lru_cache(maxsize=None)
def _load():
    if os.environ.get('OCELLUS_STOCK_OPS'):
        print('training ops: stock PyTorch, as OCELLUS_STOCK_OPS asks')
        return None
    here = pathlib.Path(__file__).resolve().parent
    build = here / 'build'
    build.mkdir(exist_ok=True)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # 'No CUDA ...'
            from torch.utils import cpp_extension
        # PyTorch waits for its lock forever, also for that of a killed build.
        with open(build / 'turn', 'w', encoding='utf-8') as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            (build / 'lock').unlink(missing_ok=True)
            return cpp_extension.load(
                'ocellus_training_ops', [str(here / 'training_ops.cpp')],
                extra_cflags=['-O3', '-march=native', '-ffast-math',
                              '-fopenmp', '-std=c++17'],
                extra_ldflags=['-fopenmp'], build_directory=str(build))
    except Exception as error:  # no compiler, no ninja, no headers, ...
        reason = str(error).strip().splitlines()
        print('training ops: stock PyTorch (slower), because the C++ ones do '
              f'not build: {reason[0] if reason else error!r}',
              file=sys.stderr)
        return None
