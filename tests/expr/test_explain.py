"""The explanation of a formula: its nodes, its derivatives, what is kept, and the text of its loops."""

from __future__ import annotations

import re

import pytest

from fusegrad.expr import ExpressionError, explain, function, maximum, softplus, tanh


def section(text: str, title: str) -> str:
    """The lines below a title, up to the next empty line."""
    return text.partition(f"{title}\n")[2].partition("\n\n")[0]


def test_nodes_are_numbered_and_shared():
    text = explain(lambda x: tanh(x * x) * (tanh(x * x) + 2))
    assert section(text, "(x)\n") == (
        "    %0 = argument x\n"
        "    %1 = %0 * %0\n"
        "    %2 = tanh(%1)\n"
        "    %3 = constant 2.0\n"
        "    %4 = %2 + %3\n"
        "    %5 = %2 * %4\n"
        "    output: %5"
    )


def test_a_derivative_is_listed_for_every_argument():
    text = explain(function(lambda u, v, *, a: a * u * v * v, name="f"))
    assert text.startswith("f(u, v, a=)\n")
    assert "slope: %" in section(text, "derivative by u")
    assert "slope: %" in section(text, "derivative by v")
    assert "derivative by a" not in text
    assert "du = " in text
    assert "dv = " in text


KEPT = {
    "relu": (lambda x: maximum(x, 0), "y alone, for it gives the derivative, as the rules of the chain show: where("),
    "softplus": (softplus, "y alone, for it gives the derivative, as it was given with the function: (-expm1"),
    "square": (lambda x: x * x, "x: the output y does not give the derivative, which is (x + x)"),
    "product": (lambda u, v: u * v, "u, v: the output y does not give the derivative, which is v, u"),
    "line": (lambda x: 3 * x + 1, "nothing: the derivative is 3.0 everywhere"),
}


@pytest.mark.parametrize(("formula", "reason"), KEPT.values(), ids=KEPT)
def test_what_is_kept_and_why(formula, reason):
    line = section(explain(formula), "kept for a backward pass").strip()
    assert "\n" not in line
    assert line.replace("neg(", "(-").startswith(reason)


def test_the_text_of_all_loops():
    text = explain(function(lambda x: tanh(x), name="f"))
    titles = re.findall(r"--- (.*) ---", text)
    assert titles == [
        f"{name}, {evaluator}"
        for name in ("f", "f_backward")
        for evaluator in ("NumPy: `block` for every block of elements", "Numba", "CUDA")
    ]
    forward, backward = text.split("--- f_backward, NumPy")
    assert "np.tanh(x, out=y)" in forward
    assert "y[_i] = _1" in forward
    assert "const float t1 = tanh(t0);" in forward
    assert "np.multiply(dy, dx, out=dx)" in backward  # dx = dy (1 − y²), from y
    assert "def loop(dx, dy, y):" in backward
    assert "\nloop_f_backward(float* dx_, const float* dy_, const float* y_, long long n)" in backward


def test_a_function_of_several_outputs_has_no_backward_loop():
    text = explain(lambda x: (x, tanh(x)))
    assert "output: %0, %1" in text
    assert "backward" not in text


def test_a_function_with_its_own_derivative_says_so():
    assert "called softplus(%0), with a derivative of its own" in explain(lambda x: softplus(x) * 2)


def test_a_formula_that_cannot_be_traced_is_refused():
    with pytest.raises(ExpressionError, match="no truth value"):
        explain(lambda x: x if x > 0 else -x)
