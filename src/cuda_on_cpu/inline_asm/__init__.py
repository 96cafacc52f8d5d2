"""Inline assembly of kernel source as C++: each asm statement is replaced by a statement with the same effect.

Kernels reach cp.async, ldmatrix, mma.sync and the like by asm statements.  Their operands are bound by the constraint
letters, and each instruction of the template becomes C++, so that order, number and types of operands are tested, too.
Only asm that stands in kernel source is meant; what a compiler wrote is not.
"""

from __future__ import annotations

import re

from cuda_on_cpu.inline_asm import statements
from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.translation import translate

__all__ = ["Unsupported", "rewrite"]


def rewrite(code: str, filename: str) -> str:
    """The code with every asm statement replaced; lines keep their numbers.

    Unsupported, with `filename` and line, where a statement is malformed or has no equivalent here.
    """
    parts, position = [], 0
    for number, start in enumerate(statements.starts(code)):
        try:
            statement = statements.statement(code, start)
            replacement = translate(statement, number)
        except Unsupported as problem:
            line = code.count("\n", 0, start) + 1
            raise Unsupported(f"{filename}:{line}: asm: {problem}") from None
        newlines = re.findall(r"\\?\n", code[start : statement.end])  # in a macro they follow backslashes
        parts += [code[position:start], replacement, *newlines]
        position = statement.end
    return "".join([*parts, code[position:]])
