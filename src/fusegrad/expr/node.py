"""The nodes of a scalar expression, each made once: equal expressions are the same object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from fusegrad.errors import perhaps


class ExpressionError(TypeError):
    """A function that cannot be traced, differentiated or emitted."""


class Expr:
    """A number that does not exist yet: an argument, a constant, or an operation on others.

    Arithmetic and NumPy's functions of the same names make further expressions.  Comparisons make conditions, which
    only `where` takes: an Expr has neither a truth value nor a float value while it is traced.
    """

    __slots__ = ("__weakref__", "args", "op", "value")

    def __init__(self, op: str, args: tuple[Expr, ...], value: Any) -> None:
        self.op, self.args, self.value = op, args, value

    @property
    def is_condition(self) -> bool:
        return self.op in ("lt", "le")

    def __add__(self, other: Any) -> Expr:
        return apply("add", self, other)

    def __radd__(self, other: Any) -> Expr:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Expr:
        return apply("sub", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return apply("sub", other, self)

    def __mul__(self, other: Any) -> Expr:
        return apply("mul", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return apply("mul", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return apply("div", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return apply("div", other, self)

    def __pow__(self, other: Any) -> Expr:
        return apply("pow", self, other)

    def __rpow__(self, other: Any) -> Expr:
        return apply("pow", other, self)

    def __neg__(self) -> Expr:
        return apply("neg", self)

    def __pos__(self) -> Expr:
        return self

    def __abs__(self) -> Expr:
        return apply("abs", self)

    def __lt__(self, other: Any) -> Expr:
        return apply("lt", self, other)

    def __le__(self, other: Any) -> Expr:
        return apply("le", self, other)

    def __gt__(self, other: Any) -> Expr:
        return apply("lt", other, self)

    def __ge__(self, other: Any) -> Expr:
        return apply("le", other, self)

    def __mod__(self, other: Any) -> Expr:
        raise ExpressionError("%, // and conditions joined by & or | cannot be traced; nest where(condition, a, b)")

    __rmod__ = __floordiv__ = __rfloordiv__ = __and__ = __rand__ = __or__ = __ror__ = __invert__ = __mod__

    def __eq__(self, other: object) -> Any:
        raise ExpressionError(f"{self} cannot be compared for equality; choose by <, <=, > or >=")

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise ExpressionError(
            f"{self} has no truth value while it is traced; for a choice, write where(condition, a, b); "
            "for max and min, maximum and minimum"
        )

    def __float__(self) -> float:
        raise ExpressionError(f"{self} has no value while it is traced; use the functions of fusegrad.expr, not math's")

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        name = NUMPY_NAMES.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or options or name not in OPERATIONS:
            raise ExpressionError(f"np.{ufunc.__name__} cannot be traced{perhaps(ufunc.__name__, OPERATIONS)}")
        return OPERATIONS[name](*operands)

    def __array_function__(self, function: Any, types: Any, operands: tuple[Any, ...], options: Any) -> Any:
        if function.__name__ == "where" and not options:
            return apply("where", *operands)
        raise ExpressionError(f"np.{function.__name__} cannot be traced; use the functions of fusegrad.expr")

    def __repr__(self) -> str:
        return self.spelled(DEEPEST)

    def spelled(self, depth: int) -> str:
        """As a formula; what lies deeper is left out, because shared nodes would be spelled again and again."""
        if not self.args:
            return str(self.value)
        args = [operand.spelled(depth - 1) if depth else "…" for operand in self.args]
        if self.op in INFIX:
            return f"({args[0]} {INFIX[self.op]} {args[1]})"
        return f"{self.value}({', '.join(args[1:])})" if self.op == "named" else f"{self.op}({', '.join(args)})"


DEEPEST = 8
INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "lt": "<", "le": "<="}
NUMPY_NAMES = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "negative": "neg",
    "power": "pow",
    "absolute": "abs",
    "minimum": "min",
    "maximum": "max",
    "less": "lt",
    "less_equal": "le",
}
OPERATIONS: dict[str, Callable[..., Any]] = {}  # by name; the module `primitives` fills it

_made: WeakValueDictionary[tuple[Any, ...], Expr] = WeakValueDictionary()
_making = Lock()


def apply(op: str, *operands: Any) -> Expr:
    """The operation of this name on expressions and numbers."""
    result: Expr = OPERATIONS[op](*operands)
    return result


def make(op: str, args: Sequence[Expr] = (), value: Any = None) -> Expr:
    """The one node of this operation on these operands."""
    spelled = repr(value) if isinstance(value, float) else value  # which tells -0.0 from 0.0
    key = (op, *map(id, args), spelled)  # a node keeps its operands, and so their ids
    with _making:
        node = _made.get(key)
        if node is None:
            node = _made[key] = Expr(op, tuple(args), value)
        return node


def constant(value: float) -> Expr:
    return make("constant", (), float(value))


def argument(name: str) -> Expr:
    return make("argument", (), name)


def as_expr(operand: Any) -> Expr:
    """An expression, or a real number as a constant; ExpressionError for anything else."""
    if isinstance(operand, Expr):
        return operand
    try:
        return constant(float(operand))
    except (TypeError, ValueError):
        kind = type(operand).__name__
        hint = "; in a graph, put the formula into Elementwise" if kind == "Value" else ""
        raise ExpressionError(f"an expression is made of numbers, got {kind}{hint}") from None


def topological(roots: Sequence[Expr]) -> list[Expr]:
    """All nodes that the roots need, operands first."""
    order: dict[Expr, None] = {}
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, operands_done = stack.pop()
        if operands_done:
            order[node] = None
        elif node not in order:
            stack.append((node, True))
            stack += [(operand, False) for operand in reversed(node.args)]
    return list(order)


def rebuilt(root: Expr, known: dict[Expr, Expr]) -> Expr:
    """`root` with the nodes that `known` lists replaced, everything above them being made (and simplified) anew."""
    result = dict(known)
    for node in topological([root]):
        if node not in result:
            args = [result[operand] for operand in node.args]
            same = all(new is old for new, old in zip(args, node.args, strict=True))
            result[node] = node if same else made_of(node, args)
    return result[root]


def made_of(node: Expr, args: Sequence[Expr]) -> Expr:
    """The operation of `node` on other operands."""
    if node.op == "named":
        return make("named", args, node.value)
    return apply(node.op, *args)
