"""Program.explain: the calls before and after fusing, with the bytes and FLOPs that one can count by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fusegrad import losses, optimizers
from fusegrad.graph import Arrays, Input, Layer, ParamArena, Program
from fusegrad.layers import Linear, Sequential, Tanh

ROWS, WIDTH, OUT = 32, 64, 16
ROW = re.compile(r"^  (?P<call>\S.*?)?\s+(\(.*?\))?\s+(?P<bytes>[\d,]+)\s+(?P<flops>[\d,]+)$")


def number(text):
    return int(text.replace(",", ""))


def parts(text):
    """For both parts of the text: (call, bytes, FLOPs) per line, the last one being the sum."""
    tables = [part.splitlines()[2:] for part in text.split("\n\n")]
    matches = [[ROW.match(line) for line in table] for table in tables]
    return [[(m["call"], number(m["bytes"]), number(m["flops"])) for m in table] for table in matches]


def explained(**options):
    model, x = Sequential(Linear(OUT), Tanh()), Input((ROWS, WIDTH))
    loss = losses.MSE()(model(x), Input((ROWS, OUT), name="target"))
    inputs = [x, next(v for v in loss.node.input_values() if v.node is None)]
    return parts(Program(inputs, loss, ParamArena(model), **options).explain())


def test_what_can_be_counted_by_hand():
    before, after = explained(optimizer=optimizers.SGD(0.1))
    product, each = 2 * ROWS * WIDTH * OUT, ROWS * OUT
    arrays = 4 * (ROWS * WIDTH + WIDTH * OUT + OUT + ROWS * OUT)  # x, weight, bias, y
    assert before[:2] == [("Linear.forward", arrays, product + each), ("Tanh.forward", 8 * each, each)]
    assert after[0] == ("Linear.forward", arrays, product + 2 * each)
    assert [call for call, *_ in before] == [
        "Linear.forward",
        "Tanh.forward",
        "MSE.forward",
        "gradient of the loss",
        "MSE.backward",
        "Tanh.backward",
        "Linear.backward",
        None,
    ]
    assert [call for call, *_ in after if call not in ("Tanh.forward", "Tanh.backward")] == [call for call, *_ in after]


def test_the_last_line_is_the_sum_and_fusing_moves_less():
    before, after = explained(optimizer=optimizers.SGD(0.1))
    for table in (before, after):
        *rows, (_, nbytes, flops) = table
        assert (sum(row[1] for row in rows), sum(row[2] for row in rows)) == (nbytes, flops)
    assert after[-1][1] < before[-1][1]
    assert after[-1][2] == before[-1][2]


def test_a_program_that_evaluates_has_no_backward():
    assert [call for call, *_ in explained()[1]] == ["Linear.predict", "MSE.forward", None]


class Shifted(Layer):
    """y = x + shift, for a constant array."""

    def plan(self, x):
        return Arrays({"y": x}, constants={"shift": np.ones(WIDTH, "float32")})

    def forward(self, x, shift, y):
        np.add(x, shift, out=y)


@pytest.mark.parametrize(("precision", "size"), [("float32", 4), ("bfloat16", 2)])
def test_arrays_that_never_change_are_counted_in_every_precision(precision, size):
    x = Input((ROWS, WIDTH))
    arena = ParamArena([], precision=precision, backend="emulated")
    for table in parts(Program([x], Shifted()(x), arena).explain()):
        assert [nbytes for call, nbytes, _ in table if call == "Shifted.forward"] == [
            2 * size * ROWS * WIDTH + 4 * WIDTH
        ]
