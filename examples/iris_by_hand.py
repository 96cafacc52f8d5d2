"""Two species of iris told apart by a network of 4, 3 and 2 units, with the backpropagation written out.

Often written: the output weights are updated first, and the hidden error is then computed with the updated ones, which
is the gradient of no loss; and the bias's gradient is a mean over the samples where the weight's is a sum, so the bias
learns n times more slowly.

Right: all gradients come from the same parameters, then all parameters change; and weight and bias carry the same 1/n,
here inside do = (p - onehot) / n:

    dW2 = hᵀ do,  db2 = Σ do;    dz = (do W2ᵀ) h (1 - h);    dW1 = xᵀ dz,  db1 = Σ dz
"""

import numpy as np

import fusegrad as fg

try:
    from sklearn.datasets import load_iris
except ImportError as error:
    raise SystemExit('this example needs scikit-learn: pip install "fusegrad[demo]"') from error


def flowers(first, second, seed=0):
    """Two of the species 0, 1, 2, in random order: measures (100, 4) and labels 0 and 1."""
    x, species = load_iris(return_X_y=True)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(species, (first, second))))
    return x[rows], (species[rows] == second).astype("int64")


def standardised(x, reference):
    """Centred and scaled by what is known of the flowers to train on."""
    return (x - reference.mean(0)) / reference.std(0)


def forward(params, x):
    w1, b1, w2, b2 = params
    h = 1 / (1 + np.exp(-(x @ w1 + b1)))
    o = h @ w2 + b2
    p = np.exp(o - o.max(1, keepdims=True))
    return h, p / p.sum(1, keepdims=True)


def gradients(params, x, labels):
    """Of the mean cross-entropy, all from the same parameters."""
    h, p = forward(params, x)
    do = (p - np.eye(2)[labels]) / len(x)
    dz = (do @ params[2].T) * h * (1 - h)
    return [x.T @ dz, dz.sum(0), h.T @ do, do.sum(0)]


def train(x, labels, seed=0, steps=1000, rate=1.0):
    generator = np.random.default_rng(seed)
    params = [generator.normal(0, 0.5, (4, 3)), np.zeros(3), generator.normal(0, 0.5, (3, 2)), np.zeros(2)]
    for _ in range(steps):
        changes = gradients(params, x, labels)
        params = [param - rate * change for param, change in zip(params, changes, strict=True)]
    return params


def accuracy(params, x, labels):
    return (forward(params, x)[1].argmax(1) == labels).mean()


def distance_to_fusegrad(params, x, labels):
    """The largest difference between `gradients` and the engine's."""
    layers = fg.Sequential(fg.layers.Linear(3), fg.layers.Sigmoid(), fg.layers.Linear(2))
    values, target = fg.Input(x.shape, "float64"), fg.Input(labels.shape, "int64")
    loss = fg.losses.CrossEntropy()(layers(values), target)
    program = fg.Program([values, target], loss, fg.ParamArena(layers, precision="float64"), train=layers)
    first, _, last = layers.layers
    own = first.weight, first.bias, last.weight, last.bias
    for param, value in zip(own, params, strict=True):
        param.value = value.T
    program.forward(x, labels)
    program.backward()
    theirs = [fg.to_numpy(param.grad).T for param in own]
    return max(np.abs(a - b).max() for a, b in zip(gradients(params, x, labels), theirs, strict=True))


def main(seed=0):
    """Accuracies: setosa and versicolor on 30 unseen flowers, versicolor and virginica on those trained on."""
    fg.check_gradients(fg.Sequential(fg.layers.Linear(3), fg.layers.Sigmoid(), fg.layers.Linear(2)), (5, 4))
    x, labels = flowers(0, 1, seed)
    seen, unseen = standardised(x[30:], x[30:]), standardised(x[:30], x[30:])
    easy = accuracy(train(seen, labels[30:], seed), unseen, labels[:30])
    x, labels = flowers(1, 2, seed)
    x = standardised(x, x)
    params = train(x, labels, seed)
    hard, apart = accuracy(params, x, labels), distance_to_fusegrad(params, x, labels)
    print(f"setosa, versicolor: {easy:.3f} of 30 unseen flowers; versicolor, virginica: {hard:.3f} of those seen")
    print(f"gradients by hand and by fusegrad differ by {apart:.1e}")
    return easy, hard, apart


if __name__ == "__main__":
    main()
