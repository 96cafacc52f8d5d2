"""Fitting, evaluating and predicting."""

from __future__ import annotations

import gc
import tracemalloc
import warnings

import numpy as np
import pytest
from training.cases import Pair, TwoHeads, blobs, classifier, everything, figures, linear

from fusegrad import layers, losses, optimizers
from fusegrad.graph import GraphError, ParamArena, Scalar
from fusegrad.training import Callback, History, Trainer

x, y = blobs()


def test_fit_on_arrays_learns_and_reports():
    trainer = classifier()
    history = trainer.fit(x, y, epochs=15, batch_size=16, validation=blobs(30, seed=5))
    assert isinstance(history, History) and history is trainer.history
    assert history["epoch"] == list(range(1, 16))
    assert history["loss"][-1] < history["loss"][0] / 2
    assert history["val_accuracy"][-1] > 0.9
    expected = {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "samples_per_s", "seconds"}
    assert set(history.epochs[0]) == expected


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    def trained(seed):
        trainer = classifier(seed=seed)
        trainer.fit(x, y, epochs=2, batch_size=16)
        return trainer

    first, second, third = trained(3), trained(3), trained(4)
    assert everything(first) == everything(second) and figures(first) == figures(second)
    assert figures(first) != figures(third)


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


def test_several_targets_in_order():
    trainer = Trainer(Pair(), [losses.CrossEntropy(), losses.MSE()], optimizers.Adam(0.02), "accuracy", backend="cpu")
    targets = (y, x[:, 2:3])
    history = trainer.fit(x, targets, epochs=20, batch_size=32, validation=(x, targets))
    assert history["loss"][-1] < history["loss"][0] / 2
    kind, size = trainer.predict(x)
    assert isinstance(kind, np.ndarray) and size.shape == (70, 1)


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


def test_integers_and_lists_are_taken_as_they_come():
    trainer = linear()
    trainer.fit(x.tolist(), y.tolist(), batch_size=35)
    trainer.fit(x, y.astype("uint8"), batch_size=35)
    assert len(trainer.history.epochs) == 2


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


def test_evaluate_is_the_mean_over_samples_whatever_the_batch_size():
    trainer = classifier()
    trainer.fit(x, y, batch_size=16)
    whole, parts = trainer.evaluate(x, y, batch_size=70), trainer.evaluate(x, y, batch_size=16)
    assert np.isclose(whole["loss"], parts["loss"], rtol=1e-6) and whole["accuracy"] == parts["accuracy"]
    logits = trainer.predict(x).astype("float64")
    chosen = np.take_along_axis(logits, y[:, None], 1)[:, 0]
    assert np.isclose(whole["loss"], (np.log(np.exp(logits).sum(1)) - chosen).mean(), rtol=1e-5)


def test_the_loss_of_many_batches_is_the_mean_over_samples():
    trainer, kept = linear(lr=0.0), []

    class Count(Callback):
        def on_batch_end(self, trainer):
            kept.append(len(trainer.tally.unread))

    trainer.fit(x, y, batch_size=1, callbacks=[Count()])
    assert len(kept) == 70 and max(kept) < 32
    assert np.isclose(trainer.history["loss"][0], trainer.evaluate(x, y, batch_size=70)["loss"], rtol=1e-6)


def test_predict_before_training_agrees_with_the_model_called_on_arrays():
    trainer = classifier()
    outputs = trainer.predict(x, batch_size=32)
    assert outputs.dtype == "float32"
    assert np.allclose(outputs, trainer.network.tracer.model(x), rtol=1e-5, atol=1e-6)
    trainer.fit(x, y)
    assert trainer.history["loss"][0] > 0


def test_evaluation_does_not_disturb_training():
    class Curious(Callback):
        def on_batch_end(self, trainer):
            trainer.evaluate(x, y)
            trainer.predict(x)

    plain, curious = classifier(), classifier()
    plain.fit(x, y, epochs=2, batch_size=16, accumulate=2)
    curious.fit(x, y, epochs=2, batch_size=16, accumulate=2, callbacks=[Curious()])
    assert everything(plain) == everything(curious) and figures(plain) == figures(curious)


def test_a_step_returns_the_loss_before_the_update():
    trainer = linear()
    before = trainer.evaluate(x, y, batch_size=70)["loss"]
    loss = trainer.step(x, y)
    assert isinstance(loss, Scalar) and np.isclose(float(loss), before, rtol=1e-6)
    assert trainer.evaluate(x, y)["loss"] < before


@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulated_batches_update_like_one_large_batch(accumulate):
    small, large = linear(), linear()
    small.fit(x[:64], y[:64], epochs=3, batch_size=8, accumulate=accumulate, shuffle=False)
    large.fit(x[:64], y[:64], epochs=3, batch_size=8 * accumulate, shuffle=False)
    assert np.allclose(small.arena.value, large.arena.value, rtol=1e-5, atol=1e-6)
    assert small.arena.optimizer_states[small.optimizer].count == 3 * 8 // accumulate


def test_a_short_last_group_is_averaged_over_its_own_batches():
    grouped, by_hand = linear(), linear()
    grouped.fit(x[:24], y[:24], batch_size=8, accumulate=2, shuffle=False)
    by_hand.step(x[:16], y[:16])
    by_hand.step(x[16:24], y[16:24])
    assert np.allclose(grouped.arena.value, by_hand.arena.value, rtol=1e-5, atol=1e-6)


