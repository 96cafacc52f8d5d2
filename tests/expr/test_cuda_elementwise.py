"""Loops as arguments of CuPy's ElementwiseKernel: what they say, and that CuPy's conventions hold."""

from __future__ import annotations

import re

import pytest
from expr.cuda_loops import LOOPS, n, x, y

from fusegrad.expr.cuda_elementwise import elementwise_text
from fusegrad.expr.cuda_text import PREAMBLE
from fusegrad.expr.loop import NUMBER, loop

AXPY = loop("a(x)py", {"y": n * x + y}, n=NUMBER)
TYPES = {"x": "__half", "y": "__half", "n": "float"}
DTYPES = {"x": "float16", "y": "float16", "n": "float32"}


def test_an_elementwise_kernel():
    text = elementwise_text(AXPY, TYPES, DTYPES)
    assert (text.name, text.preamble, text.order) == ("loop_a_x_py", PREAMBLE, ("n", "x", "y"))
    assert (text.in_params, text.out_params) == ("float32 n_, float16 x_", "float16 y_")
    assert text.operation == (
        "const float t0 = n_;\n"
        "const float t1 = x_;\n"
        "const float t2 = (t0 * t1);\n"
        "const float t3 = y_;\n"
        "const float t4 = (t2 + t3);\n"
        "// Everything has been read; a target may be one of the arguments.\n"
        "y_ = t4;"
    )


@pytest.mark.parametrize("work", LOOPS.values(), ids=LOOPS)
def test_no_parameter_has_a_name_that_cupy_uses(work):
    every = dict.fromkeys(work.names(), "float")
    text = elementwise_text(work, every, dict.fromkeys(every, "float32"))
    names = [parameter.split()[1] for parameter in f"{text.in_params}, {text.out_params}".split(", ")]
    assert sorted(names) == sorted(f"{name}_" for name in work.names())
    assert re.fullmatch(r"[a-zA-Z_]\w*", text.name)
    assert not {"i", "n", "_ind"} & set(names)
