"""fusegrad: neural networks planned once and run fused, on NVIDIA GPUs through CuPy, elsewhere through NumPy."""

from fusegrad import expr, initializers, layers, losses, metrics, ops, optimizers, random, schedules
from fusegrad.backend import doctor, select, to_numpy, using
from fusegrad.graph import (
    Arrays,
    GradientError,
    GraphError,
    Input,
    Layer,
    Model,
    Module,
    Param,
    ParamArena,
    Program,
    Scalar,
    Spec,
    Value,
    check_gradients,
    mean,
    require,
    stop_gradient,
    sum,
)
from fusegrad.layers import Sequential
from fusegrad.training import Trainer, callbacks, data


def __getattr__(name: str) -> str:
    """`fusegrad.__version__`, looked up when it is asked for."""
    if name == "__version__":
        from fusegrad.backend.doctor import distribution_version

        return distribution_version("fusegrad") or "unknown"
    raise AttributeError(f"module 'fusegrad' has no attribute {name!r}")


__all__ = [
    "Arrays",
    "GradientError",
    "GraphError",
    "Input",
    "Layer",
    "Model",
    "Module",
    "Param",
    "ParamArena",
    "Program",
    "Scalar",
    "Sequential",
    "Spec",
    "Trainer",
    "Value",
    "callbacks",
    "check_gradients",
    "data",
    "doctor",
    "expr",
    "initializers",
    "layers",
    "losses",
    "mean",
    "metrics",
    "ops",
    "optimizers",
    "random",
    "require",
    "schedules",
    "select",
    "stop_gradient",
    "sum",
    "to_numpy",
    "using",
]
