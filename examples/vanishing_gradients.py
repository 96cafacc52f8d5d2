"""Where the gradient is lost on its way down through 20 layers.

Often written: "deep networks need ReLU", with nothing said of how weights begin.  A sigmoid's derivative is at most
1/4, so 20 of them shrink a gradient by 4²⁰ or more; ReLU alone does not cure that if the weights are small.

Right: He's initialisation, variance 2 / width_in, keeps a ReLU network's gradients of one size; so do residual
connections x + f(x), whose derivative contains the identity.

    python examples/vanishing_gradients.py [picture.png]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import fusegrad as fg

DEPTH, WIDTH, BATCH = 20, 64, 128


class Plain(fg.Model):
    """DEPTH times Linear and an activation."""

    def __init__(self, activation, weight_init):
        self.linears = [fg.layers.Linear(WIDTH, weight_init=weight_init) for _ in range(DEPTH)]
        self.activation = activation

    def call(self, x):
        for linear in self.linears:
            x = self.activation(linear(x))
        return x


class Residual(Plain):
    """The same with a way around every layer."""

    def call(self, x):
        for linear in self.linears:
            x = x + 0.2 * self.activation(linear(x))
        return x


def gradient_norms(model, seed=0):
    """The norm of the gradient of every layer's weight, first layer first, for a random regression."""
    x, target = fg.Input((BATCH, WIDTH)), fg.Input((BATCH, WIDTH))
    loss = fg.losses.MSE()(model(x), target)
    program = fg.Program([x, target], loss, fg.ParamArena(model, seed=seed), train=model)
    generator = np.random.default_rng(seed)
    program.forward(*generator.normal(size=(2, BATCH, WIDTH)).astype("float32"))
    program.backward()
    return np.array([np.linalg.norm(fg.to_numpy(linear.weight.grad)) for linear in model.linears])


def draw(curves, path):
    """One curve per network, on a logarithmic scale."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SystemExit('the picture needs matplotlib: pip install "fusegrad[demo]"') from error
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="layer", ylabel="norm of the weight's gradient", yscale="log")
    for name, norms in curves.items():
        axes.plot(range(1, DEPTH + 1), norms, marker="o", markersize=3, label=name)
    axes.set_xticks([1, *range(5, DEPTH + 1, 5)])
    axes.legend()
    figure.savefig(path, dpi=120)


def main(path=None):
    """For each network, the gradient's norm at the first layer over that at the last."""
    small, he = fg.initializers.xavier_normal(), fg.initializers.he_normal()
    curves = {
        "sigmoid": gradient_norms(Plain(fg.layers.Sigmoid(), small)),
        "ReLU, He": gradient_norms(Plain(fg.layers.ReLU(), he)),
        "residual": gradient_norms(Residual(fg.layers.ReLU(), he)),
    }
    path = Path(path or Path(tempfile.mkdtemp()) / "vanishing_gradients.png")
    draw(curves, path)
    ratios = {name: norms[0] / norms[-1] for name, norms in curves.items()}
    for name, ratio in ratios.items():
        print(f"{name:<10} first layer's gradient is {ratio:.1e} times the last layer's")
    print(f"picture: {path}")
    return ratios


if __name__ == "__main__":
    main(*sys.argv[1:])
