"""One asm statement as a C++ statement, instruction by instruction."""

from __future__ import annotations

from cuda_on_cpu.inline_asm import arithmetic, conversion, logic, memory, operands, tensor, warp
from cuda_on_cpu.inline_asm.errors import Unsupported
from cuda_on_cpu.inline_asm.forms import Form
from cuda_on_cpu.inline_asm.registers import Registers
from cuda_on_cpu.inline_asm.statements import Statement
from cuda_on_cpu.inline_asm.template import Declaration, Instruction, Item, Label, Scope, parse, shown

FAMILIES = (arithmetic, logic, conversion, memory, warp, tensor)
FORMS: dict[str, Form] = {name: form for family in FAMILIES for name, form in family.FORMS.items()}


def translate(statement: Statement, number: int) -> str:
    """C++ with the effect of the statement; `number` is that of no other statement of the source."""
    given = [operands.parse_output(text) for text in statement.outputs]
    given += [operands.parse_input(text) for text in statement.inputs]
    template = parse(statement.template)
    labels = {item.name: f"asm_label{number}_{i}" for i, item in enumerate(template) if isinstance(item, Label)}
    registers = Registers(given, labels)
    body = [translated(item, registers) for item in template]
    registers.close()
    before = [operand.before(i) for i, operand in enumerate(given)]
    after = [operand.after(i) for i, operand in enumerate(given)]
    parts = [*before, *registers.declarations, *body, *after]
    return f"do {{ {' '.join(part for part in parts if part)} }} while (0)"


def translated(item: Item, registers: Registers) -> str:
    match item:
        case Scope(brace):
            registers.brace(brace)
        case Declaration(kind, names):
            registers.declare(kind, names)
        case Label(name):
            return f"{registers.label(name)}:;"
        case Instruction():
            return translated_instruction(item, registers)
    return ""


def translated_instruction(instruction: Instruction, registers: Registers) -> str:
    try:
        if instruction.name not in FORMS:
            raise Unsupported("unknown instruction")
        cpp = FORMS[instruction.name].cpp(instruction, registers)
        predicate = instruction.predicate
        guard = f"if ({registers.read(predicate, 'pred')}) " if predicate else ""
    except Unsupported as problem:
        raise Unsupported(shown(f"{instruction.text!r}: {problem}")) from None
    return f"{guard}{{ {cpp} }}"
