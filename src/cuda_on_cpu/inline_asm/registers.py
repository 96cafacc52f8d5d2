"""What operands of instructions stand for: registers, the operands of the statement, numbers and addresses, as C++."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cuda_on_cpu.inline_asm import operands, types
from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.template import split

SPECIAL = {
    "%laneid": "coc_now.lane",
    "%warpid": "coc_asm::warp()",
    "%nwarpid": "coc_asm::warps()",
    "%lanemask_eq": "(1u << coc_now.lane)",
    "%lanemask_lt": "((1u << coc_now.lane) - 1)",
    "%lanemask_le": "((2u << coc_now.lane) - 1)",
    "%lanemask_gt": "(~1u << coc_now.lane)",
    "%lanemask_ge": "(~0u << coc_now.lane)",
    "%dynamic_smem_size": "coc_dynamic_shared_size()",
}
VECTORS = {"%tid": "thread", "%ntid": "block_dim", "%ctaid": "block", "%nctaid": "grid_dim"}
SPECIAL |= {f"{name}.{axis}": f"coc_now.{field}.{axis}" for name, field in VECTORS.items() for axis in "xyz"}

FLOAT_BITS = re.compile(r"0[fF]([0-9a-fA-F]{8})|0[dD]([0-9a-fA-F]{16})")
INTEGER = re.compile(r"-?(0[xX][0-9a-fA-F]+|\d+)U?")
DECIMAL = re.compile(r"-?\d+\.\d*([eE][-+]?\d+)?")
ADDRESS = re.compile(r"\[\s*([\w$%#]+)\s*(?:\+\s*(-?\w+)|(-\w+))?\s*\]")


class Registers:
    """Names that the instructions of one asm statement can use; those declared in braces end with them."""

    def __init__(self, given: Sequence[operands.Operand], labels: Mapping[str, str]) -> None:
        self._given, self._labels = given, labels
        self._scopes: list[dict[str, str]] = [{}]
        self.declarations: list[str] = []

    def declare(self, type_: str, names: Sequence[str]) -> None:
        if type_ not in types.CPP:
            raise Unsupported(f"registers of type {type_!r}: expected one of {', '.join(types.CPP)}")
        kind = types.register(type_)
        for name in names:
            if name.startswith("%"):  # it would hide what the compiler itself calls %r1, and puts in place of operands
                raise Unsupported(f"register {name!r}: expected a name without %")
            self._scopes[-1][name] = variable = f"asm_register{len(self.declarations)}"
            self.declarations.append(f"{kind} {variable} = coc_asm::poison<{kind}>();")

    def brace(self, brace: str) -> None:
        """Opens a scope, or closes the innermost."""
        if brace == "{":
            self._scopes.append({})
        elif len(self._scopes) == 1:
            raise Unsupported("a closing brace without an opening one")
        else:
            self._scopes.pop()

    def close(self) -> None:
        """The end of the statement."""
        if len(self._scopes) > 1:
            raise Unsupported("an opening brace without a closing one")

    def place(self, token: str) -> str:
        """The C++ variable of a register or an operand."""
        if token.startswith("#"):
            if int(token[1:]) >= len(self._given):
                raise Unsupported(f"operand %{token[1:]}: the statement has {len(self._given)} operands")
            return operands.variable(int(token[1:]))
        for scope in reversed(self._scopes):
            if token in scope:
                return scope[token]
        raise Unsupported(f"operand {token!r}: expected a number, a declared register or a known special one")

    def label(self, name: str) -> str:
        """The C++ label of a label."""
        if name not in self._labels:
            raise Unsupported(f"label {name!r}: expected one of {', '.join(self._labels) or 'none'}")
        return self._labels[name]

    def read(self, token: str, type_: str) -> str:
        """C++ that is the value of a register, an operand or a number, in this type."""
        if token.startswith("!"):
            return f"!{self.read(token[1:], type_)}"
        kind = types.CPP[type_]
        if token in SPECIAL:
            return f"({kind}){SPECIAL[token]}"
        return number(token, type_) or f"coc_asm::read<{kind}>({self.place(token)})"

    def write(self, token: str, type_: str, value: str) -> str:
        """A C++ statement that writes a value of this type; `_` is a result that nobody wants."""
        if token == "_":
            return f"(void)({value});"
        return f"coc_asm::write<{types.CPP[type_]}>({self.place(token)}, {value});"

    def address(self, token: str, space: str) -> str:
        """The C++ pointer that `[register + offset]` stands for; addresses in shared memory are 32-bit offsets."""
        parts = ADDRESS.fullmatch(token)
        if parts is None:
            raise Unsupported(f"address {token!r}: expected [register] or [register + offset]")
        base, offset = self.read(parts[1], "u64"), integer(parts[2] or parts[3] or "0")
        return f"coc_asm::{'shared' if space == 'shared' else 'generic'}_pointer({base} + {offset}ll)"


def number(token: str, type_: str) -> str | None:
    """A number written in an instruction, as C++; None where the token is none."""
    kind = types.CPP[type_]
    if bits := FLOAT_BITS.fullmatch(token):
        return f"coc_asm::bits<float>(0x{bits[1]}u)" if bits[1] else f"coc_asm::bits<double>(0x{bits[2]}ull)"
    if INTEGER.fullmatch(token):
        value = f"({integer(token)}{'ll' if token.startswith('-') else 'ull'})"
        halves = type_ in (*types.HALVES, *types.PAIRS)  # their registers are integers, so these are their bits
        return f"coc_asm::bits<{kind}>((uint{8 * types.BYTES[type_]}_t){value})" if halves else f"({kind}){value}"
    return f"({kind}){token}" if DECIMAL.fullmatch(token) else None


def integer(token: str) -> int:
    if not INTEGER.fullmatch(token):
        raise Unsupported(f"{token!r}: expected an integer")
    text = token.rstrip("U")
    octal = re.fullmatch(r"(-?)0(\d+)", text)
    return int(f"{octal[1]}0o{octal[2]}", 0) if octal else int(text, 0)


def elements(token: str, count: int) -> list[str]:
    """The `count` parts of `{a, b}`; a single register without braces is one part."""
    parts = split(token[1:-1]) if token.startswith("{") else [token]
    if len(parts) != count:
        raise Unsupported(f"{token}: expected {count} registers")
    return parts
