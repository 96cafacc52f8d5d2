"""Which dtype each parameter of an ElementwiseKernel has, from the arguments of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cuda_on_cpu.stand_in.elementwise_source import Parameter


def resolved(name: str, params: Sequence[Parameter], args: Sequence[Any], stand_in: Any) -> dict[str, np.dtype[Any]]:
    """The dtype by parameter; TypeError where arguments disagree.  Python numbers have no say."""
    variables: dict[str, np.dtype[Any]] = {}
    for parameter, value in zip(params, args, strict=False):
        if isinstance(value, stand_in.ndarray):
            bind(name, variables, parameter, value)
        elif not parameter.constant or parameter.raw:
            raise TypeError(f"{name}: {parameter.name} expects an array of the device, got {type(value).__name__}")
        elif isinstance(value, np.generic):
            bind(name, variables, parameter, value)
        elif not isinstance(value, bool | int | float):
            raise TypeError(f"{name}: {parameter.name}: Unsupported type {type(value)}")
    for parameter in params:
        if parameter.is_variable and parameter.type not in variables:
            raise TypeError(f"{name}: no argument tells the type {parameter.type} of {parameter.name}")
    return {p.name: variables[p.type] if p.is_variable else np.dtype(p.type) for p in params}


def bind(name: str, variables: dict[str, np.dtype[Any]], parameter: Parameter, value: Any) -> None:
    known = variables.setdefault(parameter.type, value.dtype) if parameter.is_variable else np.dtype(parameter.type)
    if value.dtype != known:
        raise TypeError(f"{name}: {parameter.name} expects {parameter.type} = {known}, got {value.dtype}")


def typed_scalar(name: str, parameter: Parameter, value: Any, dtype: np.dtype[Any]) -> np.generic:
    """The number as the kernel takes it; TypeError where a fraction would be cut off."""
    if isinstance(value, float) and dtype.kind in "biu":
        raise TypeError(f"{name}: {parameter.name} expects {dtype}, got the float {value}")
    number: np.generic = dtype.type(value)
    return number
