# SPDX-License-Identifier: Apache-2.0
"""Compares the C++ training ops with PyTorch's own in float64."""
import sys

import torch
import torch.nn.functional as F


def relative_error(got, want):
    return ((got.double() - want).abs().max() / want.abs().max()).item()


def check_depthwise(ops, kernel, stride, size):
    x = torch.randn(3, 24, size, size + 3).to(
        memory_format=torch.channels_last)
    w = torch.randn(24, 1, kernel, kernel)
    a = [x.clone().requires_grad_(), w.clone().requires_grad_()]
    b = [x.double().requires_grad_(), w.double().requires_grad_()]
    y = ops.depthwise(a[0], a[1], stride)
    z = F.conv2d(b[0], b[1], None, stride, kernel // 2, 1, 24)
    g = torch.randn(z.shape)
    y.backward(g)
    z.backward(g.double())
    return max(relative_error(y.detach(), z.detach()),
               *[relative_error(p.grad, q.grad) for p, q in zip(a, b)])


def check_batch_norm(ops, channels, relu6):
    x = (torch.randn(4, channels, 9, 7) * 3 + 1).to(
        memory_format=torch.channels_last)
    parameters = [x, torch.rand(channels) * 2 + .5, torch.randn(channels)]
    a = [p.clone().requires_grad_() for p in parameters]
    b = [p.double().requires_grad_() for p in parameters]
    stats = [torch.zeros(channels), torch.ones(channels)]
    stats64 = [s.double() for s in stats]
    y = ops.batch_norm(*a, *stats, 0.1, 1e-5, relu6)
    z = F.batch_norm(b[0], *stats64, b[1], b[2], True, 0.1, 1e-5)
    z = z.clamp(0, 6) if relu6 else z
    g = torch.randn(z.shape)
    y.backward(g)
    z.backward(g.double())
    return max(relative_error(y.detach(), z.detach()),
               *[relative_error(p.grad, q.grad) for p, q in zip(a, b)],
               *[relative_error(p, q) for p, q in zip(stats, stats64)])


def main():
    import pathlib
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    import ops as package
    ops = package.load()
    if ops is None:
        print('test_ops: nothing to test without the C++ ops')
        return 0
    torch.manual_seed(0)
    worst = 0.0
    for kernel in (3, 5, 7):
        for stride in (1, 2):
            for size in (4, 9, 14, 20):
                error = check_depthwise(ops, kernel, stride, size)
                worst = max(worst, error)
                if error > 1e-5:
                    print(f'depthwise {kernel} /{stride} {size}: {error:.2e}')
    for channels in (8, 16, 40, 96):
        for relu6 in (False, True):
            error = check_batch_norm(ops, channels, relu6)
            worst = max(worst, error)
            if error > 1e-4:
                print(f'batch norm {channels} {relu6}: {error:.2e}')
    print(f'test_ops: largest relative error {worst:.1e}')
    return int(worst > 1e-4)


if __name__ == '__main__':
    sys.exit(main())
