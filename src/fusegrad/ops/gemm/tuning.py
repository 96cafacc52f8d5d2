"""Who computes a product fastest: all that can are timed on a copy of it, once for each kind of product.

What was found is kept on disk, so that on the same machine a product is computed in the same way for ever, with the
same bits; under another version of CUDA, cuBLASLt or the kernels it is of another kind.  What is deleted there, or
damaged, is measured anew, and then another way may win, which adds in another order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from threading import Lock
from typing import Any

from fusegrad.backend import cublaslt, findings, timing
from fusegrad.backend.cuda import namespace
from fusegrad.backend.kernel import LaunchError
from fusegrad.backend.sources import kernel_source
from fusegrad.ops import bias_activation
from fusegrad.ops.gemm import library, simt, tensor
from fusegrad.ops.gemm.finish import finish_header
from fusegrad.ops.gemm.likeness import copied, signature
from fusegrad.ops.gemm.product import Product
from fusegrad.ops.op import Bound

Binder = Callable[[], Bound | None]  # None where a way turns out not to be one
Timing = Callable[[Any, Mapping[str, Bound]], dict[str, float]]  # as `backend.timing.milliseconds`

TOPIC = "product"
FILES = simt.FILE, tensor.FILE, bias_activation.FILE

_chosen: dict[str, str] = {}  # by kind, the name of a way, until the process ends
_choosing = Lock()  # what is measured at the same time is measured wrongly


def bound(product: Product, time: Timing = timing.milliseconds) -> Bound:
    """The launches of a product in the way that was fastest when all were timed, now or in an earlier process.

    Raises RuntimeError while the current stream captures.
    """
    require_no_capture(product)
    ways = candidates(product)
    with _choosing:
        name = chosen(product, ways, time)
    found = ways[name]()
    if found is None:
        raise RuntimeError(f"{name} computed a copy of a product, but not the product {signature(product)}")
    return found


def candidates(product: Product) -> dict[str, Binder]:
    """All ways to compute a product, by name."""
    return dict(named(product))


def named(product: Product) -> Iterator[tuple[str, Binder]]:
    yield from library.candidates(product)
    for provider in tensor, simt:
        for name, binder in provider.candidates(product):
            yield f"{provider.FILE}, {name}", binder


def chosen(product: Product, ways: Mapping[str, Binder], time: Timing) -> str:
    """The name of the way: remembered, found on disk, or measured."""
    of = kind(product, ways)
    if of not in _chosen:
        _chosen[of] = known(of, ways) or fastest(product, of, ways, time)
    return _chosen[of]


def known(kind: str, ways: Mapping[str, Binder]) -> str | None:
    name = (findings.known(TOPIC, kind) or {}).get("fastest")
    return name if isinstance(name, str) and name in ways else None


def fastest(product: Product, kind: str, ways: Mapping[str, Binder], time: Timing) -> str:
    """Measured, and kept; but what another process has kept meanwhile holds for this one, too."""
    times = measured(product, time)
    sooner = known(kind, ways)
    if sooner is not None:
        return sooner
    name = min(times, key=times.__getitem__)
    findings.keep(TOPIC, kind, {"fastest": name, "milliseconds": times})
    return name


def measured(product: Product, time: Timing = timing.milliseconds) -> dict[str, float]:
    """Milliseconds of all ways to compute a product, but those that refuse; its own arrays are left alone.

    Raises RuntimeError while the current stream captures.
    """
    require_no_capture(product)
    cuda = namespace(product.y.memory).cuda
    return time(cuda, runnable(copied(product), cuda))


def require_no_capture(product: Product) -> None:
    """Since whatever may have to be measured, or to be made for the library, is no part of a graph."""
    if namespace(product.y.memory).cuda.get_current_stream().is_capturing():
        raise RuntimeError("a product expects to be bound before a capture begins, got one while capturing")


def runnable(product: Product, cuda: Any) -> dict[str, Bound]:
    """All ways that bind and run, each of which has run once.

    Raises the last refusal where all refuse; what is no refusal is raised at once.
    """
    runs: dict[str, Bound] = {}
    refused: Exception | None = None
    refusals = refusals_of(product)
    for name, binder in candidates(product).items():
        try:
            run = binder()
            if run is not None:
                run()
                cuda.get_current_stream().synchronize()  # so that an error is one of this way
                runs[name] = run
        except refusals as error:
            refused = error
        except Exception as error:
            error.add_note(f"by {name}, when it was tried for the product {signature(product)}")
            raise
    if refused is not None and not runs:
        raise refused
    return runs


def refusals_of(product: Product) -> tuple[type[Exception], ...]:
    """What is raised where a way does not exist on the device: it lacks shared memory, or the library an algorithm."""
    functions = cublaslt.library(namespace(product.y.memory))
    return (LaunchError,) if functions is None else (LaunchError, functions.cuBLASLtError)


def kind(product: Product, ways: Mapping[str, Binder]) -> str:
    """All that the choice depends on."""
    memory = product.y.memory
    return repr((machine(namespace(memory), memory.device.id), sources(product), list(ways), signature(product)))


@cache
def machine(xp: Any, device: int) -> tuple[Any, ...]:
    """The device, and the versions of what computes and compiles there."""
    runtime, functions = xp.cuda.runtime, cublaslt.library(xp)
    name = runtime.getDeviceProperties(device)["name"].decode()
    versions = runtime.driverGetVersion(), runtime.runtimeGetVersion(), xp.cuda.nvrtc.getVersion()
    library_version = None if functions is None else int(functions.get_version())
    return name, str(xp.cuda.Device(device).compute_capability), *versions, library_version


def sources(product: Product) -> str:
    """A hash of the kernels, with the text of the product's own function."""
    texts = [kernel_source(file, finish_header(product)) for file in FILES]
    return hashlib.sha256(repr(texts).encode()).hexdigest()
