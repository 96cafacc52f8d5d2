"""Who computes a product: the fastest in times that tests pretend, kept on disk, tried on copies; or the rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checks import check_close
from ops.tuning_bench import COLUMNS, INNER, RATE, ROWS, drawn, dropping, made

from cuda_on_cpu import LaunchError as NeverWritten
from fusegrad.backend import random, resolve, timing
from fusegrad.backend.availability import has_gpu
from fusegrad.backend.cublaslt import Matmul
from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.backend.kernel import LaunchError
from fusegrad.expr.activations import gelu, gelu_tanh, relu
from fusegrad.ops.gemm import Activated, Sloped, bind_product, choice, simt, tuning
from fusegrad.ops.gemm.product import Product

LIBRARY, SMALL, LARGE = "cuBLASLt", "matmul.cu, tiles of 64", "matmul.cu, tiles of 128"
IN_TWO = "cuBLASLt, then bias_activation.cu"


@pytest.fixture(scope="module")
def backend() -> Iterator[EmulatedBackend]:
    backend = EmulatedBackend("check")
    with backend.using_stream():
        yield backend


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where choices are kept; at first nothing is known."""
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path))
    forget(monkeypatch)
    return tmp_path


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process knows, as the next one would."""
    monkeypatch.setattr(tuning, "_chosen", {})


FOLLOWED = {
    "nothing": lambda x: (None, False),
    "added": lambda x: (None, True),
    "h": lambda x: (Activated(gelu_tanh, x["bias"], x["h"]), False),
    "mask": lambda x: (Activated(relu, x["bias"], drop=dropping(x)), True),
    "sums": lambda x: (Sloped(gelu, x["saved"], x["sums"], add_sums=True), False),
}


def expected(what: str, x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the arrays hold in the end, from wide ones."""
    h = x["a"] @ x["b"]
    if what == "sums":
        y = h * gelu.derivative()(x["saved"])
        return {"y": y, "sums": x["sums"] + y.sum(0)}
    if what == "h":
        return {"h": h + x["bias"], "y": gelu_tanh(h + x["bias"])}
    if what == "mask":
        mask = np.empty((ROWS, COLUMNS), "uint8")
        random.keep(mask, 5, 6, 3, RATE)
        return {"y": x["y"] + relu(h + x["bias"]) * mask / (1 - RATE), "mask": mask}
    return {"y": h + (x["y"] if what == "added" else 0)}


def pretended(fastest: str) -> tuning.Timing:
    """Times in which this one wins."""
    return lambda cuda, runs: {name: 1.0 + (name != fastest) for name in runs}


def unasked(cuda: Any, runs: Any) -> dict[str, float]:
    raise AssertionError("nothing is to be measured")


def winner(product: Product, time: tuning.Timing) -> str:
    return tuning.chosen(product, tuning.candidates(product), time)


def wide(backend: EmulatedBackend, arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: backend.to_numpy(array).astype("float64") for name, array in arrays.items()}


WAYS = {what: [IN_TWO, SMALL, LARGE] for what in ("h", "sums")} | {
    "nothing": [LIBRARY, SMALL, LARGE],
    "added": [LIBRARY, SMALL, LARGE],
    "mask": [SMALL, LARGE],
}


@pytest.mark.parametrize("what", FOLLOWED)
def test_whoever_is_fastest_computes_the_product(backend, monkeypatch, cache, what):
    product = made(arrays := drawn(backend), *FOLLOWED[what](arrays))
    assert list(tuning.candidates(product)) == WAYS[what]
    for name in WAYS[what]:
        forget(monkeypatch)
        for file in cache.glob("product-*"):
            file.unlink()
        product = made(arrays := drawn(backend), *FOLLOWED[what](arrays))
        wanted = expected(what, wide(backend, arrays))
        tuning.bound(product, pretended(name))()
        assert winner(product, unasked) == name
        for array, content in wanted.items():
            check_close(f"{array} by {name}", backend.to_numpy(arrays[array]), content, "float32", INNER * ROWS)


