"""A conditional update changes nothing unless it is told to proceed, and then is the update that it would be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fusegrad import optimizers
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.expr import ExpressionError
from fusegrad.optimizers import Optimizer

SIZE = 37
NAMES = [name for name in optimizers.__all__ if name != "Optimizer"]
RULES = [getattr(optimizers, name)(0.1, weight_decay=0.1, clip_value=1.0, l1=0.01) for name in NAMES]
MORE = [
    optimizers.SGD(0.1, momentum=0.9, dampening=0.5),
    optimizers.RMSprop(0.1, centered=True, momentum=0.9),
    optimizers.Adam(0.1, amsgrad=True, weight_decay=0.1, decoupled=True),
]
NOT_FINITE = [np.nan, np.inf, -np.inf]
COPIES = (("half", "value"),)
every_rule = pytest.mark.parametrize("optimizer", [*RULES, *MORE], ids=str)


@pytest.fixture(params=["numpy", "numba", "cuda"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs an op on arrays of the host, by each evaluator, and returns them as it leaves them."""
    if request.param == "numba":
        pytest.importorskip("numba", reason="the evaluator numba is not installed (extra fast)")
    if request.param == "cuda":
        return on_the_emulated_gpu

    def by_evaluator(op: Any, arrays: dict[str, Any]) -> dict[str, Any]:
        given = {name: array.copy() for name, array in arrays.items()}
        op.at_once(request.param, **given)
        return given

    return by_evaluator


def on_the_emulated_gpu(op: Any, arrays: dict[str, Any]) -> dict[str, Any]:
    backend = EmulatedBackend("check")
    given = {name: backend.asarray(array) for name, array in arrays.items()}
    with backend.using_stream():
        op.launch(**given)
    return {name: backend.to_numpy(array) for name, array in given.items()}


def arrays_of(optimizer: Any, op: Any, proceed: float) -> dict[str, Any]:
    """What an op names, as it may be after some updates, the copy in step with the values."""
    generator = np.random.default_rng(0)
    known = {name: generator.uniform(0.1, 0.9, SIZE).astype("float32") for name in ("value", "grad", *optimizer.slots)}
    known |= {name: np.array(0.5, "float32") for name in ("scale", *optimizer.scalars(1))}
    known |= {"half": known["value"].astype("float16"), "proceed": np.array(proceed, "float32")}
    return {name: known[name] for name in op.__signature__.parameters}


def held(optimizer: Any, arrays: dict[str, Any]) -> dict[str, bytes]:
    """The bits of all that an update writes."""
    return {name: arrays[name].tobytes() for name in ("value", *optimizer.slots, "half")}


@every_rule
def test_without_leave_every_bit_stays_whatever_the_gradients(optimizer: Any, run: Any) -> None:
    op = optimizer.update(True, COPIES, conditional=True)
    arrays = arrays_of(optimizer, op, proceed=0)
    arrays["grad"][: len(NOT_FINITE)] = NOT_FINITE
    arrays["grad"][-1] = np.nan
    assert held(optimizer, run(op, arrays)) == held(optimizer, arrays)


@every_rule
def test_with_leave_the_bits_are_those_of_the_unconditional_update(optimizer: Any, run: Any) -> None:
    op, plain = optimizer.update(True, COPIES, conditional=True), optimizer.update(True, COPIES)
    arrays = arrays_of(optimizer, op, proceed=1)
    changed = held(optimizer, run(op, arrays))
    assert changed == held(optimizer, run(plain, arrays_of(optimizer, plain, proceed=1)))
    assert changed["value"] != arrays["value"].tobytes()
    assert changed["half"] != arrays["half"].tobytes()


@pytest.mark.parametrize("optimizer", RULES, ids=str)
def test_an_unconditional_update_is_not_asked(optimizer: Any) -> None:
    assert "proceed" not in optimizer.update(True, COPIES).__signature__.parameters
    assert "proceed" in optimizer.update(True, COPIES, conditional=True).__signature__.parameters


def test_a_scalar_of_that_name_is_refused() -> None:
    class Hasty(Optimizer):
        slots = ("proceed",)

        def rule(self, value: Any, grad: Any, proceed: Any, rate: Any) -> Any:
            return value - rate * grad, proceed

    Hasty(0.1).update(True)
    with pytest.raises(ExpressionError, match=r"Hasty\.rule expects no slot or scalar called proceed"):
        Hasty(0.1).update(True, conditional=True)
