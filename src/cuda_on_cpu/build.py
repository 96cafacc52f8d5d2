"""Compiles kernel source with g++ into a shared object, and keeps the result in a cache."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuda_on_cpu.shared_arrays import shared_symbols
from cuda_on_cpu.source import blank_comments, host_source, kernels, launch_bounds, place, presence
from cuda_on_cpu.toolchain import (
    MODES,
    PRECOMPILED,
    BuildError,
    cache_folder,
    compiler,
    compiler_version,
    digest,
    flags,
    once,
    precompiled_header,
    run,
    runtime_object,
    temporary_folder,
)

SOURCE_FOLDER = "/cuda_on_cpu_source"  # stands for the temporary folder in debug information
ARCHITECTURE = re.compile(r"--?(?:arch|gpu-architecture)=(?:sm|compute)_(\d+)[af]?")
FLUSHES = re.compile(r"--?ftz=true|--?use_fast_math")
# NVIDIA's headers are found without -I, and others are handed over as text.
WITHOUT_MEANING = re.compile(
    r"-I.*|--include-path=.*|--?std=.*|--?ftz=false|--?fmad=true|-lineinfo|--generate-line-info|-Xptxas.*|--ptxas.*"
    r"|-default-device|--device-as-default-execution-space|--?diag-suppress=.*"
)


@dataclass(frozen=True)
class Options:
    """What compiler options mean here."""

    macros: str = ""  # lines of #define and #undef
    architecture: int = 800  # __CUDA_ARCH__
    flush_denormals: bool = False


def build(
    code: str,
    filename: str = "kernel.cu",
    options: Sequence[str] = (),
    names: Sequence[str] = (),
    mode: str = "fast",
    headers: Mapping[str, str] = {},  # never changed
) -> Path:
    """Compile a module, or find it in the cache, and return the path of the shared object.

    `options` are those of NVRTC, `names` the kernels to export such as `layer_norm<float, 256>` (all that are not
    templates if empty), `headers` texts that the source includes by name.  `mode` is "fast", or "check" for a module
    that reports errors of memory and synchronisation.  BuildError where g++ refuses the source.
    """
    if mode not in MODES:
        raise BuildError(f"{filename}: mode {mode!r}; known: {', '.join(MODES)}")
    main = Path(filename).name
    require_names(main, headers)
    files = {main: code, **headers}
    texts = {name: host_source(text, name, number) for number, (name, text) in enumerate(files.items())}
    parsed = parse(options, filename)
    found = dict.fromkeys(kernel.name for kernel in kernels(blank_comments(code)) if not kernel.template)
    if not names and not found:
        raise BuildError(f"{filename}: there are no kernels in the source that are not templates")
    known = {kernel.name for text in files.values() for kernel in kernels(blank_comments(text))}
    texts[main] = head(parsed) + texts[main] + (exports(names, known) if names else exports_of_all(found))
    listed, flush = list(names or found), parsed.flush_denormals
    description = {"files": list(files), "kernels": listed, "mode": mode, "flush_denormals": flush}
    key = digest(compiler_version(), json.dumps(description), *(f"{name}\0{text}" for name, text in texts.items()))
    return once(cache_folder() / f"{key}.so", lambda out: make_module(texts, description, out))


def require_names(main: str, headers: Iterable[str]) -> None:
    """Headers are written beside the source under their names, so these must stay there and must not collide."""
    for name in headers:
        if name == main or Path(name).is_absolute() or ".." in Path(name).parts:
            raise BuildError(f"{main}: a header cannot have the name {name!r}")


def parse(options: Sequence[str], filename: str) -> Options:
    """The meaning of NVRTC's options; BuildError for one that has none here."""
    macros, architecture, flush = "", 800, False
    for option in options:
        if option.startswith("-D"):
            name, _, value = option[2:].partition("=")
            macros += f"#define {name} {value if '=' in option else 1}\n"
        elif option.startswith("-U"):
            macros += f"#undef {option[2:]}\n"
        elif match := ARCHITECTURE.fullmatch(option):
            architecture = int(match[1]) * 10
        elif FLUSHES.fullmatch(option):
            flush = True
        elif not WITHOUT_MEANING.fullmatch(option):
            raise BuildError(f"{filename}: the compiler option {option!r} has no meaning on the CPU")
    return Options(macros, architecture, flush)


def head(options: Options) -> str:
    """Lines before the source: as text, not as -D, so that one precompiled header serves all options."""
    return f"#define __CUDA_ARCH__ {options.architecture}\n{options.macros}"


def exports(names: Sequence[str], known: set[str]) -> str:
    """One entry per kernel; a name that does not exist is an error that quotes the name."""
    return "".join(export(number, name, known) for number, name in enumerate(names))


def exports_of_all(found: Collection[str]) -> str:
    """One entry per kernel that the preprocessor leaves."""
    return "".join(f"#ifdef {presence(n)}\n{export(i, n, found)}#endif\n" for i, n in enumerate(found))


def export(number: int, name: str, known: Container[str]) -> str:
    return f'#line 1 "kernel name {name}"\nCOC_KERNEL({number}, ({launch_bounds(name, known)}), {name})\n'


def make_module(texts: Mapping[str, str], description: dict[str, Any], out: Path) -> None:
    """Compile and link in a folder of its own, where the headers lie beside the source."""
    folder = temporary_folder()
    try:
        write(texts, folder)
        compile_source(folder, list(texts), description["mode"])
        symbols = shared_symbols(folder / "kernels.o", description["kernels"])
        write({"description.s": description_text({**description, "shared": symbols})}, folder)
        objects = ["kernels.o", "description.s", str(runtime_object())]
        run([compiler(), "-shared", "-Wl,-z,now,-z,defs,-Bsymbolic", "-o", str(out), *objects, "-lm"], folder)
    finally:
        shutil.rmtree(folder)


def write(texts: Mapping[str, str], folder: Path) -> None:
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def compile_source(folder: Path, files: Sequence[str], mode: str) -> None:
    """Compile the first of `files` to kernels.o; places in messages become those of the source."""
    header = [f"-I{precompiled_header(mode)}", "-include", PRECOMPILED]
    debug = f"-fdebug-prefix-map={folder}={SOURCE_FOLDER}"
    # No excerpts: g++ would take them from the rewritten text, where lines have other numbers.
    plain = "-fno-diagnostics-show-caret"
    command = [compiler(), *header, *flags(mode), "-I.", debug, plain, "-x", "c++", "-c", files[0], "-o", "kernels.o"]
    try:
        run(command, folder)
    except BuildError as error:
        numbered = re.compile(r"[^\s:]+:(\d{7,})\b")
        raise BuildError(numbered.sub(lambda match: place(int(match[1]), files), str(error))) from None


def description_text(description: Mapping[str, Any]) -> str:
    """What `Module` has to know, as JSON in a string of its own object, since it is known only after compilation."""
    text = json.dumps(json.dumps(description))
    lines = (".section .rodata", ".globl coc_description", f"coc_description: .asciz {text}")
    return "\n".join((*lines, '.section .note.GNU-stack,"",%progbits', ""))
