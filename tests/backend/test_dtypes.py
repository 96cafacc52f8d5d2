"""Number types by name."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fusegrad.backend.dtypes import dtype_of, is_float
from fusegrad.errors import MissingExtra


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_numpys_own(name):
    assert dtype_of(name) == np.dtype(name)
    assert is_float(name) == name.startswith("float")


def test_bfloat16_comes_from_another_package():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes, which gives NumPy bfloat16, is not installed")
    assert dtype_of("bfloat16") == np.dtype(ml_dtypes.bfloat16)
    assert dtype_of(np.dtype(ml_dtypes.bfloat16)).itemsize == 2
    assert is_float("bfloat16")
    assert is_float(np.dtype(ml_dtypes.bfloat16))


def test_without_which_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(MissingExtra, match=r'bfloat16 needs ml_dtypes: pip install "fusegrad\[emulated\]"'):
        dtype_of("bfloat16")
