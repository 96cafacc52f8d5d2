"""LeNet and ResNet-20 of `fusegrad.cli.networks` in JAX, channels last, as XLA convolves fastest on a CPU.

A network is a function of its parameters, in the order in which fusegrad has them, of the running statistics and of
images; it gives logits and new statistics.
"""

from __future__ import annotations

from itertools import pairwise

import jax
from jax import lax
from jax import numpy as jnp

MOMENTUM, EPS = 0.1, 1e-5


def convolved(x, weight, stride=1, padding="SAME"):
    """Padding by pairs where the stride is 2, since SAME would put it elsewhere than the others do."""
    around = [(weight.shape[0] // 2,) * 2] * 2 if padding == "SAME" else padding
    return lax.conv_general_dilated(x, weight, (stride, stride), around, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def normalised(x, weight, bias, statistics):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    count = x.size // x.shape[-1]
    batch = mean, variance * (count / (count - 1))
    updated = [(1 - MOMENTUM) * old + MOMENTUM * new for old, new in zip(statistics, batch, strict=True)]
    return (x - mean) * lax.rsqrt(variance + EPS) * weight + bias, updated


def pooled(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def lenet(parameters, statistics, x):
    first, first_bias, second, second_bias, *rest = parameters
    x = pooled(jax.nn.relu(convolved(x, first) + first_bias))
    x = pooled(jax.nn.relu(convolved(x, second, padding="VALID") + second_bias))
    x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)  # features in the order of the others
    for weight, bias in zip(rest[:-2:2], rest[1:-2:2], strict=True):
        x = jax.nn.relu(x @ weight.T + bias)
    return x @ rest[-2].T + rest[-1], statistics


def resnet20(parameters, statistics, x, blocks=3):
    given, running, updated = iter(parameters), iter(statistics), []

    def layer(x, stride=1):
        x, new = normalised(convolved(x, next(given), stride), next(given), next(given), next(running))
        updated.append(new)
        return x

    x = jax.nn.relu(layer(x))
    for stage in range(3):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            branch = layer(jax.nn.relu(layer(x, stride)))
            x = jax.nn.relu(branch + (layer(x, stride) if stride > 1 else x))
    return x.mean((1, 2)) @ next(given).T + next(given), updated


NETWORKS = {"lenet": lenet, "resnet20": resnet20}


def channels_last(array):
    """A weight (out, in, height, width) as (height, width, in, out); others as they are."""
    return jnp.array(array.transpose(2, 3, 1, 0) if array.ndim == 4 else array)


def fresh_statistics(parameters):
    """Mean and variance for each pair of weight and bias that follows a convolution without bias."""
    widths = [len(b) for a, b in pairwise(parameters) if a.ndim == b.ndim == 1]
    return [[jnp.zeros(width), jnp.ones(width)] for width in widths]
