"""A loss of your own: one formula of prediction and target.

Often written: a custom loss whose gradient is worked out by hand and differs from the formula in a sign or a factor; or
one that cancels, as log(cosh(e)) does: it is inf from |e| = 90 on in single precision.

Right: the formula alone, from which value and gradient come, here that of Cauchy's distribution (the t-distribution of
one degree of freedom), which forgives wild measurements:

    f(x, t) = log(1 + (x - t)²)

It pays only little more for an error of 100 than for one of 50, where the squared error pays four times as much.
"""

import numpy as np

import fusegrad as fg
from fusegrad.expr import log


def cauchy():
    return fg.losses.MeanLoss(lambda x, t: log(1 + (x - t) ** 2))


def line(n=200, wild=0.2):
    """Points on y = 2 x - 1, of which a fifth were measured wrongly."""
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, (n, 1))
    y = 2 * x - 1 + draw.normal(0, 0.05, (n, 1))
    return x, np.where(draw.random((n, 1)) < wild, y + draw.uniform(5, 20, (n, 1)), y)


def fit(loss, x, y):
    """(slope, intercept) of the line that the loss likes best."""
    model = fg.Sequential(fg.layers.Linear(1))
    trainer = fg.Trainer(model, loss, fg.optimizers.Adam(0.05))
    for _ in range(400):
        trainer.step(x, y)
    layer = model.layers[0]
    return float(layer.weight.value[0, 0]), float(layer.bias.value[0])


def main():
    """The largest relative error of the gradient, and the lines found by the squared error and by our own loss."""
    error = fg.check_gradients(cauchy(), (6, 5), (6, 5))
    print(f"the gradient agrees with finite differences to {error:.1e}")
    x, y = line()
    lines = [fit(loss, x, y) for loss in (fg.losses.MSE(), cauchy())]
    for name, (slope, intercept) in zip(("squared error", "own loss"), lines, strict=True):
        print(f"{name:14} y = {slope:.2f} x {intercept:+.2f}")
    return error, *lines


if __name__ == "__main__":
    main()
