"""A straight line through four points by gradient descent.

Often written: `dw = 2 * (y - prediction) * x`, then `w -= rate * dw`.  That has the sign turned round, so the error
grows with every step; and with x of shape (4, 1) it is four numbers instead of the one that belongs to w.

Right: the loss is L = mean (x w + b - y)², so by the chain rule, with n samples,

    dL/dw = 2/n xᵀ (prediction - y)     of w's shape
    dL/db = 2/n Σ (prediction - y)      of b's shape

and w and b go against it.
"""

import numpy as np

import fusegrad as fg

X = np.array([[1], [2], [3], [4]], "float32")
Y = 2 * X


def by_hand(steps=1500, rate=0.05):
    """w and b after gradient descent, from the formulas above."""
    w, b = np.zeros((1, 1)), np.zeros(1)
    for _ in range(steps):
        error = X @ w + b - Y
        w -= rate * 2 / len(X) * (X.T @ error)
        b -= rate * 2 / len(X) * error.sum(0)
    return w.item(), b.item()


def with_fusegrad(steps=1500, rate=0.05):
    """w and b after as many steps of the same descent."""
    line = fg.layers.Linear(1, weight_init=fg.initializers.zeros)
    x, y = fg.Input(X.shape, name="x"), fg.Input(Y.shape, name="y")
    loss = fg.losses.MSE()(line(x), y)
    program = fg.Program([x, y], loss, fg.ParamArena(line), fg.optimizers.SGD(rate))
    for _ in range(steps):
        program.step(X, Y)
    return line.weight.value.item(), line.bias.value.item()


def main():
    """(w, b) of both, in turn; the true ones are 2 and 0."""
    fg.check_gradients(lambda x, y: fg.losses.MSE()(x, y), (4, 1), (4, 1))
    fg.check_gradients(fg.layers.Linear(1), X.shape)
    hand, engine = by_hand(), with_fusegrad()
    print("by hand   w = {:.4f}, b = {:.4f}".format(*hand))
    print("fusegrad  w = {:.4f}, b = {:.4f}".format(*engine))
    return hand, engine


if __name__ == "__main__":
    main()
