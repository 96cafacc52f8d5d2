"""The functions that the stand-in takes from NumPy: those that CuPy has, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cuda_on_cpu.stand_in.evaluation import evaluate, evaluate_ufunc, gathered, rearranged


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


UFUNCS = words("""
    abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor cbrt ceil
    copysign cos cosh divide divmod equal exp exp2 expm1 fabs floor floor_divide fmax fmin fmod greater greater_equal
    hypot invert isfinite isinf isnan ldexp left_shift less less_equal log log10 log1p log2 logaddexp logical_and
    logical_not logical_or logical_xor matmul maximum minimum mod modf multiply negative nextafter not_equal positive
    power reciprocal remainder right_shift rint sign signbit sin sinh sqrt square subtract tan tanh true_divide trunc
""")
COMPUTING = words("""
    all allclose any argmax argmin argsort array_equal average bincount clip count_nonzero cumprod cumsum diff dot
    einsum inner max mean median min nonzero outer prod ptp round sort std sum tensordot trace tril triu unique var
    where
""")
MOVING = words("""
    broadcast_to diagonal expand_dims flip moveaxis ravel repeat reshape roll rollaxis rot90 squeeze swapaxes take
    tile transpose
""")
GATHERING = words("column_stack concatenate dstack hstack stack vstack")
VALUES = words("""
    bool_ dtype e float16 float32 float64 inf int16 int32 int64 int8 nan newaxis pi uint16 uint32 uint64 uint8 finfo
    iinfo promote_types can_cast
""")


def function(stand_in: Any, name: str) -> Any:
    """The function or value `name` for a stand-in; AttributeError where it has none."""
    makers: list[tuple[frozenset[str], Callable[[Any, str], Any]]]
    makers = [(UFUNCS, ufunc), (COMPUTING, computing), (MOVING, moving), (GATHERING, gathering)]
    for names, maker in makers:
        if name in names:
            return maker(stand_in, name)
    if name in VALUES:
        return getattr(np, name)
    raise AttributeError(f"the stand-in for cupy has no {name}")


def ufunc(stand_in: Any, name: str) -> Callable[..., Any]:
    return lambda *inputs, **options: evaluate_ufunc(stand_in, getattr(np, name), "__call__", inputs, options)


def computing(stand_in: Any, name: str) -> Callable[..., Any]:
    return lambda *inputs, **options: evaluate(stand_in, name, getattr(np, name), inputs, options)


def moving(stand_in: Any, name: str) -> Callable[..., Any]:
    def move(array: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(array, stand_in.ndarray):
            raise TypeError(f"{name} expects an array of the device, got {type(array)}")
        plain = [argument.get() if isinstance(argument, stand_in.ndarray) else argument for argument in arguments]
        return rearranged(array, lambda host: getattr(np, name)(host, *plain, **options))

    return move


def gathering(stand_in: Any, name: str) -> Callable[..., Any]:
    return lambda arrays, axis=None, **options: gathered(
        stand_in, name, getattr(np, name), arrays, options | ({} if axis is None else {"axis": axis})
    )
