"""The forms in which inputs, targets and weights come: arrays, several of them, by name, in batches."""

from __future__ import annotations

import numpy as np
import pytest
from training.cases import Pair, TwoHeads, blobs, classifier, everything, linear

from fusegrad import layers, losses, optimizers
from fusegrad.graph import GraphError
from fusegrad.training import Trainer

x, y = blobs()


def test_integers_and_lists_are_taken_as_they_come():
    trainer = linear()
    trainer.fit(x.tolist(), y.tolist(), batch_size=35)
    trainer.fit(x, y.astype("uint8"), batch_size=35)
    assert len(trainer.history.epochs) == 2


def test_batches_of_an_iterable_train_like_arrays_in_the_same_order():
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, len(x), 16)]
    by_rows, by_batches = classifier(), classifier()
    by_rows.fit(x, y, epochs=3, batch_size=16, shuffle=False)
    by_batches.fit(batches, epochs=3, validation=batches[:1])
    assert everything(by_rows) == everything(by_batches)
    assert by_rows.history["loss"] == by_batches.history["loss"]


def test_a_generator_serves_one_epoch_and_no_more():
    trainer = classifier()
    trainer.fit((x[:8], y[:8]) for _ in range(3))
    assert trainer.arena.step == 3
    with pytest.raises(ValueError, match="only once, not in 2 epochs"):
        trainer.fit(((x[:8], y[:8]) for _ in range(3)), epochs=2)


def test_several_inputs_in_order_and_any_function_as_loss():
    network = layers.Concat()

    class Joined(layers.Sequential):
        def call(self, a, b):
            return super().call(network(a, b))

    def squares(output, target):
        return ((output - target) ** 2).mean() * 0.5

    trainer = Trainer(Joined(layers.Linear(1)), squares, optimizers.SGD(0.1), backend="cpu")
    history = trainer.fit((x[:, :2], x[:, 2:]), x[:, :1], epochs=20)
    assert history["loss"][-1] < 0.1 * history["loss"][0]


def test_several_targets_in_order():
    trainer = Trainer(Pair(), [losses.CrossEntropy(), losses.MSE()], optimizers.Adam(0.02), "accuracy", backend="cpu")
    targets = (y, x[:, 2:3])
    history = trainer.fit(x, targets, epochs=20, batch_size=32, validation=(x, targets))
    assert history["loss"][-1] < history["loss"][0] / 2
    kind, size = trainer.predict(x)
    assert isinstance(kind, np.ndarray) and size.shape == (70, 1)


def test_inputs_by_name_and_losses_and_metrics_by_name_of_the_output():
    inputs = {"scale": np.ones((70, 1)), "image": x}
    targets = {"kind": y, "size": x[:, :1]}
    trainer = Trainer(
        TwoHeads(),
        {"kind": losses.CrossEntropy(), "size": losses.MSE()},
        optimizers.Adam(0.02),
        metrics={"kind": "accuracy", "size": ["mae", "r2"]},
        backend="cpu",
    )
    history = trainer.fit(inputs, targets, epochs=25, batch_size=32)
    assert history["kind_accuracy"][-1] > 0.9 and history["size_r2"][-1] > 0.5
    outputs = trainer.predict(inputs, batch_size=32)
    assert outputs["kind"].shape == (70, 3) and outputs["size"].shape == (70, 1)
    assert np.isclose(trainer.evaluate(inputs, targets)["size_mae"], abs(outputs["size"] - x[:, :1]).mean(), rtol=1e-5)


def test_named_inputs_of_one_shape_may_come_in_any_order():
    class Difference(layers.Sequential):
        def call(self, a, b):
            return super().call(a) - super().call(b) * 2.0

    trainer = Trainer(Difference(layers.Linear(3)), losses.CrossEntropy(), optimizers.SGD(), backend="cpu")
    assert np.array_equal(trainer.predict({"a": x, "b": x * 3}), trainer.predict({"b": x * 3, "a": x}))


def test_sample_weights_of_whole_numbers_count_rows_several_times():
    weight = np.array([3.0] * 10 + [0.0] * 10 + [1.0] * 50)
    rows = np.repeat(np.arange(70), weight.astype(int))
    weighted, repeated = linear(), linear()
    loss = weighted.step(x, y, weight)
    assert np.isclose(float(loss), float(repeated.step(x[rows], y[rows])), rtol=1e-5)
    assert np.allclose(weighted.arena.value, repeated.arena.value, rtol=1e-4, atol=1e-6)
    in_batches = weighted.evaluate(x, y, batch_size=16, sample_weight=weight)["loss"]
    assert np.isclose(in_batches, repeated.evaluate(x[rows], y[rows], batch_size=16)["loss"], rtol=1e-5)


def test_sample_weights_that_a_loss_does_not_take_are_an_error():
    def bias(output, target):
        return (output - target).mean()

    trainer = Trainer(layers.Linear(5), bias, optimizers.SGD(), backend="cpu")
    with pytest.raises(GraphError, match=r"sample_weight was given, but loss .* has no argument `weight`"):
        trainer.fit(x, x, sample_weight=np.ones(70))
