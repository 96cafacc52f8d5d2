"""A training step written by hand: the least that NumPy can take for what an engine does in its place.

The network is the ReLU perceptron of `WIDTHS` under softmax cross-entropy and Adam.  Every buffer is made beforehand,
and calls write with `out=`; batches are copied in, as an engine must, since a caller may reuse its arrays.  The file
shares no code with the library that it is compared with.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

WIDTHS = (64, 64, 64, 10)
BATCH = 32


class Perceptron:
    """Parameters, gradients and moments in flat arrays, with views of them by layer; buffers for every intermediate."""

    def __init__(self, weights, biases, batch=BATCH, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.lr, self.betas, self.eps, self.count = lr, betas, eps, 0
        arrays = [np.asarray(array, np.float32) for pair in zip(weights, biases, strict=True) for array in pair]
        size = sum(array.size for array in arrays)
        self.value, self.grad, self.m, self.v, self.scratch = (np.zeros(size, np.float32) for _ in range(5))
        ends = np.cumsum([array.size for array in arrays])
        places = [(slice(end - array.size, end), array.shape) for end, array in zip(ends, arrays, strict=True)]
        values, grads = ([flat[place].reshape(shape) for place, shape in places] for flat in (self.value, self.grad))
        for value, array in zip(values, arrays, strict=True):
            value[...] = array
        self.weights, self.biases, self.dweights, self.dbiases = values[::2], values[1::2], grads[::2], grads[1::2]
        widths = [weight.shape[1] for weight in self.weights] + [self.weights[-1].shape[0]]
        self.x, self.labels = np.empty((batch, widths[0]), np.float32), np.empty(batch, np.int64)
        self.y = [np.empty((batch, width), np.float32) for width in widths[1:]]  # the ReLU is done in place
        self.dh = [np.empty((batch, width), np.float32) for width in widths[1:]]
        self.active = [np.empty((batch, width), bool) for width in widths[1:-1]]
        self.exponentials = np.empty((batch, widths[-1]), np.float32)
        self.peak, self.sums, self.scale = (np.empty((batch, 1), np.float32) for _ in range(3))
        self.rows, self.ones = np.arange(batch), np.ones((1, batch), np.float32)

    def step(self, x, labels):
        """The loss before the update."""
        self.x[...], self.labels[...] = x, labels
        loss = self.forward()
        self.backward()
        self.update()
        return loss

    def forward(self):
        x = self.x
        for weight, bias, y in zip(self.weights[:-1], self.biases[:-1], self.y[:-1], strict=True):
            np.matmul(x, weight.T, out=y)
            np.add(y, bias, out=y)
            np.maximum(y, 0, out=y)
            x = y
        logits = self.y[-1]
        np.matmul(x, self.weights[-1].T, out=logits)
        np.add(logits, self.biases[-1], out=logits)
        logits.max(axis=1, keepdims=True, out=self.peak)
        np.subtract(logits, self.peak, out=self.exponentials)
        np.exp(self.exponentials, out=self.exponentials)
        self.exponentials.sum(axis=1, keepdims=True, out=self.sums)
        losses = np.log(self.sums[:, 0]) - (logits[self.rows, self.labels] - self.peak[:, 0])
        return losses.sum() / len(self.rows)

    def backward(self):
        gradient, share = self.dh[-1], np.float32(1 / len(self.rows))
        np.divide(share, self.sums, out=self.scale)
        np.multiply(self.exponentials, self.scale, out=gradient)
        gradient[self.rows, self.labels] -= share
        for i in reversed(range(len(self.weights))):
            x = self.y[i - 1] if i else self.x
            np.matmul(self.dh[i].T, x, out=self.dweights[i])
            np.matmul(self.ones, self.dh[i], out=self.dbiases[i][None])
            if i:
                np.matmul(self.dh[i], self.weights[i], out=self.dh[i - 1])
                np.greater(self.y[i - 1], 0, out=self.active[i - 1])
                np.multiply(self.dh[i - 1], self.active[i - 1], out=self.dh[i - 1])

    def update(self):
        beta1, beta2 = self.betas
        self.count += 1
        m, v, scratch = self.m, self.v, self.scratch
        np.multiply(m, beta1, out=m)
        np.multiply(self.grad, 1 - beta1, out=scratch)
        np.add(m, scratch, out=m)
        np.multiply(v, beta2, out=v)
        np.multiply(self.grad, self.grad, out=scratch)
        np.multiply(scratch, 1 - beta2, out=scratch)
        np.add(v, scratch, out=v)
        correction1, correction2 = np.float32(1 - beta1**self.count), np.float32(np.sqrt(1 - beta2**self.count))
        np.sqrt(v, out=scratch)
        np.add(scratch, correction2 * self.eps, out=scratch)
        np.divide(m, scratch, out=scratch)
        np.multiply(scratch, np.float32(self.lr) * correction2 / correction1, out=scratch)
        np.subtract(self.value, scratch, out=self.value)


def initial(widths=WIDTHS, seed=0):
    """Weights after He and biases of zero."""
    generator = np.random.default_rng(seed)
    weights = [generator.normal(0, np.sqrt(2 / a), (b, a)).astype(np.float32) for a, b in pairwise(widths)]
    return weights, [np.zeros(b, np.float32) for b in widths[1:]]


def batch_of(widths=WIDTHS, batch=BATCH, seed=1):
    """One random batch: inputs and labels."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(batch, widths[0])).astype(np.float32), generator.integers(0, widths[-1], batch)
