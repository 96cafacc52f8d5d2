"""What a trainer is asked besides fitting: to step, evaluate and predict, in an arena of its own or a given one."""

from __future__ import annotations

import numpy as np
import pytest
from training.cases import Pair, blobs, classifier, everything, figures, linear

from fusegrad import layers, losses, optimizers
from fusegrad.graph import GraphError, ParamArena, Scalar
from fusegrad.training import Callback, Trainer

x, y = blobs()


def test_the_model_is_at_hand():
    model = layers.Linear(3)
    assert Trainer(model, losses.CrossEntropy(), optimizers.SGD(), backend="cpu").model is model


def test_a_step_returns_the_loss_before_the_update():
    trainer = linear()
    before = trainer.evaluate(x, y, batch_size=70)["loss"]
    loss = trainer.step(x, y)
    assert isinstance(loss, Scalar) and np.isclose(float(loss), before, rtol=1e-6)
    assert trainer.evaluate(x, y)["loss"] < before


def test_a_step_with_weights_and_one_without_have_programs_of_their_own():
    weight = np.linspace(0, 2, 70)
    one, other = linear(lr=0.0), linear(lr=0.0)
    assert float(one.step(x, y)) != float(one.step(x, y, weight)) == float(other.step(x, y, weight))
    assert float(one.step(x.astype("float64"), y)) == float(one.step(x, y.astype("int32"))) == float(one.step(x, y))
    pair = Trainer(Pair(), [losses.CrossEntropy(), losses.MSE()], optimizers.SGD(), backend="cpu")
    pair.step(x, (y, x[:, :1]))
    with pytest.raises(ValueError, match=r"after the first batch, y expects \['y\[0\]', 'y\[1\]'\], got \['y'\]"):
        pair.step(x, y)


class Between(Callback):
    """Calls a function with the trainer after every batch."""

    def __init__(self, call):
        self.call = call

    def on_batch_end(self, trainer):
        self.call(trainer)


def test_a_step_does_not_write_over_gradients_that_await_their_update(tmp_path):
    trainer = linear()
    with pytest.raises(ValueError, match="no gradients that await their update, got those of 1 batches in fit"):
        trainer.fit(x, y, batch_size=16, accumulate=2, callbacks=Between(lambda trainer: trainer.step(x, y)))
    trainer.fit(x[:32], y[:32], batch_size=16, accumulate=2)
    assert np.isfinite(float(trainer.step(x, y)))


@pytest.mark.parametrize("call", ["fit", "resume"])
def test_what_moves_the_position_is_refused_within_a_fit(tmp_path, call):
    trainer, path = linear(), tmp_path / "c"
    trainer.fit(x, y)
    trainer.save(path)
    calls = {"fit": lambda trainer: trainer.fit(x, y), "resume": lambda trainer: trainer.resume(path)}
    with pytest.raises(ValueError, match=f"{call} expects no fit in progress; a callback may call stop"):
        trainer.fit(x, y, callbacks=Between(calls[call]))
    assert not trainer.is_done
    calls[call](trainer)
    assert trainer.fit(x, y, epochs=2).epochs[-1]["epoch"] == {"fit": 4, "resume": 2}[call]


def test_evaluate_is_the_mean_over_samples_whatever_the_batch_size():
    trainer = classifier()
    trainer.fit(x, y, batch_size=16)
    whole, parts = trainer.evaluate(x, y, batch_size=70), trainer.evaluate(x, y, batch_size=16)
    assert np.isclose(whole["loss"], parts["loss"], rtol=1e-6) and whole["accuracy"] == parts["accuracy"]
    logits = trainer.predict(x).astype("float64")
    chosen = np.take_along_axis(logits, y[:, None], 1)[:, 0]
    assert np.isclose(whole["loss"], (np.log(np.exp(logits).sum(1)) - chosen).mean(), rtol=1e-5)


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


def test_only_what_train_names_is_trained():
    body, head = layers.Linear(8, "relu"), layers.Linear(3)
    model = layers.Sequential(body, head)
    trainer = Trainer(model, losses.CrossEntropy(), optimizers.SGD(0.1), train=head, backend="cpu")
    trainer.step(x, y)
    before = model.state_dict()
    trainer.fit(x, y, accumulate=2)
    trainer.fit(x, y)
    after = model.state_dict()
    changed = [name for name in before if not np.array_equal(before[name], after[name])]
    assert changed == ["layers.1.weight", "layers.1.bias"]
