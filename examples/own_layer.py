"""A layer of your own: Swish with a slope that is learnt, y = x sigmoid(β x).

Often written: a custom activation without the term that the product rule adds, `dy * sigmoid(x)`; and a parameter that
belongs to all samples given a gradient per sample.

Right: with s = sigmoid(β x),

    dx = dy (s + β x s (1 - s))
    dβ = Σ dy x² s (1 - s)          one number for each channel: summed over the batch

Passes receive arrays by name and write into those that they are given.  What `backward` names is what is kept for it.
"""

import numpy as np

import fusegrad as fg


class Swish(fg.Layer):
    """y = x sigmoid(β x), a β per channel (Ramachandran et al., 2017).  Shapes: x, y (batch, width)."""

    def __init__(self):
        self.beta = fg.Param((None,), lambda generator, shape: np.ones(shape), decay=False)

    def plan(self, x):
        if len(x.shape) != 2 or not self.beta.settle(x.shape[1:]):
            raise fg.GraphError(f"Swish expects inputs (batch, width) of one width, got {x.shape}")
        return fg.Arrays({"y": x}, saved={"s": x})

    def forward(self, x, beta, y, s):
        s[...] = 1 / (1 + np.exp(-beta * x))
        np.multiply(x, s, out=y)

    def backward(self, x, s, beta, dy, dx, dbeta):
        slope = s * (1 - s)
        if dbeta is not None:  # None where nobody needs it
            np.sum(dy * x * x * slope, axis=0, out=dbeta)
        if dx is not None:
            np.multiply(dy, s + beta * x * slope, out=dx)


def main(steps=400):
    """The largest relative error of the layer's gradients, and the losses before and after training."""
    error = fg.check_gradients(Swish(), (6, 5))
    print(f"gradients agree with finite differences to {error:.1e}")

    model = fg.Sequential(fg.layers.Linear(16), Swish(), fg.layers.Linear(1))
    x = np.linspace(-3, 3, 128, dtype="float32")[:, None]
    trainer = fg.Trainer(model, fg.losses.MSE(), fg.optimizers.Adam(0.02))
    losses = [float(trainer.step(x, np.sin(2 * x))) for _ in range(steps)]
    print(f"sin(2x): loss {losses[0]:.3f} at first, {losses[-1]:.5f} in the end; β from 1 to", end=" ")
    print(np.array2string(fg.to_numpy(model.layers[1].beta.value), precision=1))
    return error, losses[0], losses[-1]


if __name__ == "__main__":
    main()
