"""What a network for digits looks at: its feature maps, and the pixels on which its answer depends.

Often written: "the gradient shows which pixels matter", and the gradient of the loss is drawn.  Where the network is
sure, that gradient is all but zero everywhere, and what is drawn is rounding.

Right: the gradient of one logit, that of the class in question, which has no softmax in front that saturates (Simonyan
et al., 2014, arXiv:1312.6034).  Whether it points at the right pixels can be tested: without the few of the largest
gradient the answer changes, without as many others it mostly does not.

    python examples/looking_inside.py [picture.png]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import fusegrad as fg
from fusegrad.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential

SHOWN, HIDDEN = 5, 12  # images in the picture; pixels to hide of the 64 of each
FEATURES = "layers.1"  # behind the first convolution


def digits():
    """Images (1797, 1, 8, 8) in 0 .. 1, and their labels."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise SystemExit('the data needs scikit-learn: pip install "fusegrad[demo]"') from error
    x, y = load_digits(return_X_y=True)
    return (x.reshape(-1, 1, 8, 8) / 16).astype("float32"), y


def network():
    first, second = Conv2d(8, 3, padding=1), Conv2d(16, 3, padding=1)
    return Sequential(first, ReLU(), MaxPool2d(2), second, ReLU(), MaxPool2d(2), Flatten(), Linear(10))


def saliency(model, images, labels):
    """|d logit of the label / d pixel| for every image."""
    x, chosen = fg.Input(images.shape), fg.Input((len(images), 10))
    logits = fg.sum(model(x) * chosen)
    program = fg.Program([x, chosen], logits, model.arena, train=[], gradients_of=[x])
    program.forward(images, np.eye(10, dtype="float32")[labels])
    program.backward()
    return np.abs(fg.to_numpy(program.gradient(x)))


def without(images, order):
    """The images with the first HIDDEN pixels of each order at the mean of all."""
    flat = images.reshape(len(images), -1).copy()
    np.put_along_axis(flat, order[:, :HIDDEN], images.mean(), axis=1)
    return flat.reshape(images.shape)


def draw(images, features, gradients, path):
    """A line for each image: itself, what the first layer makes of it, and its saliency."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SystemExit('the picture needs matplotlib: pip install "fusegrad[demo]"') from error
    figure = Figure(figsize=(10, SHOWN), layout="constrained")
    for line, *shown in zip(figure.subplots(SHOWN, 10), images, gradients, features, strict=False):
        maps = [shown[0][0], shown[1][0], *shown[2]]
        for axes, array, colours in zip(line, maps, ["gray", "hot", *["viridis"] * 8], strict=True):
            axes.imshow(array, cmap=colours)
            axes.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=100)


def main(path=None):
    """Accuracy on new digits: as they are, without the pixels that matter, and without as many others."""
    x, y = digits()
    x_train, x_test, y_train, y_test = x[:1300], x[1300:], y[:1300], y[1300:]
    trainer = fg.Trainer(network(), fg.losses.CrossEntropy(), fg.optimizers.AdamW(3e-3), ["accuracy"])
    trainer.fit(x_train, y_train, epochs=10)
    gradients = saliency(trainer.model, x_test, y_test)
    order = np.argsort(-gradients.reshape(len(x_test), -1), axis=1)
    others = np.random.default_rng(0).permuted(order[:, HIDDEN:], axis=1)
    versions = {
        "as they are": x_test,
        "without salient": without(x_test, order),
        "without others": without(x_test, others),
    }
    found = {name: trainer.evaluate(images, y_test)["accuracy"] for name, images in versions.items()}
    for name, accuracy in found.items():
        print(f"{name:<16} {accuracy:.3f}")
    features = fg.to_numpy(trainer.model.activations(x_test, FEATURES)[FEATURES])
    path = Path(path or Path(tempfile.mkdtemp()) / "looking_inside.png")
    draw(x_test, features, gradients, path)
    print(f"picture: {path}")
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
