"""Gradient descent finds what the normal equations give in one step.

Often written: a loop whose body uses `m` and `errors` that nobody defined, or that were computed once before the loop,
so that every step repeats the first.

Right: the number of samples m is known before the loop, and the errors belong to the weights of this step, so they are
computed inside it.  A column of ones beside x turns the intercept into one weight more:

    errors = A θ - y,    θ ← θ - rate/m Aᵀ errors
"""

import numpy as np

import fusegrad as fg

X = np.arange(1, 6, dtype="float64")
Y = X + 0.5
A = np.stack([np.ones_like(X), X], axis=1)  # the column of ones is the intercept's


def gradient(theta):
    """That of mean (A θ - y)² / 2."""
    m = len(A)
    errors = A @ theta - Y
    return A.T @ errors / m


def descend(steps=3000, rate=0.1):
    theta = np.zeros(2)
    for _ in range(steps):
        theta -= rate * gradient(theta)
    return theta


def gradient_by_fusegrad(theta):
    """The same gradient, from a graph that knows only the formula of the loss."""
    inputs = [fg.Input(shape, "float64") for shape in ((5, 2), (2, 1), (5, 1))]
    a, weights, y = inputs
    loss = fg.mean((a @ weights - y) ** 2) / 2
    program = fg.Program(inputs, loss, fg.ParamArena([], precision="float64"), gradients_of=[weights])
    program.forward(A, theta[:, None], Y[:, None])
    program.backward()
    return fg.to_numpy(program.gradient(weights))[:, 0]


def main():
    """(intercept, slope) by descent and by least squares; and how far the two gradients are apart."""
    theta = np.array([0.3, -0.7])
    apart = np.abs(gradient(theta) - gradient_by_fusegrad(theta)).max()
    fg.check_gradients(lambda a, weights: a @ weights, A.shape, (2, 1))
    found, exact = descend(), np.linalg.lstsq(A, Y)[0]
    print(f"descent        intercept {found[0]:.6f}, slope {found[1]:.6f}")
    print(f"least squares  intercept {exact[0]:.6f}, slope {exact[1]:.6f}")
    print(f"gradients by hand and by fusegrad differ by {apart:.1e}")
    return found, exact, apart


if __name__ == "__main__":
    main()
