"""A small U-Net finds the discs among squares, pixel by pixel.

Often written: "down to a code and up again", with the way up starting from the code alone, so that edges are guessed.

Right: what each resolution saw on the way down is joined to what comes up (Ronneberger et al., 2015,
arXiv:1505.04597), so that the code says what is there, and the shortcuts say where.  Upsampling by interpolation and a
convolution has no checkerboard of a transposed convolution whose windows overlap unevenly.

    python examples/unet.py [picture.png]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import fusegrad as fg
from fusegrad.layers import BatchNorm, Concat, Conv2d, MaxPool2d, ReLU, Sequential, Upsample

SIZE, STEPS, BATCH = 24, 200, 16


def twice(channels):
    """Two convolutions of 3 x 3, each normalised."""
    once = [layer for _ in range(2) for layer in (Conv2d(channels, 3, padding=1, bias=False), BatchNorm(), ReLU())]
    return Sequential(*once)


class UNet(fg.Model):
    """Halves the image for every width but the last, and doubles it as often."""

    def __init__(self, widths=(8, 16, 32)):
        self.down = [twice(width) for width in widths]
        self.up = [twice(width) for width in reversed(widths[:-1])]
        self.pool, self.double, self.join = MaxPool2d(2), Upsample(2, mode="bilinear"), Concat(axis=1)
        self.head = Conv2d(1, 1)

    def call(self, x):
        seen = []
        for block in self.down[:-1]:
            seen.append(block(x))
            x = self.pool(seen[-1])
        x = self.down[-1](x)
        for block, shortcut in zip(self.up, reversed(seen), strict=True):
            x = block(self.join(self.double(x), shortcut))
        return self.head(x)


def scenes(generator, count):
    """Noisy images (count, 1, SIZE, SIZE) with a disc and a square each, and the masks of the discs."""
    rows, columns = np.mgrid[:SIZE, :SIZE]

    def away():
        centre = generator.uniform(5, SIZE - 5, (2, count, 1, 1))
        return rows - centre[0], columns - centre[1]

    radius = generator.uniform(3, 5, (2, count, 1, 1))
    disc, square = np.hypot(*away()) < radius[0], np.maximum(*np.abs(away())) < radius[1] * 0.9
    disc &= ~square
    images = (disc | square) + generator.normal(scale=0.2, size=(count, SIZE, SIZE))
    return images.astype("float32")[:, None], disc.astype("float32")[:, None]


def overlap(logits, masks):
    """Intersection over union."""
    found, wanted = logits > 0, masks > 0.5
    return float((found & wanted).sum() / (found | wanted).sum())


def draw(images, masks, logits, path):
    """Images, what is to be found, and what was found."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SystemExit('the picture needs matplotlib: pip install "fusegrad[demo]"') from error
    figure = Figure(figsize=(8, 4), layout="constrained")
    all_axes = figure.subplots(3, 8)
    shown = {"image": images, "disc": masks, "found": logits > 0}
    for line, (name, arrays) in zip(all_axes, shown.items(), strict=True):
        line[0].set_ylabel(name)
        for axes, array in zip(line, arrays[:8, 0], strict=True):
            axes.imshow(array, cmap="gray")
            axes.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=120)


def main(path=None, seed=0):
    """The overlap of what is found with the discs of new images."""
    generator = np.random.default_rng(seed)
    model = UNet()
    trainer = fg.Trainer(
        model, fg.losses.BCEWithLogits(), fg.optimizers.Adam(fg.schedules.cosine(1e-2, STEPS)), seed=seed
    )
    for _ in range(STEPS):
        trainer.step(*scenes(generator, BATCH))
    images, masks = scenes(generator, 64)
    logits = trainer.predict(images)
    path = Path(path or Path(tempfile.mkdtemp()) / "unet.png")
    draw(images, masks, logits, path)
    share = overlap(logits, masks)
    print(f"intersection over union {share:.3f}\npicture: {path}")
    return share


if __name__ == "__main__":
    main(*sys.argv[1:])
