"""Every kernel of the library: those in files, and those generated for its activations and optimizers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from fusegrad import optimizers
from fusegrad.backend.compiler import Source
from fusegrad.backend.instances import instances
from fusegrad.backend.sources import kernel_files, kernel_source
from fusegrad.expr.activations import ACTIVATIONS, gelu
from fusegrad.expr.cuda_loop import cuda_text, kernel_name, vector_width
from fusegrad.expr.loop import Loop
from fusegrad.ops import loops
from fusegrad.ops.epilogue import epilogue_header

Part = tuple[Source, list[str]]


def inventory() -> Iterator[Part]:
    """Sources with the names of their kernels."""
    for file in kernel_files():
        source = kernel_source(file)
        yield source, instances(source.text)
        if any(name == "epilogue.cuh" for name, _ in source.headers):
            yield with_gelu(file)
    functions = activations()
    for element in "float", "__half", "double":
        yield together(f"activations of {element}", functions, [dict.fromkeys(w.names(), element) for w in functions])
    rules = updates()
    yield together("optimizers", rules, [dict.fromkeys(w.names(), "float") | {"half": "__half"} for w in rules])


def with_gelu(file: str) -> Part:
    """One instance of every kernel of a file, whose epilogue is one of the longest there are."""
    source = kernel_source(file, epilogue_header(gelu, "float32"))
    of_float = [name for name in instances(source.text) if "<float" in name]
    return source, [*{name.partition("<")[0]: name for name in of_float}.values()]


def activations() -> list[Loop]:
    """Forward and backward, each function once: some have two names."""
    functions = dict.fromkeys(ACTIVATIONS.values())
    return [*chain.from_iterable((*loops.forward(f).loops, *loops.backward(f).loops) for f in functions)]


def updates() -> list[Loop]:
    """The longest that every optimizer has: with clipping, decay and a copy of the parameters in half precision."""
    made: list[Loop] = []
    for name in optimizers.__all__:
        if name != "Optimizer":
            rule = getattr(optimizers, name)(weight_decay=0.1, clip_value=1.0)
            made += rule.update(decay=True, copies=(("half", "value"),)).loops
    return [replace(work, name=f"{work.name}_{i}") for i, work in enumerate(made)]  # LAMB has two of one name


def together(file: str, works: Sequence[Loop], types: Sequence[Mapping[str, str]]) -> Part:
    """Many loops as one source, which compiles in a third of the time; each has a namespace for its own constants."""
    texts = [cuda_text(work, of, vector_width(work, of)) for work, of in zip(works, types, strict=True)]
    parts = [text.partition("constexpr int WIDTH") for text in texts]
    head = max((part[0] for part in parts), key=len)  # the one with what half types need
    body = "".join(f"namespace part{i} {{\n{''.join(part[1:])}}}\n" for i, part in enumerate(parts))
    return Source(file, head + body), [f"part{i}::{kernel_name(work)}" for i, work in enumerate(works)]
