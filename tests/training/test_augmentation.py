"""Augmentation: what each transformation does, and on what alone its draws depend."""

from __future__ import annotations

import re

import numpy as np
import pytest

import fusegrad as fg
from fusegrad.training.data import Crop, Cutout, Draws, Flip, Mixup, Shift

generator = np.random.default_rng(0)
x = generator.normal(size=(60, 2, 9, 7)).astype("float32")
y = np.arange(60) % 5


def draws(count=60, seed=0, epoch=0, number=0):
    return Draws(np.arange(count), seed, epoch, number)


def epoch_of(batch_size=8, epoch=0, **options):
    """Images and targets of an epoch, by row."""
    marked = np.concatenate([x, x], axis=0)[: len(x)].copy()
    found = {}
    order = fg.data.batches(marked, np.arange(len(x)), batch_size, epoch=epoch, shuffle=options.get("shuffle", True))
    batches = fg.data.batches(marked, y, batch_size, epoch=epoch, **options)
    for (images, targets), (_, rows) in zip(batches, order, strict=True):
        found |= {int(row): (image, target) for row, image, target in zip(rows, images, targets, strict=True)}
    return [found[row] for row in range(len(x))]


ALL = [Flip(), Shift(2), Cutout(3), Mixup(0.4, classes=5)]


def test_draws_are_uniform_and_differ_by_seed_epoch_row_and_number():
    many = Draws(np.arange(20_000), 1, 2, 3).uniform(6)
    assert many.shape == (20_000, 6) and many.min() > 0 and many.max() < 1
    np.testing.assert_allclose(many.mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(np.corrcoef(many.T), np.eye(6), atol=0.03)
    for other in (Draws(np.arange(9), 2, 2, 3), Draws(np.arange(9), 1, 3, 3), Draws(np.arange(9), 1, 2, 4)):
        assert not np.isclose(other.uniform(6), many[:9]).any()


def test_draws_of_a_second_call_are_others():
    draw = draws()
    first, second = draw.uniform(2), draw.uniform(2)
    assert not np.isclose(first, second).any()
    np.testing.assert_array_equal(draws().uniform(2), first)


def test_a_row_that_comes_several_times_is_changed_anew():
    sampler = fg.data.Balanced([0] * 59 + [1])
    rare = [
        image
        for images, rows in fg.data.batches(x, np.arange(60), 60, sampler=sampler, augment=[Cutout(3)])
        for image, row in zip(images, rows, strict=True)
        if row == 59
    ]
    assert len(rare) == 30 and len(np.unique(np.array(rare), axis=0)) > 15


def test_after_mixup_one_can_go_on_with_labels():
    trained = trainer()
    trained.fit(x, y, batch_size=20, augment=[Mixup(0.4, 5)], validation=(x, y))
    trained.fit(x, y, batch_size=20)
    assert trained.history["val_accuracy"][0] > 0 and trained.evaluate(x, y)["loss"] > 0


def test_integers_reach_both_ends_alike():
    counts = np.bincount(Draws(np.arange(30_000), 0, 0, 0).integers(0, 2, 1)[:, 0])
    np.testing.assert_allclose(counts, 10_000, rtol=0.03)


@pytest.mark.parametrize("axis", [-1, -2])
def test_a_flip_mirrors_some_images(axis):
    flipped = Flip(axis)(x.copy(), draws())
    turned = np.flip(x, axis)
    is_same, is_turned = ((flipped == other).all((1, 2, 3)) for other in (x, turned))
    assert (is_same ^ is_turned).all() and 15 < is_turned.sum() < 45
    np.testing.assert_array_equal(Flip(axis, 1.0)(x.copy(), draws()), turned)
    np.testing.assert_array_equal(Flip(axis, 0.0)(x.copy(), draws()), x)


def test_a_shift_moves_images_and_fills_the_rest():
    moved = Shift(2, fill=7.0)(x.copy(), draws())
    padded = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=7.0)
    places = []
    for image, wide in zip(moved, padded, strict=True):
        fits = [(i, j) for i in range(5) for j in range(5) if np.array_equal(wide[:, i : i + 9, j : j + 7], image)]
        places += fits[:1]
    assert len(places) == len(x) and len(set(places)) > 15


def test_a_crop_cuts_out_of_the_padded_image():
    assert Crop(5)(x.copy(), draws()).shape == (60, 2, 5, 5)
    whole = Crop((9, 7))(x.copy(), draws())
    np.testing.assert_array_equal(whole, x)
    shifted = Crop((9, 7), padding=2)(x.copy(), draws())
    np.testing.assert_array_equal(shifted, Shift(2)(x.copy(), draws()))


