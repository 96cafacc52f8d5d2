"""What a program does, call by call, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusegrad.graph.alias import unmoved
from fusegrad.graph.calls import LOSS_SCALE, SEED, STEP, Call
from fusegrad.graph.precision import Precision
from fusegrad.graph.schedule import Schedule
from fusegrad.graph.spec import Buffer, Constant, Spec
from fusegrad.graph.value import Node
from fusegrad.ops.op import one_per_element


def specs_of(nodes: Sequence[Node], precision: Precision) -> dict[Buffer, Spec]:
    """The Specs of what lies in the arena: parameters, their gradients and copies, seed and step."""
    dtype, half = precision.master, precision.compute
    specs: dict[Buffer, Spec] = {SEED: Spec((), "uint64"), STEP: Spec((), "uint64"), LOSS_SCALE: Spec((), dtype)}
    for node in nodes:
        for param in node.layer.layer_params().values():
            specs |= dict.fromkeys([param.data, param.gradient], Spec(param.shape, dtype))
            specs[param.half] = Spec(param.shape, half)
    return specs


def explained(before: Schedule, after: Schedule, specs: Mapping[Buffer, Spec], aliases: Mapping[Buffer, Buffer]) -> str:
    """The calls of a graph as it was written and as it runs, with the bytes that each moves and its FLOPs.

    Bytes count every array that a call names once, but not copies that lie where their origin is, by `aliases`; FLOPs
    additions, products, comparisons and functions such as exp as one each, and one per element for calls of which no
    more is known.
    """
    parts = []
    nothing: dict[Buffer, Buffer] = {}
    for title, schedule, shared in (("as written", before, nothing), ("as it runs", after, aliases)):
        rows = [row(call, specs, shared) for call in [*schedule.forward, *schedule.backward]]
        parts.append(table(title, rows))
    return "\n\n".join(parts)


def row(call: Call, specs: Mapping[Buffer, Spec], aliases: Mapping[Buffer, Buffer]) -> tuple[str, str, int, int]:
    """Label, shape of the largest array, bytes and FLOPs of a call."""
    shown = [described(argument, specs) for argument in call.arguments]
    arrays = {buffer: spec_of(buffer, specs) for buffer in call.buffers()}
    largest = max((spec for spec in arrays.values() if spec), key=lambda spec: spec.size, default=Spec(()))
    moved = arrays.keys() - unmoved(call, aliases)
    nbytes = sum(spec.nbytes for buffer, spec in arrays.items() if spec and buffer in moved)
    flops = getattr(call.function, "flops", one_per_element)(*shown) if moved else 0
    return call.label, str(largest.shape), nbytes, flops


def described(argument: Any, specs: Mapping[Buffer, Spec]) -> Any:
    """An argument of a call with Specs in the place of arrays."""
    if isinstance(argument, tuple):
        return tuple(described(item, specs) for item in argument)
    return spec_of(argument, specs) if isinstance(argument, Buffer) else argument


def spec_of(buffer: Buffer, specs: Mapping[Buffer, Spec]) -> Spec | None:
    """What is known of a buffer; for those that the planner does not place, `specs` and constants say it."""
    if isinstance(buffer, Constant):
        return Spec(buffer.array.shape, buffer.array.dtype.name)
    return specs.get(buffer, buffer.spec)


def table(title: str, rows: Sequence[tuple[str, str, int, int]]) -> str:
    total = ("", "", sum(row[2] for row in rows), sum(row[3] for row in rows))
    lines = [f"{title}: {len(rows)} calls", f"  {'call':<28}{'shape':<20}{'bytes':>14}{'FLOPs':>16}"]
    for label, shape, nbytes, flops in [*rows, total]:
        lines.append(f"  {label:<28}{shape:<20}{nbytes:>14,}{flops:>16,}".rstrip())
    return "\n".join(lines)
