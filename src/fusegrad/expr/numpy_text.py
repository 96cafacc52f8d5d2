"""A loop as NumPy text: one call per operation, each writing into an array that is there already.

A name under a suffix is the same memory in another type: `_0__i` are the bits of temporary 0 as integers, `_0__b` its
bytes as truths, `_0__c` the same bytes as int8.  A condition becomes a mask of all bits or none, by which `where`
selects: exactly, whatever the numbers are, and several times faster than `np.where` or `copyto(where=)`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusegrad.expr.loop import NUMBER, Loop
from fusegrad.expr.node import Expr, topological
from fusegrad.expr.primitives import PRIMITIVES


@dataclass(frozen=True)
class NumpyText:
    """The functions of a loop: `numbers(…)`, made once per call, and `block(…)`, made for every block of elements.

    `arrays` are the parameters of `block` that lie in memory, with their suffixes, `temporaries` the number of arrays
    that it needs beside the given ones, `numbers` the parameters of `numbers`; what that returns are the last
    parameters of `block`.
    """

    source: str
    arrays: list[str]
    temporaries: int
    numbers: list[str]


def numpy_text(loop: Loop, dtype: str) -> NumpyText:
    return Writer(loop, dtype).write()


class Writer:
    """Writes statements, and keeps account of which array holds what: one that nobody reads any more is used again."""

    def __init__(self, loop: Loop, dtype: str) -> None:
        self.loop, self.integer = loop, np.dtype(f"i{np.dtype(dtype).itemsize}")
        self.float = np.dtype(dtype)
        self.roots = loop.lowered(dtype, sigmoid=True)
        self.order = topological(self.roots)
        self.targets = [target for target, _ in loop.assignments]
        self.uses = Counter([*self.roots, *(operand for node in self.order for operand in node.args)])
        read = {node.value for node in self.order if node.op == "argument"}
        self.free = [target for target in reversed(self.targets) if target not in read]
        self.lines: list[str] = []
        self.early: list[str] = []
        self.held: dict[Expr, str] = {}  # the text of a node: the name of an array or number, or a constant
        self.numbers: dict[Expr, None] = {}
        self.views: dict[str, None] = {}
        self.temporaries = 0

    def write(self) -> NumpyText:
        wanted = dict(zip(self.roots, self.targets, strict=True))
        for node in self.order:
            self.place(node, wanted.get(node))
        self.copy_what_is_elsewhere()
        given = [name for name in self.loop.names() if self.loop.layout(name) == NUMBER]
        early = [line.split(" = ")[0] for line in self.early]
        source = [f"def numbers({', '.join(given)}):", *(f"    {line}" for line in self.early)]
        source += [f"    return ({''.join(f'{name}, ' for name in [*given, *early])})", "", ""]
        source += [f"def block({', '.join([*self.views, *given, *early])}):"]
        source += [f"    {line}" for line in self.lines or ["pass"]]
        return NumpyText("\n".join(source) + "\n", list(self.views), self.temporaries, given)

    def place(self, node: Expr, target: str | None) -> None:
        """Compute a node into an array, or a number, and remember which."""
        if node.op == "argument":
            self.held[node] = node.value
            if self.loop.layout(node.value) == NUMBER:
                self.numbers[node] = None
        elif node.op == "constant":
            self.held[node] = literal(node.value, self.float)
            self.numbers[node] = None
        elif all(operand in self.numbers for operand in node.args):
            self.held[node] = self.named_early(f"{function(node)}({', '.join(self.held[o] for o in node.args)})")
            self.numbers[node] = None
        elif node.is_condition:
            self.place_mask(node)
        elif node.op == "where":
            self.place_choice(node, target)
        else:
            operands = [self.read(operand) for operand in node.args]
            self.release(*node.args)
            out = self.take(target)
            self.lines.append(f"{function(node)}({', '.join(operands)}, out={self.view(out)})")
            self.held[node] = out

    def place_mask(self, node: Expr) -> None:
        operands = [self.read(operand) for operand in node.args]
        truths = self.take()
        self.lines.append(f"{function(node)}({', '.join(operands)}, out={self.view(truths, 'b')})")
        self.release(*node.args)
        mask = self.take()
        self.lines.append(f"np.negative({self.view(truths, 'c')}, {self.view(truths, 'c')})")
        self.lines.append(f"np.copyto({self.view(mask, 'i')}, {self.view(truths, 'c')})  # -1 is all bits")
        self.free.append(truths)
        self.held[node] = mask

    def place_choice(self, node: Expr, target: str | None) -> None:
        """where(c, a, b) = b ^ ((a ^ b) & mask), where a or b is 0 in fewer steps."""
        condition, a, b = node.args
        mask, first, second = self.mask(condition), self.bits(a), self.bits(b)
        self.release(a)  # but not yet b and the mask, which are read after the first writing
        out = self.take(target)
        result = self.view(out, "i")
        if second == "0":
            self.lines.append(f"np.bitwise_and({first}, {mask}, {result})")
        elif first == "0":
            self.lines.append(f"np.invert({mask}, {result})")
            self.lines.append(f"np.bitwise_and({result}, {second}, {result})")
        else:
            if a in self.numbers and b in self.numbers:
                self.lines.append(f"np.bitwise_and({mask}, {first} ^ {second}, {result})")
            else:
                self.lines.append(f"np.bitwise_xor({first}, {second}, {result})")
                self.lines.append(f"np.bitwise_and({result}, {mask}, {result})")
            self.lines.append(f"np.bitwise_xor({result}, {second}, {result})")
        self.release(condition, b)
        self.held[node] = out

    def copy_what_is_elsewhere(self) -> None:
        """Outputs that are arguments, or could not be computed in their place, are copied there at the end."""
        pending = []
        self.free = [array for array in self.free if array not in self.targets]  # which copies are about to fill
        for root, target in zip(self.roots, self.targets, strict=True):
            source = self.read(root)
            if source != target and source in self.targets:  # which another copy may overwrite
                source, origin = self.view(self.take()), source
                self.lines.append(f"np.copyto({source}, {origin})")
            if source != target:
                pending.append(f"np.copyto({self.view(target)}, {source})")
        self.lines += pending

    def read(self, node: Expr) -> str:
        return self.held[node] if node in self.numbers else self.view(self.held[node])

    def bits(self, node: Expr) -> str:
        """The text of a node's bits as integers."""
        if node.op == "constant":
            return str(int(rounded(node.value, self.float).view(self.integer)))
        if node in self.numbers:
            return self.named_early(f"np.asarray({self.held[node]}, np.{self.float}).view(np.{self.integer})[()]")
        return self.view(self.held[node], "i")

    def mask(self, condition: Expr) -> str:
        """The text of a condition as integers of all bits or none."""
        if condition in self.numbers:
            return self.named_early(f"-np.{self.integer}({self.held[condition]})")
        return self.view(self.held[condition], "i")

    def view(self, array: str, suffix: str = "") -> str:
        name = f"{array}__{suffix}" if suffix else array
        self.views[name] = None
        return name

    def named_early(self, text: str) -> str:
        """The name of a number that is computed once per call."""
        for line in self.early:
            if line.endswith(f" = {text}"):
                return line.split(" = ")[0]
        self.early.append(f"_s{len(self.early)} = {text}")
        return f"_s{len(self.early) - 1}"

    def take(self, target: str | None = None) -> str:
        """An array to write into: the target if nobody needs what it holds, else one that is free, else a new one."""
        if target in self.free:
            self.free.remove(target)
            return target
        if self.free:
            return self.free.pop()
        self.temporaries += 1
        return f"_{self.temporaries - 1}"

    def release(self, *nodes: Expr) -> None:
        """Count a reading; the array of a node that was read for the last time can be used again."""
        for node in nodes:
            self.uses[node] -= 1
            array = self.held[node]
            is_ours = node not in self.numbers and (node.op != "argument" or array in self.targets)
            if self.uses[node] == 0 and is_ours:
                self.free.append(array)


def function(node: Expr) -> str:
    if node.op == "where":
        return "np.where"
    return f"np.{PRIMITIVES[node.op].value.__name__}"


def rounded(value: float, dtype: np.dtype[Any]) -> Any:
    """A number in the precision of the arrays; infinite where it is too large for that."""
    with np.errstate(over="ignore"):
        return np.asarray(value, dtype)


def literal(value: float, dtype: np.dtype[Any]) -> str:
    return repr(value) if np.isfinite(rounded(value, dtype)) else f'float("{rounded(value, dtype)}")'
