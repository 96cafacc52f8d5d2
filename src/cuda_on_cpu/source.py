"""Kernel source as the host compiler gets it: the same lines, with a few words rewritten.

Files of a module are numbered, the kernel file is 0, and the lines of file k count from k·10⁶ + 1.  So a line number
alone tells the file, in `__LINE__`, in debug information and in messages of the compiler; `place` takes it apart.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from cuda_on_cpu.inline_asm import rewrite
from cuda_on_cpu.toolchain import BuildError

LINES_PER_FILE = 1_000_000
# Raw strings, strings, characters (no separators of digits), and comments, which a backslash continues
STRINGS_AND_COMMENTS = re.compile(
    r'R"(?P<end>[^()\s\\]*)\(.*?\)(?P=end)"|"(?:[^"\\\n]|\\.)*"|(?<![0-9a-fA-F])\'(?:[^\'\\\n]|\\.)\''
    r"|//(?:\\\n|[^\n])*|/\*.*?\*/",
    re.DOTALL,
)
STATIC_SHARED = re.compile(r"\bstatic\s+__shared__|__shared__\s+static\b")  # the macro has a `static` of its own
SHARED_ALIGNAS = re.compile(r"(__shared__[^;]*?)\balignas\s*\(")
PARENTHESES = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"  # of up to three levels
ALIGN = rf"(?:__align__\s*{PARENTHESES}\s*)?"
DYNAMIC_SHARED = re.compile(
    rf"\bextern\s+{ALIGN}((?:volatile\s+)?){ALIGN}__shared__\s+{ALIGN}([\w:<>,\s]+?)\s+{ALIGN}(\w+)"
    r"\s*\[\s*\]((?:\s*\[[^\]]*\])*)\s*;"
)
BOUNDS = rf"__launch_bounds__\s*({PARENTHESES})\s*"
KERNEL = re.compile(rf"(?:{BOUNDS})?__global__\s+(?:(?:static|inline)\s+)*(?:{BOUNDS})?void\s+(?:{BOUNDS})?(\w+)\s*\(")
BEFORE_KERNEL = re.compile(r'(?:extern\s+"C"\s+|static\s+|inline\s+)*$')


@dataclass(frozen=True)
class KernelText:
    """Where a kernel is defined: its name, its template parameters `<class T>` or "", the text of its launch bounds."""

    name: str
    start: int  # of the whole declaration, from `template` or `extern "C"` on
    template: str
    bounds: str


def host_source(code: str, filename: str, number: int) -> str:
    """The text of file `number` for g++; BuildError for what cannot be run here."""
    code = blank_comments(code)
    previous = None
    while code != previous:  # g++ wants a GNU attribute after `static thread_local`
        previous, code = code, SHARED_ALIGNAS.sub(r"\1__align__(", code)
    code = STATIC_SHARED.sub("__shared__", code)
    refuse_global_dynamic_shared(code, filename)
    code = DYNAMIC_SHARED.sub(r"COC_DYNAMIC_SHARED(\3, \4, \1\2);", code)
    first_line = number * LINES_PER_FILE + 1
    code = with_launch_bounds(rewrite(code, filename), first_line)
    return f'#line {first_line} "{filename}"\n{code}\n'


def blank_comments(code: str) -> str:
    """Comments become blanks; strings and the structure of lines stay."""

    def blank(match: re.Match[str]) -> str:
        return match[0] if match[0][0] in "R\"'" else re.sub(r"[^\n]", " ", match[0])

    return STRINGS_AND_COMMENTS.sub(blank, code)


def refuse_global_dynamic_shared(code: str, filename: str) -> None:
    """Outside of functions the declaration would be evaluated once, before there is a launch."""
    for match in DYNAMIC_SHARED.finditer(code):
        before = code[: match.start()]
        if before.count("{") == before.count("}"):
            line = before.count("\n") + 1
            raise BuildError(f"{filename}:{line}: declare the dynamic shared array {match[3]!r} inside the kernel")


def kernels(code: str) -> list[KernelText]:
    """The kernels that are defined in a text without comments, in order; those that macros make are not known."""
    return [
        kernel_text(code, match)
        for match in KERNEL.finditer(code)
        if has_body(code, match.end()) and not in_macro(code, match.start())
    ]


def in_macro(code: str, position: int) -> bool:
    """Whether a preprocessor directive, with the lines that continue it, reaches to `position`."""
    lines = code[:position].split("\n")
    while len(lines) > 1 and lines[-2].endswith("\\"):
        lines[-2:] = [lines[-2] + lines[-1]]
    return lines[-1].lstrip().startswith("#")


def kernel_text(code: str, match: re.Match[str]) -> KernelText:
    head = code[: match.start()]
    head = head[: BEFORE_KERNEL.search(head).start()]  # type: ignore[union-attr]  # it matches the empty text as well
    start, template = len(head), ""
    if head.rstrip().endswith(">"):
        opening = opening_bracket(head.rstrip())
        if keyword := re.search(r"template\s*$", head[:opening]):
            start, template = keyword.start(), head[opening:].strip()
    return KernelText(match[4], start, template, match[1] or match[2] or match[3] or "(1024)")


def opening_bracket(text: str) -> int:
    """Where the `<` is that matches the `>` at the end."""
    depth = 0
    for position in range(len(text) - 1, -1, -1):
        depth += (text[position] == ">") - (text[position] == "<")
        if depth == 0:
            return position
    return 0


def has_body(code: str, position: int) -> bool:
    """Whether `{` follows the parameter list that begins at `position`: a definition, not a declaration."""
    depth = 1
    while depth and position < len(code):
        depth += (code[position] == "(") - (code[position] == ")")
        position += 1
    return code[position:].lstrip().startswith("{")


def with_launch_bounds(code: str, first_line: int) -> str:
    """Before each kernel a constant `coc_launch_bounds_<kernel>`, a template where the kernel is one.

    And a macro, which tells that the preprocessor did not leave the kernel out.
    """
    parts, done = [], 0
    for kernel in kernels(code):
        template = f"template {kernel.template} " if kernel.template else ""
        constant = f"constexpr int coc_launch_bounds_{kernel.name} = coc::first_bound{kernel.bounds}; "
        line = first_line + code.count("\n", 0, kernel.start)
        directives = f"\n#define {presence(kernel.name)}\n#line {line}\n"
        parts += [code[done : kernel.start], directives, re.sub(r"\s+", " ", template + constant)]
        done = kernel.start
    return "".join([*parts, code[done:]])


def presence(kernel: str) -> str:
    """The macro that is defined where a kernel is."""
    return f"COC_HAS_{kernel}"


def launch_bounds(name: str, known: Container[str]) -> str:
    """The constant's name for a name expression like `space::layer_norm<float, 256>`."""
    path, bracket, arguments = name.partition("<")
    space, _, kernel = path.strip().rpartition("::")
    if kernel not in known:  # made by a macro
        return "1024"
    return f"{space}{'::' if space else ''}coc_launch_bounds_{kernel}{bracket}{arguments}"


def place(line: int, files: Sequence[str]) -> str:
    """A numbered line as `file.cu:line`."""
    return f"{files[line // LINES_PER_FILE]}:{line % LINES_PER_FILE}"
