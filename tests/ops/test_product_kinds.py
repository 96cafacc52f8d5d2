"""Which products are of one kind, so that one choice serves them, and the copies on which they are measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ops.tuning_bench import ROWS, drawn, dropping, made

from fusegrad.backend.emulated import EmulatedBackend
from fusegrad.expr import function
from fusegrad.expr.activations import gelu, tanh
from fusegrad.ops.gemm import Activated, Sloped, likeness, tuning
from fusegrad.ops.gemm.product import Product


@pytest.fixture(scope="module")
def backend() -> Iterator[EmulatedBackend]:
    backend = EmulatedBackend("check")
    with backend.using_stream():
        yield backend


def kind(product: Product) -> str:
    return tuning.kind(product, tuning.candidates(product))


def shifted(array: Any) -> Any:
    """The same numbers, 4 bytes behind the beginning of memory."""
    memory = array.__array_namespace__().empty(array.size + 1, array.dtype)[1:]
    memory[...] = array.reshape(-1)
    return memory.reshape(array.shape)


gate = function(lambda x: x * tanh(x), name="gate")
other_gate = function(lambda x: x + tanh(x), name="gate")  # of the same name

OTHERS = {
    "rows": lambda x: made({name: array[:8] if len(array) == ROWS else array for name, array in x.items()}),
    "stack": lambda x: made({name: x[name][None].repeat(2, 0) for name in ("a", "b", "y")}),
    "strides": lambda x: made(x | {"b": x["b"].T.copy().T}),
    "alignment": lambda x: made(x | {"a": shifted(x["a"])}),
    "one array twice": lambda x: made(x, Activated(residual=x["y"])),
    "dtype": lambda x: made({name: array.astype("float16") for name, array in x.items()}),
    "dtype of y": lambda x: made({n: array.astype("float16") if n in "ab" else array for n, array in x.items()}),
    "sum": lambda x: made(x, add=True),
    "arithmetic": lambda x: replace(made(x), arithmetic="tf32"),
    "function": lambda x: made(x, Activated(gate)),
    "text of a function": lambda x: made(x, Activated(other_gate)),
    "bias": lambda x: made(x, Activated(bias=x["bias"])),
    "h": lambda x: made(x, Activated(h=x["h"])),
    "residual": lambda x: made(x, Activated(residual=x["residual"])),
    "drop": lambda x: made(x, Activated(drop=dropping(x))),
    "slope": lambda x: made(x, Sloped(gate, x["saved"])),
    "sums": lambda x: made(x, Sloped(gate, x["saved"], x["sums"])),
    "sums that are added": lambda x: made(x, Sloped(gate, x["saved"], x["sums"], add_sums=True)),
}


def test_products_that_differ_are_measured_for_themselves(backend):
    arrays = drawn(backend)
    kinds = {"as it is": kind(made(arrays))} | {what: kind(make(arrays)) for what, make in OTHERS.items()}
    assert len(set(kinds.values())) == len(kinds), kinds


@pytest.mark.parametrize("version", ["name", "compute_capability", "driver", "runtime", "nvrtc", "cuBLASLt"])
def test_another_device_or_version_is_measured_for_itself(backend, monkeypatch, version):
    product, xp = made(drawn(backend)), backend.xp
    before = kind(product)
    with monkeypatch.context() as changed:
        if version == "name":
            changed.setattr(xp.cuda.runtime, "getDeviceProperties", lambda device: {"name": b"another"})
        elif version == "compute_capability":
            changed.setattr(xp, "architecture", "90")
        elif version == "cuBLASLt":
            changed.setattr(tuning.cublaslt.library(xp), "get_version", lambda: 130000)
        elif version == "nvrtc":
            changed.setattr(xp.cuda.nvrtc, "getVersion", lambda: (13, 0))
        else:
            changed.setattr(xp.cuda.runtime, f"{version}GetVersion", lambda: 13000)
        tuning.machine.cache_clear()
        assert kind(product) != before
    tuning.machine.cache_clear()
    assert kind(product) == before


def test_other_texts_of_kernels_and_other_ways_are_measured_for_themselves(backend, monkeypatch):
    product = made(drawn(backend))
    before = kind(product)
    assert tuning.kind(product, {}) != before
    source = tuning.kernel_source
    monkeypatch.setattr(tuning, "kernel_source", lambda *given: replace(source(*given), text="// another"))
    assert kind(product) != before


def test_neither_addresses_nor_what_dropout_draws_make_a_difference(backend):
    one, other = drawn(backend), drawn(backend)
    assert kind(made(one)) == kind(made(other))
    draws = [dropping(one), dropping(other, node=4, rate=0.5)]
    assert len({kind(made(one, Activated(drop=drop))) for drop in draws}) == 1


def test_a_copy_is_like_the_product_and_has_its_own_memory(backend):
    arrays = drawn(backend) | {"b": shifted(drawn(backend)["b"].T).T}
    after = Activated(gelu, arrays["bias"], arrays["h"], arrays["y"], dropping(arrays))
    copy = likeness.copied(product := made(arrays, after))
    assert likeness.signature(copy) == likeness.signature(product)
    assert copy.after.residual is copy.y.memory
    memories = {name: getattr(copy, name).memory for name in ("a", "b", "y")}
    memories |= {name: getattr(copy.after, name) for name in ("bias", "h")}
    assert len({memory.data.ptr for memory in memories.values()} - {x.data.ptr for x in arrays.values()}) == 5
    for name, memory in memories.items():
        assert memory.data.ptr % 256 == arrays[name].data.ptr % 256
        assert memory.size == arrays[name].size
        assert np.std(memory.get()) > 0.3  # of N(0, 1); zeros would be multiplied faster
    assert copy.after.drop.mask.data.ptr != arrays["mask"].data.ptr