def test_the_short_last_batch_trains_unless_it_is_dropped():
    whole, dropped = linear(), linear()
    whole.fit(x, y, batch_size=32)
    dropped.fit(x, y, batch_size=32, drop_last=True)
    assert (whole.arena.step, dropped.arena.step) == (3, 2)


def test_fitting_again_goes_on_and_numbers_epochs_on():
    once, twice = classifier(), classifier()
    once.fit(x, y, epochs=3, batch_size=16)
    twice.fit(x, y, epochs=1, batch_size=16)
    twice.fit(x, y, epochs=2, batch_size=16)
    assert everything(once) == everything(twice) and figures(once) == figures(twice)


def test_no_epochs_build_the_model_and_train_nothing():
    trainer = classifier()
    assert trainer.fit(x, y, epochs=0).epochs == []
    assert trainer.arena.step == 0


def test_float64_computes_in_float64():
    trainer = classifier(precision="float64")
    trainer.fit(x, y, batch_size=16)
    assert trainer.arena.value.dtype == "float64" and trainer.predict(x).dtype == "float64"


def test_a_model_that_lives_in_an_arena_keeps_its_values():
    network = layers.Linear(3, width_in=5)
    arena = ParamArena(network, seed=9, backend="cpu")
    before = arena.state_dict()
    trainer = Trainer(network, losses.CrossEntropy(), optimizers.SGD(0.0), seed=1)
    trainer.step(x, y)
    assert trainer.arena is arena
    other = Trainer(network, losses.CrossEntropy(), optimizers.SGD(0.0), precision="float64")
    other.step(x, y)
    assert all(np.array_equal(before[name], value) for name, value in other.arena.state_dict().items())
    with pytest.raises(GraphError, match="weight was moved to another arena by a later Trainer"):
        trainer.step(x, y)


def test_losses_with_parameters_train_them():
    class Scaled(layers.Sequential):
        def call(self, output, target):
            return losses.MSE()(super().call(output), target)

    trainer = Trainer(layers.Linear(4), Scaled(layers.Linear(1)), optimizers.SGD(0.05), backend="cpu")
    history = trainer.fit(x, x[:, :1], epochs=10)
    assert "loss.layers.0.weight" in trainer.arena.params
    assert history["loss"][-1] < history["loss"][0]


def test_the_ninth_shape_of_batch_warns():
    trainer = linear()
    batches = [(x[:rows], y[:rows]) for rows in range(2, 11)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(batches[:8])
        assert not caught
        trainer.fit(batches)
    assert "9 different batch shapes" in str(caught[0].message)


def test_memory_grows_by_the_history_alone():
    trainer = classifier()
    trainer.fit(x, y, batch_size=1, epochs=2)

    def retained(epochs):
        gc.collect()
        tracemalloc.start()
        trainer.fit(x, y, batch_size=1, epochs=epochs)
        gc.collect()
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    assert retained(12) - retained(2) < 10 * 1000  # an epoch is 70 steps, and a figure of the history about 100 bytes


def test_the_loss_of_an_epoch_is_the_weighted_mean_over_uneven_batches():
    for weight in (None, np.random.default_rng(0).uniform(0, 3, 70)):
        trainer = linear(lr=0.0)
        trainer.fit(x, y, batch_size=32, sample_weight=weight)  # batches of 32, 32 and 6
        logits = trainer.predict(x).astype("float64")
        chosen = np.take_along_axis(logits, y[:, None], 1)[:, 0]
        expected = np.average(np.log(np.exp(logits).sum(1)) - chosen, weights=weight)
        assert np.isclose(trainer.history["loss"][0], expected, rtol=1e-6)


def test_the_model_is_at_hand():
    model = layers.Linear(3)
    assert Trainer(model, losses.CrossEntropy(), optimizers.SGD(), backend="cpu").model is model


def test_a_step_with_weights_and_one_without_have_programs_of_their_own():
    weight = np.linspace(0, 2, 70)
    one, other = linear(lr=0.0), linear(lr=0.0)
    assert float(one.step(x, y)) != float(one.step(x, y, weight)) == float(other.step(x, y, weight))
    assert float(one.step(x.astype("float64"), y)) == float(one.step(x, y.astype("int32"))) == float(one.step(x, y))
    pair = Trainer(Pair(), [losses.CrossEntropy(), losses.MSE()], optimizers.SGD(), backend="cpu")
    pair.step(x, (y, x[:, :1]))
    with pytest.raises(ValueError, match=r"after the first batch, y expects \['y\[0\]', 'y\[1\]'\], got \['y'\]"):
        pair.step(x, y)


def test_named_inputs_of_one_shape_may_come_in_any_order():
    class Difference(layers.Sequential):
        def call(self, a, b):
            return super().call(a) - super().call(b) * 2.0

    trainer = Trainer(Difference(layers.Linear(3)), losses.CrossEntropy(), optimizers.SGD(), backend="cpu")
    assert np.array_equal(trainer.predict({"a": x, "b": x * 3}), trainer.predict({"b": x * 3, "a": x}))
