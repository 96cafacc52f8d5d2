"""The kernels that a file holds, by the names that a compiler takes for them, and the GPUs that they need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from fusegrad.backend.compiler import Source
from fusegrad.backend.signature import COMMENT

BOUNDS = r"(?:__launch_bounds__\s*\([^()]*\)\s*)?"
KERNEL = re.compile(
    rf"(?:template\s*<([^<>]*)>\s*)?(?:extern\s+\"C\"\s+)?__global__\s+{BOUNDS}void\s+{BOUNDS}(\w+)\s*\("
)
LISTED = re.compile(r"//\s*Instances:\s*((?:[^\n]*,\n//)*[^\n]*)")  # a line that ends with a comma goes on
NEEDED = re.compile(r"//\s*Needs: sm_(\d+)$", re.MULTILINE)
ELEMENTS = "float", "double", "__half", "__nv_bfloat16"


def instances(text: str) -> list[str]:
    """All kernels of a source: templates of `class T` for every type of elements, others as "Instances:" lists them.

    A list may name alternatives: f<float | double, 1 | 4> are four instances.  ValueError where a template has other
    parameters and no instance is listed.
    """
    written = [item for match in LISTED.finditer(text) for item in re.findall(r"(\w+)<([^<>]*)>", match[1])]
    listed = [name for kernel, arguments in written for name in alternatives(kernel, arguments)]
    return [name for template, kernel in kernels(text) for name in names(template, kernel, listed)]


def needed_capability(source: Source) -> int:
    """The least compute capability, such as 80, that a line "// Needs: sm_80" of the file or a header names; else 0."""
    texts = source.text, *(text for _, text in source.headers)
    return max((int(number) for text in texts for number in NEEDED.findall(text)), default=0)


def alternatives(kernel: str, arguments: str) -> Iterator[str]:
    """The kernel with every combination of the alternatives for its arguments."""
    choices = [[choice.strip() for choice in argument.split("|")] for argument in arguments.split(",")]
    return (f"{kernel}<{', '.join(chosen)}>" for chosen in product(*choices))


def kernels(text: str) -> Iterator[tuple[str, str]]:
    """Parameters of the template, and name, of every kernel."""
    for match in KERNEL.finditer(COMMENT.sub("", text)):
        yield (match[1] or "").strip(), match[2]


def names(template: str, kernel: str, listed: list[str]) -> list[str]:
    own = [name for name in listed if name.partition("<")[0] == kernel]
    if not template:
        return [kernel]
    if re.fullmatch(r"(class|typename)\s+\w+", template) and not own:
        return [f"{kernel}<{element}>" for element in ELEMENTS]
    if not own:
        raise ValueError(f"{kernel} has the template parameters {template}: list its instances")
    return own
