"""Layers that join Values or change their shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers.outcomes import check_like_torch
from layers.outcomes import numbers as single_numbers

from fusegrad.graph import GraphError, Input, ParamArena, Program
from fusegrad.layers import Add, Concat, Flatten, Multiply, Pad, Reshape, Split, Transpose


def run(function, *arrays):
    values = [Input(array.shape, str(array.dtype)) for array in arrays]
    return Program(values, function(*values), ParamArena([], precision="float64")).forward(*arrays)


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_concat_is_numpys(axis):
    parts = [numbers(2, 3, 4), numbers(2, 3, 4) + 1, numbers(2, 3, 4) + 2]
    np.testing.assert_array_equal(run(Concat(axis), *parts), np.concatenate(parts, axis))


def test_the_others():
    x = numbers(2, 3, 4)
    np.testing.assert_array_equal(run(Flatten(), x), x.reshape(2, 12))
    np.testing.assert_array_equal(run(Reshape(4, -1), x), x.reshape(4, 6))
    np.testing.assert_array_equal(run(Add(), x, x[0]), x + x[0])
    np.testing.assert_array_equal(run(Multiply(), x, x[0]), x * x[0])


@pytest.mark.parametrize("axes", [(), (0, 2, 1), (2, 0, 1), (-1, 0, 1)])
def test_transpose_is_numpys(axes):
    x = numbers(2, 3, 4)
    for transposed in (Transpose(*axes), Transpose(axes), lambda x: x.transpose(*axes)):
        np.testing.assert_array_equal(run(transposed, x), x.transpose(axes or None))


@pytest.mark.parametrize(("parts", "cuts"), [(3, [2, 4]), ((1, 3, 2), [1, 4]), ((6,), [])])
def test_split_gives_what_concat_joins(parts, cuts):
    x = numbers(2, 6, 3)
    wanted = np.split(x, cuts, axis=1)
    for i, part in enumerate(wanted):
        np.testing.assert_array_equal(run(lambda x, i=i: Split(parts, axis=1)(x)[i], x), part)
    np.testing.assert_array_equal(run(lambda x: Concat(1)(*Split(parts, axis=1)(x)), x), x)


def test_a_part_that_nobody_reads_gets_no_gradient():
    x = Input((2, 6))
    first, _, last = Split(3)(x)
    program = Program([x], (2 * first + last).sum(), ParamArena([]), gradients_of=[x])
    program.forward(np.ones((2, 6), "float32"))
    program.backward()
    np.testing.assert_array_equal(program.gradient(x), [[2, 2, 0, 0, 1, 1]] * 2)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(data=st.data(), shape=st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_pad_is_numpys(data, shape):
    mode = data.draw(st.sampled_from(["constant", "reflect", "edge", "wrap"]))
    most = [{"constant": 3, "edge": 3, "reflect": extent - 1, "wrap": extent}[mode] for extent in shape]
    pads = [(data.draw(st.integers(0, limit)), data.draw(st.integers(0, limit))) for limit in most]
    skipped = data.draw(st.integers(0, len(shape) - 1))
    pads[:skipped] = [(0, 0)] * skipped
    x = numbers(*shape)
    constant = {"constant_values": 1.5} if mode == "constant" else {}
    np.testing.assert_array_equal(run(Pad(pads[skipped:], mode, 1.5), x), np.pad(x, pads, mode, **constant))


@settings(derandomize=True, deadline=None, max_examples=20)
@given(data=st.data(), extents=st.tuples(st.integers(2, 5), st.integers(2, 5)))
def test_pad_and_its_gradient_are_pytorchs(data, extents):
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    mode = data.draw(st.sampled_from([*modes]))
    low = -1 if mode == "constant" else 0
    pads = [(data.draw(st.integers(low, n - 1)), data.draw(st.integers(max(low, 0), n - 1))) for n in extents]
    flat = [number for pair in reversed(pads) for number in pair]
    x = single_numbers(2, 3, *extents)
    check_like_torch(Pad(pads, mode), lambda x: torch.nn.functional.pad(x, flat, modes[mode]), x)


def test_numbers_below_0_crop():
    x = numbers(4, 6)
    np.testing.assert_array_equal(
        run(Pad(((-1, 0), (2, -3)), value=7.0), x), np.pad(x[1:, :3], ((0, 0), (2, 0)), constant_values=7)
    )


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        (
            Concat(),
            [(2, 3), (3, 3)],
            r"Concat\(axis=-1\) expects inputs like \(2, 3\) float32 but for axis 1, got \(3, 3\)",
        ),
        (Concat(), [(2, 3), (2, 3, 1)], r"Concat\(axis=-1\) expects inputs like .*, got \(2, 3, 1\)"),
        (Concat(2), [(2, 3)], r"Concat\(axis=2\) expects an axis that 2 axes have, got 2"),
        (Concat(), [], r"Concat\(axis=-1\) expects at least one input, got none"),
        (Add(), [(2, 3), (4,)], r"Add expects shapes that broadcast, got \(2, 3\) and \(4,\)"),
        (Reshape(5, -1), [(2, 3)], r"Reshape expects a shape of 6 elements for \(2, 3\), got \(5, -1\)"),
        (Reshape(-1, -1), [(2, 3)], r"Reshape expects a shape of 6 elements .*, got \(-1, -1\)"),
        (Multiply(), [(2, 3), (4,)], r"Multiply expects shapes that broadcast, got \(2, 3\) and \(4,\)"),
        (Split(2), [(2, 3)], r"Split\(2, axis=-1\) expects a multiple of 2 along axis 1, got \(2, 3\)"),
        (Split((1, 3)), [(2, 3)], r"Split\(\(1, 3\), axis=-1\) expects 4 entries along axis 1, got \(2, 3\)"),
        (Split(2, 2), [(2, 4)], r"Split\(2, axis=2\) expects an axis that 2 axes have, got 2"),
        (Transpose(0, 0), [(2, 3)], r"Transpose\(0, 0\) expects each of the 2 axes of \(2, 3\) once, got \(0, 0\)"),
        (Transpose(0, 2), [(2, 3)], r"Transpose\(0, 2\) expects each of the 2 axes of \(2, 3\) once, got \(0, 2\)"),
        (Pad((1, 1, 1)), [(2, 3)], r"Pad\(.*\) expects 3 axes or more, got \(2, 3\)"),
        (Pad((2,), "reflect"), [(2, 2)], r'Pad\(.*"reflect"\) expects padding that 2 entries allow, got \(2, 2\)'),
        (Pad((3,), "wrap"), [(2, 2)], r'Pad\(.*"wrap"\) expects padding that 2 entries allow, got \(3, 3\)'),
        (Pad((-1,)), [(2, 2)], r"Pad\(.*\) expects padding that 2 entries allow, got \(-1, -1\)"),
        (Pad(((-2, 1),)), [(2, 2)], r"Pad\(.*\) expects padding that 2 entries allow, got \(-2, 1\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(layer, shapes, message):
    with pytest.raises(GraphError, match=message):
        layer(*map(Input, shapes))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Split(0), "Split expects a number of parts, or their extents, got 0"),
        (lambda: Split((2, 0)), r"Split expects a number of parts, or their extents, got \(2, 0\)"),
        (lambda: Split(2.0), "Split expects a number of parts, or their extents, got 2.0"),
        (lambda: Split(True), "Split expects a number of parts, or their extents, got True"),
        (lambda: Split(2, 1.0)(Input((2, 4))), r"Split\(2, axis=1.0\) expects an axis that 2 axes have, got 1.0"),
        (lambda: Concat("rows")(Input((2, 4))), r"Concat\(axis=rows\) expects an axis that 2 axes have, got rows"),
        (lambda: Flatten()(Input(())), r"Flatten expects input \(batch, …\), got \(\) float32"),
        (lambda: Flatten()(3), r"Flatten expects a Value \(see fg.Input\), got int"),
        (lambda: Reshape(True, 8), r"Reshape expects integers, one by one or in a tuple, got \(True, 8\)"),
        (lambda: Transpose(True, False), r"Transpose expects integers, one by one or in a tuple, got \(True, False\)"),
        (lambda: Transpose("ab"), r"Transpose expects integers, one by one or in a tuple, got \('ab',\)"),
        (lambda: Pad((1,), "mirror"), "Pad expects one of the modes constant, reflect, edge, wrap, got 'mirror'"),
        (lambda: Pad(1), r"Pad expects padding for each of the last axes, such as \(1, \(2, 0\)\), got 1"),
        (lambda: Pad([(1, 2, 3)]), r"Pad expects a whole number or a pair of them for each axis, got \(1, 2, 3\)"),
        (lambda: Pad((True,)), "Pad expects a whole number or a pair of them for each axis, got True"),
        (lambda: Pad((1,), value=None), "Pad expects a number as value, got None"),
        (lambda: Pad((-1,), "edge"), r'Pad\(.*"edge"\) expects numbers of at least 0, but for the mode constant, got'),
    ],
)
def test_arguments_that_do_not_fit_are_named(make, message):
    with pytest.raises(GraphError, match=message):
        make()


def test_numbers_of_numpy_are_numbers():
    one, two, four = map(np.int64, (1, 2, 4))
    x = numbers(2, 4)
    np.testing.assert_array_equal(run(lambda x: Concat(one)(*Split(two, one)(x)), x), x)
    np.testing.assert_array_equal(run(Reshape(four, 2), x), x.reshape(4, 2))
    np.testing.assert_array_equal(run(Transpose(one, 0), x), x.T)
    np.testing.assert_array_equal(run(Pad((one,)), x), np.pad(x, ((0, 0), (1, 1))))
    np.testing.assert_array_equal(run(lambda x: x[one, : np.int64(3)], x), x[1, :3])
    np.testing.assert_array_equal(run(lambda x: x.sum(one), x), x.sum(1))


def test_pad_refuses_integers():
    with pytest.raises(GraphError, match="expects floating-point input"):
        Pad((1,))(Input((3,), "int32"))