@pytest.mark.parametrize("what", FOLLOWED)
def test_measuring_leaves_the_arrays_alone(backend, what):
    arrays = drawn(backend)
    product = made(arrays, *FOLLOWED[what](arrays))
    before = {name: array.get() for name, array in arrays.items()}
    tuning.bound(product, timing.milliseconds)
    for name, content in before.items():
        np.testing.assert_array_equal(arrays[name].get(), content, err_msg=name)


def test_measuring_neither_reads_nor_writes_what_nobody_wrote(backend):
    arrays = {name: backend.empty(array.shape, array.dtype) for name, array in drawn(backend).items()}
    tuning.bound(made(arrays, Activated(gelu_tanh, arrays["bias"], arrays["h"])))
    for name in ("a", "b", "bias", "y", "h"):
        with pytest.raises(NeverWritten, match="which nothing ever wrote"):
            arrays[name].get()


def test_equal_products_are_measured_once(backend, cache):
    assert winner(made(drawn(backend)), pretended(LARGE)) == LARGE
    (file,) = cache.glob("product-*.json")
    file.unlink()
    assert winner(made(drawn(backend)), unasked) == LARGE


def test_a_choice_is_found_on_disk_with_its_times(backend, cache, monkeypatch):
    winner(made(drawn(backend)), pretended(LARGE))
    (file,) = cache.glob("product-*.json")
    assert json.loads(file.read_text())["milliseconds"] == {LIBRARY: 2, SMALL: 2, LARGE: 1}
    forget(monkeypatch)
    later = EmulatedBackend("check")
    with later.using_stream():
        assert winner(made(drawn(later)), unasked) == LARGE


def test_of_processes_that_measure_at_the_same_time_all_take_what_the_first_one_kept(backend, cache):
    def meanwhile(cuda: Any, runs: Any) -> dict[str, float]:
        winner(made(drawn(backend)), pretended(SMALL))
        return pretended(LARGE)(cuda, runs)

    assert winner(made(drawn(backend)), meanwhile) == SMALL
    (file,) = cache.glob("product-*.json")
    assert json.loads(file.read_text())["fastest"] == SMALL


