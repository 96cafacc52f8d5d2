"""What a kernel moves as a vector, one instruction moves: the compiler may split what it cannot see to be aligned."""

from __future__ import annotations

import re

import nvrtc
import pytest

from fusegrad.backend.compiler import compiled
from fusegrad.backend.nvrtc import compiler
from fusegrad.backend.sources import kernel_source

VECTORS = {  # kernels that store nothing else
    "bias_activation_forward<float, 4>": "bias_activation.cu",
    "bias_activation_forward<double, 2>": "bias_activation.cu",
    "bias_activation_forward<__half, 8>": "bias_activation.cu",
    "embedding_forward<float, 4, int>": "embedding.cu",
    "embedding_backward<float, 4, long long>": "embedding.cu",
    "embedding_backward<__half, 4, int>": "embedding.cu",
    "layer_norm_backward<float, 32, 4>": "layer_norm.cu",
    "layer_norm_backward<__half, 256, 8>": "layer_norm.cu",
    "reduction_spread<float, unsigned, 4>": "reduction.cu",
    "rms_norm_backward<double, 32, 2>": "rms_norm.cu",
    "transpose_rows<__nv_bfloat16, 8>": "transpose.cu",
}


def stores(file: str, name: str) -> list[str]:
    """Every store to global memory: "v4" where it is one of four numbers, "" where it is one of a single number."""
    nvrtc.require(headers=True)
    module, options = compiler()
    with compiled(module, kernel_source(file), [name], "90a", options) as program:
        return re.findall(r"st\.global\.(v\d|)", module.getPTX(program).decode())


@pytest.mark.parametrize(("name", "file"), VECTORS.items(), ids=VECTORS)
def test_stores_of_vectors_are_not_split(name, file):
    found = stores(file, name)
    assert found
    assert all(found)


def test_single_stores_are_seen():
    assert "" in stores("bias_activation.cu", "bias_activation_forward<float, 1>")
