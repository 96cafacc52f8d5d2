"""Channels that an image asks for: squeeze-and-excitation (Hu et al., 2018, arXiv:1709.01507) of ready layers.

Often written: the gates (batch, channels) times the image (batch, channels, height, width) as they are.  Broadcasting
compares shapes from the last axis on, so where batch and channels happen to be height and width this runs, and weighs
rows and columns; and a gate that is averaged over the batch, so that the answer for an image depends on its neighbours.

Right: each image is squeezed to the means of its channels, two small products make a gate of them for every channel,
and the gates get the axes that they lack:

    z = mean of x over height and width                      (batch, channels)
    g = sigmoid(W₂ relu(W₁ z))                               (batch, channels)
    y = x g, with g as (batch, channels, 1, 1)

The images here have four channels with stripes, across or along.  The brightest channel is the one that counts, which a
network that treats all images alike cannot take into account.
"""

import numpy as np

import fusegrad as fg
from fusegrad.layers import Flatten, GlobalAvgPool, Linear, Multiply, ReLU, Sequential, Sigmoid

CHANNELS, SIDE = 4, 6


class SqueezeAndExcite(fg.Module):
    """y = x · gates(mean of x), a gate per image and channel.  Shapes: x, y (batch, channels, height, width)."""

    def __init__(self, channels, reduced):
        self.squeeze, self.scale = GlobalAvgPool(), Multiply()
        self.excite = Sequential(Linear(reduced), ReLU(), Linear(channels), Sigmoid())

    def __call__(self, x):
        gates = self.excite(self.squeeze(x))
        return self.scale(x, gates.reshape(*gates.shape, 1, 1))


def images(n, seed):
    """Images and the direction of the stripes in the brightest channel; noise and brightness are as large as those."""
    draw = np.random.default_rng(seed)
    across = np.tile([1.0, -1.0], SIDE // 2)
    stripes = np.stack([np.broadcast_to(across, (SIDE, SIDE)), np.broadcast_to(across[:, None], (SIDE, SIDE))])
    directions, brightest = draw.integers(0, 2, (n, CHANNELS)), draw.integers(0, CHANNELS, n)
    x = stripes[directions] + draw.normal(0, 1, (n, CHANNELS, SIDE, SIDE))
    x[np.arange(n), brightest] += 1
    return x.astype("float32"), directions[np.arange(n), brightest]


def accuracy(model, epochs=40):
    """Of images that the model has not seen, after training on 1000 others."""
    x, labels = images(1000, seed=0)
    trainer = fg.Trainer(model, fg.losses.CrossEntropy(), fg.optimizers.Adam(0.01))
    for epoch in range(epochs):
        for batch in np.random.default_rng(epoch).permutation(len(x)).reshape(-1, 100):
            trainer.step(x[batch], labels[batch])
    x, labels = images(1000, seed=1)
    return float(np.mean(fg.to_numpy(model(x)).argmax(1) == labels))


def main():
    """The largest relative error of the block's gradients, and the accuracies without it and with it."""
    error = fg.check_gradients(SqueezeAndExcite(3, 2), (2, 3, 4, 5))
    print(f"gradients agree with finite differences to {error:.1e}")
    without = accuracy(Sequential(Flatten(), Linear(2)))
    with_gates = accuracy(Sequential(SqueezeAndExcite(CHANNELS, 8), Flatten(), Linear(2)))
    print(f"right about the brightest channel: {without:.0%} without gates, {with_gates:.0%} with them")
    return error, without, with_gates


if __name__ == "__main__":
    main()
