"""The training loop written out: handwritten digits with Program, a schedule, and a program that evaluates.

Often written: a loop that evaluates with the training network, dropout still on; that forgets to shuffle, so that every
epoch repeats the same batches; or that lets the learning rate jump back to its start after every epoch.

Right: the program that trains and the one that evaluates share one arena, but Dropout only acts in the first; every
epoch has an order of its own; and the schedule counts updates, not batches of an epoch.
"""

import numpy as np

import fusegrad as fg

try:
    from sklearn.datasets import load_digits
except ImportError as error:
    raise SystemExit('this example needs scikit-learn: pip install "fusegrad[demo]"') from error

BATCH, EPOCHS = 64, 15


def digits(seed=0):
    """Images (samples, 64) in 0 .. 1 and their labels; the last 360 are for testing."""
    x, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, labels = (x[order] / 16).astype("float32"), labels[order]
    return (x[:-360], labels[:-360]), (x[-360:], labels[-360:])


def network():
    layers = fg.layers
    return fg.Sequential(layers.Linear(128), layers.ReLU(), layers.Dropout(0.2), layers.Linear(10))


def batches(x, labels, generator):
    """All full batches, in another order every time."""
    order = generator.permutation(len(x))
    for start in range(0, len(x) - BATCH + 1, BATCH):
        rows = order[start : start + BATCH]
        yield x[rows], labels[rows]


def main(seed=0):
    """The accuracy on 360 digits that were not trained on."""
    fg.check_gradients(network(), (3, 64))
    train, test = digits(seed)
    updates = EPOCHS * (len(train[0]) // BATCH)

    model = network()
    x, labels = fg.Input((BATCH, 64), name="x"), fg.Input((BATCH,), "int64", name="labels")
    loss = fg.losses.CrossEntropy()(model(x), labels)
    arena = fg.ParamArena(model, seed=seed)
    rate = fg.schedules.warmup(50, fg.schedules.cosine(3e-3, updates - 50))
    program = fg.Program([x, labels], loss, arena, fg.optimizers.AdamW(rate, clip_norm=1.0))

    images = fg.Input(test[0].shape, name="images")
    evaluation = fg.Program([images], model(images), arena)  # no optimizer: Dropout passes everything on

    generator = np.random.default_rng(seed)
    for epoch in range(EPOCHS):
        losses = [program.step(*batch) for batch in batches(*train, generator)]
        if epoch % 5 == 4:
            accuracy = (fg.to_numpy(evaluation.forward(test[0])).argmax(1) == test[1]).mean()
            print(f"epoch {epoch + 1:2}: loss {np.mean([float(loss) for loss in losses]):.4f}, accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
