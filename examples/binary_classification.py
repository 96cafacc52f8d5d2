"""Two moons told apart by a network of 2, 8 and 1 units.

Often written: the hidden layer's gradient without the derivative of its activation; labels of shape (n,) beside outputs
of shape (n, 1), whose difference NumPy silently makes (n, n); and labels drawn anew in every epoch, which leave nothing
to be learnt.

Right: dz = (do W₂ᵀ) f'(z); labels are a column (n, 1) like the outputs, and fusegrad refuses others; and they belong to
their points, so both are drawn once, before the first epoch.
"""

import fusegrad as fg

try:
    from sklearn.datasets import make_moons
except ImportError as error:
    raise SystemExit('this example needs scikit-learn: pip install "fusegrad[demo]"') from error


def moons(samples, seed):
    """Points (samples, 2) and labels (samples, 1)."""
    x, labels = make_moons(samples, noise=0.1, random_state=seed)
    return x.astype("float32"), labels.astype("float32")[:, None]


def network():
    """The logit of the second moon: the sigmoid of the output unit is part of the loss."""
    return fg.Sequential(fg.layers.Linear(8), fg.layers.Sigmoid(), fg.layers.Linear(1))


def shapes_are_checked():
    """Labels of shape (n,) are an error when the graph is built."""
    try:
        fg.losses.BCEWithLogits()(fg.Input((400, 1)), fg.Input((400,)))
    except fg.GraphError as error:
        return str(error)
    raise AssertionError("labels of shape (400,) were accepted")


def main(seed=0, epochs=200):
    """The accuracy on 1,000 points that were not trained on."""
    fg.check_gradients(network(), (5, 2))
    fg.check_gradients(fg.losses.BCEWithLogits(), (5, 1), (5, 1), wrt=[0])
    message = shapes_are_checked()
    x, labels = moons(400, seed)
    x_test, labels_test = moons(1000, seed + 1000)
    model = network()
    trainer = fg.Trainer(model, fg.losses.BCEWithLogits(), fg.optimizers.Adam(0.1), seed=seed)
    trainer.fit(x, labels, epochs=epochs, batch_size=40)
    accuracy = ((trainer.predict(x_test) > 0) == (labels_test > 0.5)).mean()
    print(f"labels without a second axis: {message}")
    print(f"seed {seed}: accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
