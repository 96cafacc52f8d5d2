"""What kernels need on the device, as the assembler tells it with `-Xptxas=-v`."""

from __future__ import annotations

import re
from dataclasses import dataclass

KERNEL = re.compile(r"Compiling entry function '([^']+)'")
FRAME = re.compile(
    r"Function properties for (\S+)[^\d]*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
)
USED = re.compile(r"Used (\d+) registers(.*)")
STACK = re.compile(r"(\d+) bytes cumulative stack size")
SHARED = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True)
class Resources:
    """Of one kernel: registers of a thread, bytes of its stack, bytes that it writes and reads to spill registers,
    and bytes of static shared memory of a block."""

    registers: int
    stack_bytes: int
    spill_bytes: int
    shared_bytes: int


def resources(log: str) -> dict[str, Resources]:
    """Reads `getProgramLog` of a program compiled with `-Xptxas=-v`; the keys are the mangled names of kernels.

    The log does not say who calls a function that was not inlined: what such functions spill counts for every kernel.
    """
    _, *sections = KERNEL.split(log)
    names, texts = sections[::2], sections[1::2]
    frames = {name: (int(stack), int(stores) + int(loads)) for name, stack, stores, loads in FRAME.findall(log)}
    called = sum(spills for name, (_, spills) in frames.items() if name not in names)
    return {name: of_kernel(name, text, frames, called) for name, text in zip(names, texts, strict=True)}


def of_kernel(name: str, text: str, frames: dict[str, tuple[int, int]], called: int) -> Resources:
    used = USED.search(text)
    if used is None or name not in frames:
        raise ValueError(f"the log lacks 'Used … registers' or 'bytes stack frame' of kernel {name}:\n{text}")
    registers, rest = used.groups()
    # The cumulative size counts the functions that are called, and is told where there are any.
    stack, shared = STACK.search(rest), SHARED.search(rest)
    own_stack, spills = frames[name]
    return Resources(
        registers=int(registers),
        stack_bytes=int(stack[1]) if stack else own_stack,
        spill_bytes=spills + called,
        shared_bytes=int(shared[1]) if shared else 0,
    )