def damaged(text: str) -> Iterator[tuple[str, str]]:
    entry = json.loads(text)
    yield "empty", ""
    yield "cut off", text[: len(text) // 2]
    yield "no object", "[1, 2]"
    yield "of another product", json.dumps(entry | {"kind": "another"})
    yield "without a choice", json.dumps({"kind": entry["kind"]})
    yield "no name", json.dumps(entry | {"fastest": ["tiles"]})
    yield "not known any more", json.dumps(entry | {"fastest": "tiles of 63"})


def test_a_damaged_choice_is_measured_anew(backend, cache, monkeypatch):
    winner(made(drawn(backend)), pretended(LARGE))
    (file,) = cache.glob("product-*.json")
    for what, text in damaged(whole := file.read_text()):
        file.write_text(text)
        forget(monkeypatch)
        assert winner(made(drawn(backend)), pretended(LARGE)) == LARGE, what
        assert file.read_text() == whole, what


def refusing(error: Exception) -> Any:
    def bind(*given: Any) -> None:
        raise error

    return bind


def with_ways(monkeypatch: pytest.MonkeyPatch, **ways: Any) -> None:
    monkeypatch.setattr(tuning, "candidates", lambda product: ways)


def test_ways_that_refuse_are_left_out(backend, monkeypatch):
    product = made(drawn(backend))
    library_error = tuning.cublaslt.library(backend.xp).cuBLASLtError(15, "no")
    ways = {"binds": refusing(LaunchError("no")), "runs": lambda: refusing(library_error), "nothing": lambda: None}
    with_ways(monkeypatch, **ways, possible=lambda: lambda: None)
    assert list(tuning.measured(product)) == ["possible"]
    with_ways(monkeypatch, **ways)
    with pytest.raises(type(library_error), match="no"):
        tuning.measured(product)


def test_errors_that_are_no_refusals_come_out_with_the_name_of_the_way(backend, monkeypatch):
    with_ways(monkeypatch, wrong=refusing(ZeroDivisionError()), possible=lambda: lambda: None)
    with pytest.raises(ZeroDivisionError) as raised:
        tuning.measured(made(drawn(backend)))
    assert raised.value.__notes__[0].startswith("by wrong, when it was tried for the product (9, 20, 12")


def test_a_way_for_the_copy_alone_is_an_error(backend, monkeypatch):
    bound = iter([lambda: None, None])
    with_ways(monkeypatch, odd=lambda: next(bound))
    with pytest.raises(RuntimeError, match="odd computed a copy of a product, but not the product"):
        tuning.bound(made(drawn(backend)))


def test_nothing_is_measured_while_a_stream_captures(backend):
    product, stream = made(drawn(backend)), backend.stream
    stream.begin_capture()
    try:
        with pytest.raises(RuntimeError, match="to be bound before a capture begins"):
            tuning.bound(product, unasked)
    finally:
        stream.end_capture()


def pretend_a_gpu(monkeypatch: pytest.MonkeyPatch) -> list[Product]:
    """What is measured from now on."""
    seen: list[Product] = []
    monkeypatch.setattr(choice, "is_on_gpu", lambda array: True)
    monkeypatch.setattr(tuning, "bound", lambda product: seen.append(product) or simt.bind(product))
    return seen


def test_products_are_measured_on_a_gpu_unless_the_rule_is_wanted(backend, monkeypatch):
    arrays = drawn(backend)
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    seen = pretend_a_gpu(monkeypatch)
    bind_product(arrays["a"], arrays["b"], arrays["y"])
    assert len(seen) == 1
    bind_product(arrays["a"][:0], arrays["b"], arrays["y"][:0])  # has nothing to measure
    monkeypatch.setenv(choice.VARIABLE, "rule")
    bind_product(arrays["a"], arrays["b"], arrays["y"])
    assert len(seen) == 1


def test_where_measuring_fails_the_way_around_it_is_named(backend, monkeypatch):
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    pretend_a_gpu(monkeypatch)
    monkeypatch.setattr(tuning, "bound", refusing(MemoryError()))
    arrays = drawn(backend)
    with pytest.raises(MemoryError) as raised:
        bind_product(arrays["a"], arrays["b"], arrays["y"])
    assert raised.value.__notes__ == ["FUSEGRAD_TUNER=rule binds products without measuring them"]


def test_nothing_is_measured_on_an_emulated_gpu(backend, monkeypatch, cache):
    monkeypatch.setenv(choice.VARIABLE, "measure")
    monkeypatch.setattr(tuning, "bound", unasked)
    arrays = drawn(backend)
    bind_product(arrays["a"], arrays["b"], arrays["y"])()
    assert not list(cache.glob("product-*"))


def test_an_unknown_mode_is_refused(backend, monkeypatch):
    monkeypatch.setenv(choice.VARIABLE, "rules")
    arrays = drawn(backend)
    with pytest.raises(ValueError, match='FUSEGRAD_TUNER names an unknown mode "rules"; perhaps you meant "rule"'):
        bind_product(arrays["a"], arrays["b"], arrays["y"])


def test_the_rule_takes_the_library_for_what_is_large_on_a_gpu(backend, monkeypatch):
    product = made(drawn(backend))
    monkeypatch.setattr(choice, "LARGE", ROWS * INNER * COLUMNS)
    assert not isinstance(choice.by_rule(product), Matmul)
    pretend_a_gpu(monkeypatch)
    assert isinstance(choice.by_rule(product), Matmul)
    monkeypatch.setattr(choice, "LARGE", ROWS * INNER * COLUMNS + 1)
    assert not isinstance(choice.by_rule(product), Matmul)


@pytest.mark.gpu
@pytest.mark.skipif(not has_gpu(), reason="needs CuPy and an NVIDIA GPU")
@pytest.mark.parametrize("what", FOLLOWED)
def test_times_of_the_gpu(what, monkeypatch):
    home = resolve("cuda")
    with home.using_stream():
        arrays = drawn(home)
        product = made(arrays, *FOLLOWED[what](arrays))
        wanted = expected(what, wide(home, arrays))
        bound = tuning.bound(product)
        assert min(tuning.measured(product).values()) > 0
        bound()
        forget(monkeypatch)
        assert winner(product, unasked) in tuning.candidates(product)
    for array, content in wanted.items():
        check_close(array, home.to_numpy(arrays[array]), content, "float32", INNER * ROWS)
