"""What ops say of arrays that may lie in one place: with these in one they compute the bits that they compute apart."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from checks import each_array, leaves
from op_names import name_of
from ops.cases import CASES

from fusegrad.backend import resolve
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.expr.activations import ACTIVATIONS
from fusegrad.ops import loops
from fusegrad.ops.memory import one_memory

DECLARED = [(op, t, s) for op in CASES for t, sources in {**op.in_place, **op.copies}.items() for s in sources]
NAMES = [f"{name_of(op)}-{target}-over-{source}" for op, target, source in DECLARED]


def fitting(op, target, source):
    """The cases in which both arrays are there, as large as each other, and the target is written."""
    for case in CASES[op]:
        given = case.fill("float32")
        arrays = given.get(target), given.get(source)
        if None in [a if a is None else a.dtype for a in arrays] or case.options.get(f"add_{target}"):
            continue
        if arrays[0].size == arrays[1].size > 0 and arrays[0].dtype == arrays[1].dtype:
            yield case, given


def together_and_apart(run, given, options, target, source, home):
    """All arrays but `source`, as the op leaves them when target and source are one, and when they are two."""
    for shared in (True, False):
        arrays = each_array(lambda array: home.asarray(array.copy()), given)
        if shared:
            arrays[target] = arrays[source].reshape(arrays[target].shape)
        with home.using_stream():
            run(**arrays, **options)
        yield {name: list(map(home.to_numpy, leaves(a))) for name, a in arrays.items() if name != source}


def check_same(results, spaces=()):
    together, apart = results
    for name in apart.keys() - set(spaces):
        for one, other in zip(together[name], apart[name], strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


@pytest.mark.parametrize(("op", "target", "source"), DECLARED, ids=NAMES)
def test_results_over_what_is_read_are_those_apart(op, target, source):
    cases = list(fitting(op, target, source))
    assert cases
    for case, given in cases:
        results = together_and_apart(op.reference, given, case.options, target, source, resolve("cpu"))
        check_same(results, case.spaces)


@pytest.mark.parametrize(("op", "target", "source"), DECLARED, ids=NAMES)
def test_kernels_may_write_over_what_they_read(op, target, source):
    *_, (case, given) = fitting(op, target, source)
    home = EmulatedBackend("check")
    check_same(together_and_apart(op.launch, given, case.options, target, source, home), case.spaces)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_activation_in_place(name, dtype):
    function = ACTIVATIONS[name]
    generator = np.random.default_rng(0)
    for op in (loops.forward(function), loops.backward(function)):
        for target, sources in op.in_place.items():
            for source in sources:
                names = [parameter for parameter in op.__signature__.parameters if not parameter.startswith("add_")]
                given = {each: generator.uniform(-3, 3, 1000).astype(dtype) for each in names}
                check_same(together_and_apart(op.reference, given, {}, target, source, resolve("cpu")))


@pytest.mark.parametrize("name", ["tanh", "elu"])
def test_what_numba_compiles_for_one_place(name, tmp_path, monkeypatch):
    pytest.importorskip("numba", reason="compiles with Numba, the extra `fast`")
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))
    op = loops.backward(ACTIVATIONS[name])
    names = [parameter for parameter in op.__signature__.parameters if not parameter.startswith("add_")]
    given = {each: np.random.default_rng(0).uniform(-3, 3, 1003).astype("float32") for each in names}
    for source in op.in_place["dx"]:
        check_same(together_and_apart(partial(op.at_once, "numba"), given, {}, "dx", source, resolve("cpu")))


def test_one_memory_is_the_same_elements_in_the_same_order():
    x = np.arange(6, dtype="float32").reshape(2, 3)
    assert one_memory(x, x)
    assert one_memory(x, x.reshape(3, 2))
    assert not one_memory(x, x.T)
    assert not one_memory(x, x.copy())
    assert not one_memory(x, x.view("int32"))
    assert not one_memory(x, x[:1])
