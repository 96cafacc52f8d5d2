"""Rows of a learnt table by index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fusegrad import initializers
from fusegrad.graph import Arrays, Initializer, Layer, Param, Spec, require
from fusegrad.graph.spec import is_whole
from fusegrad.ops import embedding


class Embedding(Layer):
    """y[…] = table[index[…]]: a row of numbers for each word, category or position.

    Args:
        count: rows of the table.
        width: numbers in a row.
        padding: an index whose row is 0 and stays so, or None.
        table_init: initializer; default N(0, 1).
        dtype: of y, which is that of the parameters: "float64" in graphs of that.

    Shapes: index (…), integers from 0 up to count - 1 that come from a graph input; y (…, width); table (count, width).
    Raises GraphError unless count and width are positive, and where `padding` or indices are not below count.
    """

    def __init__(
        self,
        count: int,
        width: int,
        *,
        padding: int | None = None,
        table_init: Initializer | None = None,
        dtype: str = "float32",
    ) -> None:
        whole = all(is_whole(number) and number > 0 for number in (count, width))
        require(whole, "Embedding", "a positive count and width", (count, width))
        known = padding is None or (is_whole(padding) and 0 <= padding < count)
        require(known, "Embedding", f"padding in 0 .. {count - 1} or None", padding)
        require(dtype in ("float32", "float64"), "Embedding", 'dtype "float32" or "float64"', repr(dtype))
        self.count, self.width, self.padding, self.dtype = count, width, padding, dtype
        init = table_init or initializers.normal(1.0)
        self.table = Param((count, width), init if padding is None else with_row_of_zeros(init, padding))

    def plan(self, index: Spec) -> Arrays:
        require(not index.is_float and index.dtype != "bool", self, "integers", index)
        y = Spec((*index.shape, self.width), self.dtype)
        return Arrays({"y": y}, indices={"index": self.count}, constants={"padding": self.padding})

    forward, backward = embedding.forward, embedding.backward

    def __repr__(self) -> str:
        return f"Embedding({self.count}, {self.width})"


def with_row_of_zeros(init: Initializer, row: int) -> Callable[..., Any]:
    def initialized(generator: Any, shape: tuple[int, ...]) -> Any:
        table = init(generator, shape)
        table[row] = 0
        return table

    return initialized
