"""A perceptron of two layers with its backpropagation written out, beside the engine's.

Often written: the cross-entropy `mean(log p[label])` without its minus sign, so that training makes the right class
less and less likely; and the activation's derivative taken at the wrong layer, `tanh'(output)` where the hidden units'
is meant, or at the activations h as if they were its argument.

Right, with z the hidden sums, h = tanh z, o the logits, p = softmax o:

    L = -mean log p[label]
    do = (p - onehot(label)) / n        softmax and cross-entropy together
    dW2 = hᵀ do,  db2 = Σ do
    dz = (do W2ᵀ) (1 - h²)              tanh'(z) = 1 - tanh² z, at the hidden layer
    dW1 = xᵀ dz,  db1 = Σ dz
"""

import numpy as np

import fusegrad as fg

WIDTH, HIDDEN, CLASSES = 2, 16, 3


def spirals(samples=60, seed=0):
    """Three arms that no straight line parts."""
    generator = np.random.default_rng(seed)
    radius, labels = np.linspace(0.1, 1, samples), np.repeat(np.arange(CLASSES), samples)
    angle = np.concatenate([arm * 2 * np.pi / CLASSES + 3 * radius for arm in range(CLASSES)])
    angle = angle + generator.normal(0, 0.1, angle.size)
    points = np.tile(radius, CLASSES)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points, labels


def backpropagate(w1, b1, w2, b2, x, labels):
    """The loss and its gradients; weights are (width_in, width_out)."""
    rows = np.arange(len(x))
    h = np.tanh(x @ w1 + b1)
    o = h @ w2 + b2
    p = np.exp(o - o.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[rows, labels]).mean()
    do = p.copy()
    do[rows, labels] -= 1
    do /= len(x)
    dz = (do @ w2.T) * (1 - h**2)
    return loss, [x.T @ dz, dz.sum(0), h.T @ do, do.sum(0)]


def network():
    return fg.Sequential(fg.layers.Linear(HIDDEN), fg.layers.Tanh(), fg.layers.Linear(CLASSES))


def engine():
    """A model, and the program that computes its loss and gradients."""
    model = network()
    x, labels = fg.Input((60 * CLASSES, WIDTH), "float64"), fg.Input((60 * CLASSES,), "int64")
    loss = fg.losses.CrossEntropy()(model(x), labels)
    return model, fg.Program([x, labels], loss, fg.ParamArena(model, precision="float64"), train=model)


def main(steps=2000, rate=1.0):
    """The training accuracy by hand, and the largest difference between the two kinds of gradient."""
    fg.check_gradients(network(), (5, WIDTH))
    x, labels = spirals()
    model, program = engine()
    program.forward(x, labels)
    program.backward()
    first, _, last = model.layers
    own = first.weight, first.bias, last.weight, last.bias
    theirs = [fg.to_numpy(param.grad).T for param in own]
    params = [fg.to_numpy(param.value).T.copy() for param in own]
    _, ours = backpropagate(*params, x, labels)
    apart = max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))

    for _ in range(steps):
        _, gradients = backpropagate(*params, x, labels)
        params = [param - rate * gradient for param, gradient in zip(params, gradients, strict=True)]
    w1, b1, w2, b2 = params
    accuracy = ((np.tanh(x @ w1 + b1) @ w2 + b2).argmax(1) == labels).mean()
    print(f"accuracy {accuracy:.3f}; gradients by hand and by fusegrad differ by {apart:.1e}")
    return accuracy, apart


if __name__ == "__main__":
    main()
