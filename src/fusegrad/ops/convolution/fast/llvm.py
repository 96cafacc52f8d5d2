"""Text of LLVM for the vector code of the fast convolution, and how Numba comes by it.

Addresses and distances are bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WORD, INT, BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)
FLOAT = ir.FloatType()
Values = list[Any]


def inlined(arguments: int, write: Callable[..., None]) -> Any:
    """A function for Numba of so many integers that `write(builder, *arguments)` writes the code of."""
    names = ", ".join(f"a{i}" for i in range(arguments))
    scope: dict[str, Any] = {}

    def typing(*given: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            write(builder, *values)
            return context.get_dummy_value()

        return types.void(*[types.intp] * arguments), code

    exec(f"def run(typing_context, {names}):\n    return typing({names})", {"typing": typing}, scope)  # arity counts
    return intrinsic(scope["run"])


def vector(lanes: int) -> Any:
    return ir.VectorType(FLOAT, lanes)


def load(builder: Any, kind: Any, address: Any, align: int = 4) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def store(builder: Any, value: Any, address: Any, align: int = 4) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=align)


def moved(builder: Any, address: Any, distance: Any) -> Any:
    """An address further on by a number or a value."""
    return builder.add(address, ir.Constant(WORD, distance) if isinstance(distance, int) else distance)


def words(builder: Any, address: Any, count: int) -> Values:
    return [load(builder, WORD, moved(builder, address, 8 * i), 8) for i in range(count)]


def splat(builder: Any, number: Any, lanes: int) -> Any:
    kind = ir.VectorType(number.type, lanes)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(INT, 0))
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(INT, lanes), None))


def pick(builder: Any, a: Any, b: Any, places: list[int]) -> Any:
    """The elements at these places of a followed by b."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT, len(places)), places))


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    product = builder.fmul(a, b, flags=("contract",))
    return builder.fadd(product, c, flags=("contract",))


def accumulate(builder: Any, count: Any, starts: Values, step: Callable[[Any, Values], Values]) -> Values:
    """What becomes of `starts` by `step(i, values)` for every i < count."""
    before = builder.block
    loop, after = builder.append_basic_block("loop"), builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", ir.Constant(WORD, 0), count), loop, after)
    builder.position_at_end(loop)
    index = builder.phi(WORD)
    held = [builder.phi(start.type) for start in starts]
    results = step(index, held)
    following = builder.add(index, ir.Constant(WORD, 1))
    for phi, start, result in zip([index, *held], [ir.Constant(WORD, 0), *starts], [following, *results], strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(result, loop)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
    builder.position_at_end(after)
    ends = [builder.phi(start.type) for start in starts]
    for end, start, result in zip(ends, starts, results, strict=True):
        end.add_incoming(start, before)
        end.add_incoming(result, loop)
    return ends