def test_a_cutout_fills_a_square_of_every_channel():
    cut = Cutout(3, fill=9.0)(x.copy(), draws())
    holes = (cut == 9.0).all(1)
    np.testing.assert_array_equal(np.where(holes[:, None], 9.0, x), cut)
    rows, columns = holes.any(2).sum(1), holes.any(1).sum(1)
    np.testing.assert_array_equal(rows * columns, holes.sum((1, 2)))
    assert set(rows) == set(columns) == {2, 3}  # a square whose centre is at an edge is cut
    centres = {(int(hole.any(1).argmax()), int(hole.any(0).argmax())) for hole in holes}
    assert len(centres) > 25


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0, 20.0, 500.0])
def test_shares_of_mixup_are_of_the_beta_distribution(alpha):
    share = Mixup(alpha, 5).shares(Draws(np.arange(50_000), 0, 0, 0).uniform(1)[:, 0])
    expected = np.random.default_rng(1).beta(alpha, alpha, 50_000)
    levels = np.linspace(0.05, 0.95, 19)
    allowed = 0.05 * 0.5 / np.sqrt(2 * alpha + 1)  # a twentieth of the deviation
    np.testing.assert_allclose(np.quantile(share, levels), np.quantile(expected, levels), rtol=0, atol=allowed)


def test_mixup_mixes_images_and_classes_by_one_share():
    ramp = np.ones((60, 1, 1, 1), "float32") * np.arange(60, dtype="float32")[:, None, None, None]
    batches = fg.data.batches(ramp, np.arange(60), 60, shuffle=False, augment=[Mixup(1.0, classes=60)])
    ((images, targets),) = batches
    assert targets.dtype == "float32"
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(targets @ np.arange(60), images[:, 0, 0, 0], rtol=1e-4, atol=1e-4)
    assert (np.count_nonzero(targets, axis=1) == 2).sum() > 50


@pytest.mark.parametrize("options", [{"batch_size": 7}, {"batch_size": 60}, {"shuffle": False}])
def test_results_depend_neither_on_batch_size_nor_on_order(options):
    for (image, target), (other, wanted) in zip(epoch_of(**options, augment=ALL), epoch_of(augment=ALL), strict=True):
        np.testing.assert_array_equal(image, other)
        np.testing.assert_array_equal(target, wanted)


def test_epochs_differ_and_the_data_stays_as_it_was():
    before = x.copy()
    first, second = epoch_of(augment=ALL), epoch_of(epoch=1, augment=ALL)
    assert not any(np.array_equal(image, other) for (image, _), (other, _) in zip(first, second, strict=True))
    for shuffle in (True, False):
        list(fg.data.batches(x, y, 8, shuffle=shuffle, augment=ALL))
    np.testing.assert_array_equal(x, before)


def test_a_function_of_ones_own_is_a_transformation():
    def darker(images, draws):
        return images * draws.uniform(1).astype("float32")[:, :, None, None]

    for row, (image, _) in enumerate(epoch_of(augment=[darker])):
        factor = Draws(np.array([row]), 0, 0, 0).uniform(1)[0, 0]
        np.testing.assert_allclose(image, x[row] * factor, rtol=1e-5)


def network():
    return fg.Sequential(fg.layers.Flatten(), fg.layers.Linear(8), fg.layers.ReLU(), fg.layers.Linear(5))


def trainer(seed=1):
    return fg.Trainer(network(), fg.losses.CrossEntropy(), fg.optimizers.Adam(1e-3), ["accuracy"], seed=seed)


def test_a_fit_resumed_within_an_epoch_sees_the_same_images(tmp_path):
    options = {"batch_size": 8, "augment": ALL}
    straight, broken = trainer(), trainer()
    straight.fit(x, y, epochs=3, **options)

    class Stop(fg.callbacks.Callback):
        def on_batch_end(self, trainer):
            if trainer.position.epoch == 1 and trainer.position.batch == 3:
                trainer.save(tmp_path / "middle.safetensors")
                trainer.stop()

    broken.fit(x, y, epochs=3, callbacks=Stop(), **options)
    resumed = trainer()
    resumed.resume(tmp_path / "middle.safetensors")
    resumed.fit(x, y, epochs=3, **options)
    for name, array in straight.model.state_dict().items():
        np.testing.assert_array_equal(resumed.model.state_dict()[name], array)


def test_a_crop_decides_what_the_network_is_built_for():
    trained = trainer()
    trained.fit(x, y, batch_size=8, augment=[Crop(5)])
    assert trained.predict(x[:, :, :5, :5]).shape == (60, 5)


def test_labels_out_of_range_are_found_before_training():
    trained = trainer()
    trained.step(x, y)
    wrong = y.copy()
    wrong[50] = 5
    with pytest.raises(fg.GraphError, match=r"y expects integers in 0 \.\. 5-1, got 5, in rows 48 \.\. 55"):
        trained.fit(x, wrong, batch_size=8, augment=[Flip()])
    before = trained.arena.state_dict()
    with pytest.raises(ValueError, match=re.escape("Mixup expects labels in 0 .. 4, got 0 .. 5")):
        trained.fit(x, wrong, batch_size=8, augment=[Mixup(0.2, classes=5)])
    for name, array in trained.arena.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


