"""An optimizer of your own in five lines: Signum, value -= lr · sign(m), m = β m + (1-β) g (arXiv:1802.04434).

Often written: a loop over all parameters, in which every operation makes a new array as large as the parameter, and
`m[name]` in a dictionary, which is lost when training stops and goes on.

Right: the rule for one number, as an expression.  It is traced once and runs as one loop over all parameters at once,
as the ready optimizers do; its slots are saved in checkpoints, and schedules, weight decay and clipping come with it.
"""

import numpy as np

import fusegrad as fg


class Signum(fg.optimizers.Optimizer):
    slots = ("m",)

    def rule(self, value, grad, m, rate):
        m = 0.9 * m + 0.1 * grad
        return value - rate * np.sign(m), m


def difference(steps=50):
    """How far the loop ends from the same steps by whole arrays; both are in float64."""
    layer, x = fg.layers.Linear(3, bias=False), fg.Input((4, 5), "float64")
    loss = (layer(x) * layer(x)).sum()
    program = fg.Program([x], loss, fg.ParamArena(layer, precision="float64"), Signum(0.01))
    batch, w = np.random.default_rng(0).normal(size=(4, 5)), layer.weight.value.copy()
    m = np.zeros_like(w)
    for _ in range(steps):
        program.step(batch)
        m = 0.9 * m + 0.1 * layer.weight.grad
        w = w - 0.01 * np.sign(m)
    return float(np.abs(w - layer.weight.value).max())


def main(steps=300):
    """The difference from plain NumPy, and the losses before and after training."""
    apart = difference()
    print(f"fifty steps end {apart:.1e} from those of plain NumPy")

    model = fg.Sequential(fg.layers.Linear(16), fg.layers.Tanh(), fg.layers.Linear(1))
    x = np.linspace(-3, 3, 128, dtype="float32")[:, None]
    optimizer = Signum(fg.schedules.cosine(0.02, steps), weight_decay=1e-3, decoupled=True, clip_norm=1.0)
    trainer = fg.Trainer(model, fg.losses.MSE(), optimizer)
    losses = [float(trainer.step(x, np.sin(2 * x))) for _ in range(steps)]
    print(f"sin(2x): loss {losses[0]:.3f} at first, {losses[-1]:.5f} in the end")
    return apart, losses[0], losses[-1]


if __name__ == "__main__":
    main()
