# SPDX-License-Identifier: Apache-2.0
"""Compares the C++ training ops with PyTorch's own in float64.

bfloat16 has 8 bits: half a step is an error of 2 ** -9 of a value, and values
and gradients are rounded before others are computed from them.
"""
import concurrent.futures
import sys

import torch
import torch.nn.functional as F


LIMITS = {torch.float32: 1e-5, torch.bfloat16: 2 ** -8}


def relative_error(got, want):
    return ((got.double() - want).abs().max() / want.abs().max()).item()


def check_depthwise(ops, kernel, stride, size, dtype):
    x = torch.randn(3, 24, size, size + 3).to(
        dtype, memory_format=torch.channels_last)
    w = torch.randn(24, 1, kernel, kernel)
    a = [x.clone().requires_grad_(), w.clone().requires_grad_()]
    b = [x.double().requires_grad_(), w.double().requires_grad_()]
    y = ops.depthwise(a[0], a[1], stride)
    z = F.conv2d(b[0], b[1], None, stride, kernel // 2, 1, 24)
    g = torch.randn(z.shape).to(dtype)
    y.backward(g)
    z.backward(g.double())
    return max(relative_error(y.detach(), z.detach()),
               *[relative_error(p.grad, q.grad) for p, q in zip(a, b)])


def check_batch_norm(ops, channels, relu6, dtype):
    x = (torch.randn(4, channels, 9, 7) * 3 + 1).to(
        dtype, memory_format=torch.channels_last)
    parameters = [x, torch.rand(channels) * 2 + .5, torch.randn(channels)]
    a = [p.clone().requires_grad_() for p in parameters]
    b = [p.double().requires_grad_() for p in parameters]
    stats = [torch.zeros(channels), torch.ones(channels)]
    stats64 = [s.double() for s in stats]
    y = ops.batch_norm(*a, *stats, 0.1, 1e-5, relu6)
    z = F.batch_norm(b[0], *stats64, b[1], b[2], True, 0.1, 1e-5)
    z = z.clamp(0, 6) if relu6 else z
    g = torch.randn(z.shape).to(dtype)
    y.backward(g)
    z.backward(g.double())
    return max(relative_error(y.detach(), z.detach()),
               *[relative_error(p.grad, q.grad) for p, q in zip(a, b)],
               *[relative_error(p, q) for p, q in zip(stats, stats64)])


def main():
    import pathlib
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    import ops as package
    stderr = sys.stderr
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ops, same = pool.map(lambda _: package.load(), range(2))
    if ops is not same or sys.stderr is not stderr:
        print('test_ops: threads that load the ops leave stderr elsewhere')
        return 1
    if ops is None:
        print('test_ops: nothing to test without the C++ ops')
        return 0
    torch.manual_seed(0)
    failures = 0
    for dtype, limit in LIMITS.items():
        errors = {f'depthwise {kernel} /{stride} {size}': check_depthwise(
            ops, kernel, stride, size, dtype) for kernel in (3, 5, 7)
            for stride in (1, 2) for size in (4, 9, 14, 20)}
        errors.update({f'batch norm {channels} {relu6}': check_batch_norm(
            ops, channels, relu6, dtype) for channels in (8, 16, 40, 96)
            for relu6 in (False, True)})
        for name, error in errors.items():
            if not error <= limit:
                print(f'{dtype} {name}: {error:.2e}')
                failures += 1
        print(f'test_ops: {dtype}, largest relative error '
              f'{max(errors.values()):.1e}')
    return int(failures > 0)


if __name__ == '__main__':
    sys.exit(main())
