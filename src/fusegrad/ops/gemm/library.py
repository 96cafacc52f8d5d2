"""Products by cuBLASLt: whole where it has what follows them, else the product alone and kernels/bias_activation.cu.

cuBLASLt counts by columns: y = a b in rows is yᵀ = bᵀ aᵀ in columns, so that its A is b, its B is a, and a bias for the
columns of y is one for the rows of its D.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from fusegrad.backend import cublaslt
from fusegrad.backend.cublaslt import Call, Home, Matrix
from fusegrad.expr.activations import identity
from fusegrad.ops import bias_activation
from fusegrad.ops.epilogue import is_identity, keeps
from fusegrad.ops.gemm.after import Activated, Sloped
from fusegrad.ops.gemm.library_epilogues import Fused, fused
from fusegrad.ops.gemm.product import Product
from fusegrad.ops.op import Bound, in_turn
from fusegrad.ops.strides import Strided

Binder = Callable[[], Bound | None]


def bind(product: Product) -> Bound | None:
    """The call, with a launch behind it where one is needed; None for what neither can do."""
    bounds = (binder() for _, binder in candidates(product))
    return next((bound for bound in bounds if bound is not None), None)


def candidates(product: Product) -> Iterator[tuple[str, Binder]]:
    """All ways to compute a product, by name, the one that should be fastest first; each binds None where it fails."""
    home = cublaslt.home(product.y.memory)
    if home is None or 0 in product.sizes or not product.matrices:
        return
    whole = fused(product)
    if whole is not None and (home.fuses or whole.epilogue.name == "DEFAULT"):
        yield "cuBLASLt", partial(bind_whole, home, product, whole)
    if not product.after.is_plain and follows_alone(product):
        yield "cuBLASLt, then bias_activation.cu", partial(bind_in_two, home, product)


def bind_whole(home: Home, product: Product, whole: Fused) -> Bound | None:
    call = described(product, product.y.memory, whole)
    return None if call is None else cublaslt.bound(home, call)


def bind_in_two(home: Home, product: Product) -> Bound | None:
    """The product into h or y, and from there what follows."""
    h = getattr(product.after, "h", None)
    first = product.y.memory if h is None else h
    call = described(product, first, Fused())
    multiplied = None if call is None else cublaslt.bound(home, call)
    return None if multiplied is None else in_turn([multiplied, launch_after(product, first)])


def follows_alone(product: Product) -> bool:
    """Whether bias_activation.cu, which knows contiguous arrays of one dtype, can do what follows."""
    rows, _, columns = product.sizes
    dense = product.matrices == 1 and product.y.memory.size == rows * columns
    after = product.after
    beside = isinstance(after, Activated) and not (after.residual is None and after.drop is None)
    return dense and product.y_dtype == product.dtype and not product.add and not beside


def launch_after(product: Product, first: Any) -> Bound:
    rows, _, columns = product.sizes

    def matrix(memory: Any) -> Any:
        return memory.reshape(rows, columns)

    y, after = matrix(product.y.memory), product.after
    if isinstance(after, Activated):
        op = bias_activation.forward(after.function or identity, after.h is not None)
        kept = {} if after.h is None else {"h": matrix(after.h)}
        return op.bound("cuda", matrix(first), after.bias, y, **kept)
    return launch_slope(after, y, matrix)


def launch_slope(after: Sloped, y: Any, matrix: Callable[[Any], Any]) -> Bound:
    """y f' in the place of y, and the sums of that."""
    op, source = bias_activation.backward(after.function), keeps(after.function)
    arrays = {} if is_identity(after.function) else {"dh": y}
    if source is not None:
        arrays[source] = matrix(after.saved)
    return op.bound("cuda", dy=y, **arrays, dbias=after.sums, add_dbias=after.add_sums)


def described(product: Product, first: Any, whole: Fused) -> Call | None:
    """The call that writes into `first`, which lies like y; None for strides that cuBLASLt does not know."""
    if 1 not in product.stack:
        return None
    rows, inner, columns = product.sizes
    d = by_columns(Strided(first, product.y.strides), product.stack, rows, columns)
    a = by_columns(product.b, product.stack, inner, columns)
    b = by_columns(product.a, product.stack, rows, inner)
    if a is None or b is None or d is None or d.transposed or (product.matrices > 1 and not d.step):
        return None
    added = whole.added if whole.added is not None else first if product.add else None
    c = None if added is None else Matrix(added, d.rows, d.columns, d.leading, d.step)
    return Call(a, b, d, c, whole.epilogue, product.matrices, product.arithmetic)


def by_columns(matrix: Strided, stack: tuple[int, int], rows: int, columns: int) -> Matrix | None:
    """The transposed matrix as its memory has it: `transposed` again, where its own lines are the columns."""
    *steps, row, column = matrix.strides
    step = steps[0] if stack[1] == 1 else steps[1]
    if is_line(columns, column) and (rows == 1 or row >= columns):
        return Matrix(matrix.memory, columns, rows, row if rows > 1 else columns, step)
    if is_line(rows, row) and (columns == 1 or column >= rows):
        return Matrix(matrix.memory, rows, columns, column if columns > 1 else rows, step, transposed=True)
    return None


def is_line(size: int, stride: int) -> bool:
    return size == 1 or stride == 1
