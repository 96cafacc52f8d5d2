"""The ops of the library by name, those that are made for a function under the name of what makes them."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

from fusegrad import ops
from fusegrad.ops import Op


def name_of(op: Op) -> str:
    """`mean_loss.forward` for the op itself, or for one that mean_loss.forward(function) has made."""
    return f"{op.__module__.rpartition('.')[2]}.{op.__qualname__.partition('.')[0]}"


def makes_ops(item: object) -> bool:
    return (
        inspect.isroutine(inspect.unwrap(item)) and str(getattr(item, "__annotations__", {}).get("return")) == "BoundOp"
    )


def all_names() -> set[str]:
    """Of every op of the library, and of every function in it that makes ops of scalar functions."""
    names = set()
    for module in pkgutil.iter_modules(ops.__path__):
        for name, item in vars(import_module(f"{ops.__name__}.{module.name}")).items():
            if isinstance(item, Op):
                names.add(name_of(item))
            elif makes_ops(item) and name not in ("op", "bound_op"):
                names.add(f"{item.__module__.rpartition('.')[2]}.{item.__name__}")
    return names
