"""What follows a product: y = f(x + bias) for any scalar function f, forward and backward.

With h = x + bias.  Shapes: x, h, dh, y, dy (…, columns), in C order; bias, dbias (columns,), None where nobody needs
them.  What backward reads of the forward pass is `keeps(function)`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernels import kernel
from fusegrad.backend.signature import accumulated, c_type
from fusegrad.expr import Expr, Function
from fusegrad.expr.loop import ROW, loop
from fusegrad.expr.node import argument, rebuilt
from fusegrad.ops.epilogue import epilogue_header, is_identity
from fusegrad.ops.epilogue import keeps as keeps  # of this op, too
from fusegrad.ops.grids import FILLING, elements_at_once
from fusegrad.ops.loops import bind_loop, operations
from fusegrad.ops.matmul import column_sums
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.reduction import launch_sums
from fusegrad.ops.shape import rows

FILE, LANES, LINES = "bias_activation.cu", 32, 8
ROWS = 32  # that are worth a block; not measured


@lru_cache(maxsize=1024)
def forward(function: Function, keep_h: bool) -> BoundOp:
    """y = f(x + bias); beside it h, where it is kept.  x may be y or h itself."""

    def bind(evaluator: str, x: Any, bias: Any, y: Any, h: Any = None) -> Bound:
        return in_turn(forward_loops(evaluator, function, x, bias, y, h))

    def launch(x: Any, bias: Any, y: Any, h: Any = None) -> Bound:
        width, grid = layout(x, h, y)
        name = f"bias_activation_forward<{c_type(x.dtype)}, {width}>"
        run = kernel(x, FILE, name, epilogue_header(function, x.dtype))
        return run.bind(grid, (LANES, LINES), x, bias, h, y, *rows(x).shape)

    def flops(x: Any, bias: Any, y: Any, h: Any = None) -> int:
        return int(y.size) * ((bias is not None) + operations([function.output]))

    op = BoundOp(bind, ("x", "bias", "y", *(["h"] if keep_h else [])), flops)
    op.cuda(launch)
    return op


def forward_loops(
    evaluator: str, function: Function, x: Any, bias: Any, y: Any, h: Any, residual: Any = None
) -> list[Bound]:
    """The loop of `forward`, with y = f(x + bias) + residual; nothing where all of it is there already."""
    source = argument("h" if x is h else "y" if x is y else "x")
    biased = source if bias is None else source + argument("bias")
    targets = {} if h is None else {"h": biased}
    targets["y"] = function(biased) if residual is None else function(biased) + argument("residual")
    assignments = {name: result for name, result in targets.items() if result is not argument(name)}
    if not assignments:
        return []
    work = loop(f"bias_{function}", assignments, bias=ROW)
    if bias is not None and bias.dtype != y.dtype:
        evaluator = "numpy"  # the only one that computes with half types
    return [bind_loop(evaluator, work, {"x": x, "y": y, "h": h, "bias": bias, "residual": residual})]


def slope(function: Function) -> Expr:
    """f'(h), in terms of h or y, as `keeps(function)` says."""
    (of_argument,) = function.kept_slopes
    return rebuilt(of_argument, {argument(function.arguments[0]): argument("h")})


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dh = dy f'(h), and dbias = Σ dh over rows, or += that; for the identity, whose dh is dy, only the sums."""
    source = keeps(function)
    work = loop(f"bias_{function}_backward", {"dh": argument("dy") * slope(function)})
    own = () if is_identity(function) else (*([source] if source else []), "dh")

    def bind(evaluator: str, dy: Any, dbias: Any, add_dbias: bool, **arrays: Any) -> Bound:
        calls = [bind_loop(evaluator, work, {"dy": dy, **arrays})] if own else []
        if dbias is not None:
            calls.append(column_sums.bound(evaluator, rows(arrays.get("dh", dy)), dbias, add_dbias))
        return in_turn(calls)

    def launch(dy: Any, dbias: Any, add_dbias: bool, **arrays: Any) -> Bound:
        if not own:
            return bind("cuda", dy, dbias, add_dbias)
        saved, dh = arrays[source] if source else None, arrays["dh"]
        width, grid = layout(dy, saved, dh)
        parts = None if dbias is None else workspace(dy, grid[1])
        name = f"bias_activation_backward<{c_type(dy.dtype)}, {width}>"
        run = kernel(dy, FILE, name, epilogue_header(function, dy.dtype))
        calls = [run.bind(grid, (LANES, LINES), dy, saved, dh, parts, *rows(dy).shape)]
        if parts is not None:
            calls.append(launch_sums(parts, dbias, outer=1, length=len(parts), inner=dy.shape[-1], add=add_dbias))
        return in_turn(calls)

    def flops(dy: Any, *arrays: Any) -> int:
        return int(dy.size) * ((arrays[-2] is not None) + operations(work.roots if own else []))

    op = BoundOp(bind, ("dy", *own, "dbias", "add_dbias"), flops)
    op.cuda(launch)
    return op


def layout(*arrays: Any) -> tuple[int, tuple[int, int]]:
    """How many neighbours a thread has, and the grid, for arrays of one shape; all but the first may be None."""
    height, columns = rows(arrays[0]).shape
    width = elements_at_once(columns, *arrays)
    across = -(-columns // (LANES * width))
    return width, (across, max(1, min(-(-height // ROWS), -(-FILLING // max(1, across)))))


def workspace(dy: Any, parts: int) -> Any:
    """Space for sums over parts of the rows."""
    return namespace(dy).empty((parts, dy.shape[-1]), accumulated(dy.dtype))
