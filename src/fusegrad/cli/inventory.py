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
EPILOGUE = "epilogue.cuh"  # a header that generated text replaces


def inventory() -> Iterator[Part]:
    """Sources with the names of their kernels."""
    for file in kernel_files():
        source = kernel_source(file)
        yield source, instances(source.text)
        yield from with_gelu(source)
    functions = activations()
    for element in "float", "__half", "double":
        yield together(f"activations of {element}", functions, [dict.fromkeys(w.names(), element) for w in functions])
    rules = updates()
    yield together("optimizers", rules, [dict.fromkeys(w.names(), "float") | {"half": "__half"} for w in rules])


def with_gelu(source: Source) -> Iterator[Part]:
    """One instance of every kernel of a file, with the longest of what may follow its sums, if anything may."""
    headers = {name for name, _ in source.headers}
    of_product = [{"sloped": True}, {"dropped": True}]
    forms = of_product if "column_sums.cuh" in headers else [{}] if EPILOGUE in headers else []
    of_float = [name for name in instances(source.text) if "<float" in name]
    for form in forms:
        generated = kernel_source(source.file, epilogue_header(gelu, "float32", **form))
        yield generated, [*{name.partition("<")[0]: name for name in of_float}.values()]


def activations() -> list[Loop]:
    """Forward and backward, each function once: some have two names."""
    functions = dict.fromkeys(ACTIVATIONS.values())
    return [*chain.from_iterable((*loops.forward(f).loops, *loops.backward(f).loops) for f in functions)]


def updates() -> list[Loop]:
    """The longest that every optimizer has: with clipping, decay, a copy in half precision, and what may skip it."""
    made: list[Loop] = []
    for name in optimizers.__all__:
        if name != "Optimizer":
            rule = getattr(optimizers, name)(weight_decay=0.1, clip_value=1.0)
            made += rule.update(decay=True, copies=(("half", "value"),), conditional=True).loops
    return [replace(work, name=f"{work.name}_{i}") for i, work in enumerate(made)]  # LAMB has two of one name


def together(file: str, works: Sequence[Loop], types: Sequence[Mapping[str, str]]) -> Part:
    """Many loops as one source, which compiles in a third of the time; each has a namespace for its own constants."""
    texts = [cuda_text(work, of, vector_width(work, of)) for work, of in zip(works, types, strict=True)]
    parts = [text.partition("constexpr int WIDTH") for text in texts]
    head = max((part[0] for part in parts), key=len)  # the one with what half types need
    body = "".join(f"namespace part{i} {{\n{''.join(part[1:])}}}\n" for i, part in enumerate(parts))
    return Source(file, head + body), [f"part{i}::{kernel_name(work)}" for i, work in enumerate(works)]
