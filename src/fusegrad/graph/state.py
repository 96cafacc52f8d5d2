"""Parameters as named host arrays, out and in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad.errors import perhaps
from fusegrad.graph.param import Param
from fusegrad.graph.spec import GraphError, require


def read_params(params: Mapping[str, Param]) -> dict[str, NDArray[Any]]:
    """Fresh host copies by name."""
    return {name: param.home.backend.to_numpy(param.home.view(param)) for name, param in params.items()}


def write_params(params: Mapping[str, Param], arrays: Mapping[str, Any], strict: bool) -> None:
    """Copy arrays over the parameters of the same names.

    Raises GraphError, and changes nothing, where a shape differs, where an array holds no real numbers or, if `strict`,
    where the names differ.
    """
    unknown = [name for name in arrays if name not in params]
    missing = [name for name in params if name not in arrays]
    if strict and (unknown or missing):
        hint = perhaps(unknown[0], params) if unknown else ""
        raise GraphError(
            f"the parameters expect names {list(params)}, got unknown {unknown} and without {missing}{hint}"
        )
    common = [name for name in params if name in arrays]
    for name in common:
        check_array(name, params[name], arrays[name])
    for name in common:
        params[name].value = arrays[name]


def check_array(name: str, param: Param, array: Any) -> None:
    """GraphError unless `array` can be copied over the parameter."""
    require(np.shape(array) == param.shape, name, f"an array of shape {param.shape}", np.shape(array))
    dtype = array.dtype if hasattr(array, "dtype") else np.asarray(array).dtype
    require(np.can_cast(dtype, "float64", "same_kind"), name, "real numbers", dtype)
