"""Normalisation of every row by itself."""

from __future__ import annotations

from numbers import Real

from fusegrad import initializers
from fusegrad.backend.signature import accumulated
from fusegrad.graph import Arrays, Layer, Param, Spec, require
from fusegrad.graph.spec import is_whole
from fusegrad.ops import last_axes_norm

Normalized = int | tuple[int, ...] | None
Open = tuple[int | None, ...]


class LayerNorm(Layer):
    """y = (x - mean) / sqrt(var + eps) weight + bias, with mean and variance over the last axes.

    Ba et al., 2016, arXiv:1607.06450.

    Args:
        normalized_shape: the extents of the last axes, as a tuple or a number for one; default: the last axis, whatever
            its extent.
        eps: what is added to the variance.
        affine: whether weight is there, and bias where that is True, too.

    Shapes: x, y (*rows, *normalized_shape), of one dtype; weight and bias normalized_shape.
    Raises GraphError unless x is floating point and its last axes are these.
    """

    forward, backward = last_axes_norm.layer_norm_forward, last_axes_norm.layer_norm_backward

    def __init__(
        self, normalized_shape: Normalized = None, *, eps: float = 1e-5, affine: bool = True, bias: bool = True
    ) -> None:
        require(isinstance(eps, Real) and eps > 0, "LayerNorm", "eps above 0", repr(eps))
        self.normalized, self.eps = extents("LayerNorm", normalized_shape), eps
        self.weight = Param(self.normalized, initializers.ones, decay=False) if affine else None
        self.bias = Param(self.normalized, initializers.zeros, decay=False) if affine and bias else None

    def plan(self, x: Spec) -> Arrays:
        of_rows = rows_of(self, x, self.normalized)
        return Arrays({"y": x}, saved={"mean": of_rows, "rstd": of_rows}, constants={"eps": self.eps})

    def __repr__(self) -> str:
        return f"LayerNorm({shown(self.normalized)})"


class RMSNorm(Layer):
    """y = x / sqrt(mean of x² + eps) weight, with the mean over the last axes.

    Zhang & Sennrich, 2019, arXiv:1910.07467.

    Args:
        normalized_shape: the extents of the last axes, as a tuple or a number for one; default: the last axis, whatever
            its extent.
        eps: what is added to the mean square.
        affine: whether weight is there.

    Shapes: x, y (*rows, *normalized_shape), of one dtype; weight normalized_shape.
    Raises GraphError unless x is floating point and its last axes are these.
    """

    forward, backward = last_axes_norm.rms_norm_forward, last_axes_norm.rms_norm_backward

    def __init__(self, normalized_shape: Normalized = None, *, eps: float = 1e-6, affine: bool = True) -> None:
        require(isinstance(eps, Real) and eps > 0, "RMSNorm", "eps above 0", repr(eps))
        self.normalized, self.eps = extents("RMSNorm", normalized_shape), eps
        self.weight = Param(self.normalized, initializers.ones, decay=False) if affine else None

    def plan(self, x: Spec) -> Arrays:
        return Arrays({"y": x}, saved={"rstd": rows_of(self, x, self.normalized)}, constants={"eps": self.eps})

    def __repr__(self) -> str:
        return f"RMSNorm({shown(self.normalized)})"


def extents(owner: str, normalized: Normalized) -> Open:
    """The extents as a tuple; GraphError unless they are positive whole numbers."""
    if normalized is None:
        return (None,)
    found = tuple(normalized) if isinstance(normalized, tuple | list) else (normalized,)
    fits = len(found) > 0 and all(is_whole(extent) and extent > 0 for extent in found)
    require(fits, owner, "positive whole numbers as normalized_shape", repr(normalized))
    return tuple(int(extent) for extent in found)


def rows_of(layer: Layer, x: Spec, normalized: Open) -> Spec:
    """A number for each row of x, whose parameters settle; GraphError where its last axes are others."""
    own = x.shape[-len(normalized) :]
    require(x.is_float and len(x.shape) >= len(normalized), layer, "floating-point input (*rows, *normalized)", x)
    fits = all(wanted in (None, extent) for wanted, extent in zip(normalized, own, strict=True))
    fits = fits and all(param.settle(own) for param in layer.layer_params().values())
    known = next((param.extents for param in layer.layer_params().values()), normalized)
    require(fits, layer, f"last axes {known}", x.shape)
    return Spec(x.shape[: -len(normalized)], accumulated(x.dtype))


def shown(normalized: Open) -> str:
    return ", ".join(map(str, normalized)) if None not in normalized else ""