class Two(fg.Model):
    """Two outputs, one a class and one a number."""

    def __init__(self):
        self.flatten, self.label, self.number = fg.layers.Flatten(), fg.layers.Linear(5), fg.layers.Linear(1)

    def call(self, images):
        flat = self.flatten(images)
        return self.label(flat), self.number(flat)


def test_targets_may_be_several():
    trained = fg.Trainer(Two(), (fg.losses.CrossEntropy(), fg.losses.MSE()), fg.optimizers.Adam(1e-3))
    trained.fit(x, (y, x[:, 0, 0, :1]), batch_size=8, augment=[Flip()])
    wrong = np.where(np.arange(60) == 50, 5, y)
    with pytest.raises(fg.GraphError, match=r"expects integers in 0 \.\. 5-1, got 5"):
        trained.fit(x, (wrong, x[:, 0, 0, :1]), batch_size=8, augment=[Flip()])


def test_sizes_may_be_integers_of_numpy():
    np.testing.assert_array_equal(Crop(np.int64(5))(x.copy(), draws()), Crop([5, 5])(x.copy(), draws()))


def print_only(images, draws):
    """Forgets to return what it made."""


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Flip(probability=1.5), "Flip expects a probability in 0 .. 1, got 1.5"),
        (lambda: Flip(probability="0.5"), "Flip expects a probability in 0 .. 1, got '0.5'"),
        (lambda: Flip(0), "Flip expects axis 2 or 3, or -2 or -1, of (batch, channels, height, width), got 0"),
        (lambda: Shift(-1), "the pixels of a Shift expects at least 0, got -1"),
        (lambda: Crop(0), "the size of a Crop expects at least 1, got 0"),
        (lambda: Crop(5.0), "the size of a Crop expects an integer, got 5.0"),
        (lambda: Crop((3, 3, 3)), "the size of a Crop expects height and width, got (3, 3, 3)"),
        (
            lambda: Crop(12)(x.copy(), draws()),
            "Crop expects images of at least (12, 12) with their padding, got (9, 7)",
        ),
        (lambda: Cutout(0), "the size of a Cutout expects at least 1, got 0"),
        (lambda: Mixup(0.0, 3), "Mixup expects a finite alpha above 0, got 0.0"),
        (lambda: Mixup(np.nan, 3), "Mixup expects a finite alpha above 0, got nan"),
        (lambda: Mixup("0.2", 3), "Mixup expects a finite alpha above 0, got '0.2'"),
        (lambda: Mixup(1.0, 1), "the classes of Mixup expects at least 2, got 1"),
        (
            lambda: list(fg.data.batches(x, y, augment=[3])),
            "augment expects transformations such as fg.data.Flip(), got 3",
        ),
        (
            lambda: list(fg.data.batches(x, y, augment=[Flip])),
            "augment expects transformations such as fg.data.Flip(), got <class",
        ),
        (
            lambda: list(fg.data.batches(x, y, augment=Flip())),
            "augment expects a list of transformations such as [fg.data.Flip()], got Flip(-1, 0.5)",
        ),
        (
            lambda: list(fg.data.batches(x, y, augment=[print_only])),
            "print_only expects to return images, (32, channels, height, width), got NoneType",
        ),
        (
            lambda: trainer().fit(x, y, augment=[lambda images, draws: images[:3]]),
            "expects to return images, (32, channels, height, width), got (3, 2, 9, 7)",
        ),
        (
            lambda: list(fg.data.batches(y, y, augment=[Flip()])),
            "augment expects x (rows, channels, height, width) of floats on the host, got int64 (60,)",
        ),
        (
            lambda: list(fg.data.batches((x, x), y, augment=[Flip()])),
            "augment expects x (rows, channels, height, width) of floats on the host, got a tuple of arrays",
        ),
        (
            lambda: list(fg.data.batches(x, x[:, 0, 0], augment=[Mixup(1.0, 5)])),
            "Mixup expects y of labels (rows,), integers, got float32 (60, 7)",
        ),
        (
            lambda: list(fg.data.batches(x, augment=[Mixup(1.0, 5)])),
            "Mixup expects y of labels (rows,), integers, got NoneType",
        ),
        (
            lambda: list(fg.data.batches(x, y, augment=[Mixup(1.0, 5), Mixup(1.0, 5)])),
            "augment expects one Mixup at most, got 2",
        ),
        (
            lambda: trainer().fit(x, y, augment=[Flip()], resident=True),
            "resident=True expects arrays x and y as they are, got augment, which works on the host",
        ),
        (
            lambda: list(fg.data.batches(x, x, augment=[Cutout(1), Shift(2)])),
            "augment moves pixels by Shift(2, 0.0), but not those of y (60, 2, 9, 7)",
        ),
        (lambda: trainer().fit([(x, y)], augment=[Flip()]), "augment and sampler expect arrays x and y"),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
