"""What this is, and what its memory and its cores can do: the figures that others are compared with."""

from __future__ import annotations

import sys
from importlib import metadata

import numpy as np

from fusegrad.ops import elementwise
from on_gpu.device import BACKEND, REHEARSED, Found, Items, device, installed, sustained, timed
from on_gpu.products import DTYPES, bound_by, providers

COPIED = 1 << 10 if REHEARSED else 1 << 28  # numbers of four bytes
WIDTH = 64 if REHEARSED else 8192
PACKAGES = "numpy", "torch", "jax", "optax", "nvmath-python"


def presence() -> Items:
    """Only whether there is a machine that runs kernels."""
    yield "facts", facts


def machine() -> Items:
    yield "facts", facts
    yield "copy", copy
    for dtype in DTYPES:
        yield f"product {dtype}", lambda dtype=dtype: rates(dtype)
    for dtype in DTYPES:
        yield f"torch product {dtype}", lambda dtype=dtype: of_torch(dtype)


def facts() -> Found:
    cupy = device().xp
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    versions = {name: metadata.version(name) for name in PACKAGES if installed(name)}
    versions |= {"cupy": cupy.__version__, "nvrtc": ".".join(map(str, cupy.cuda.nvrtc.getVersion()))}
    versions |= {"driver": cupy.cuda.runtime.driverGetVersion(), "python": sys.version.split()[0]}
    return {"device": properties["name"].decode(), "backend": BACKEND, **versions}


def copy() -> Found:
    """GB/s, read and written, of the faster of CuPy's copy and ours."""
    source = device().asarray(np.random.default_rng(0).random(COPIED, "float32"))
    target = device().empty((COPIED,), "float32")
    with device().using_stream():
        ours = elementwise.copy.bound("cuda", source, target)
    ways = {"cupy": lambda: target.__setitem__(slice(None), source), "fusegrad": ours}
    rates = {name: 2 * source.nbytes / timed(way) / 1e9 for name, way in ways.items()}
    return {"bytes": source.nbytes, "gb_per_s": max(rates.values()), **rates}


def rates(dtype: str) -> Found:
    """TFLOP/s of a large product of random matrices, by everyone who can compute it."""
    found = {}
    for name in providers():
        run = bound_by(name, (WIDTH,) * 3, dtype)
        if run is not None:
            found[name] = 2 * WIDTH**3 / sustained(run) / 1e12
    return {"tflop_per_s": max(found.values()), **found}


def of_torch(dtype: str) -> Found:
    """The same by PyTorch, for comparison, in this process."""
    if not installed("torch") or REHEARSED:
        return {"missing": "torch is not installed" if not REHEARSED else "a rehearsal"}
    import torch

    torch.backends.cuda.matmul.allow_tf32 = dtype == "tf32"
    kind = getattr(torch, "float32" if dtype == "tf32" else dtype)
    a, b = (torch.randn(WIDTH, WIDTH, device="cuda", dtype=kind) for _ in range(2))
    stream = torch.cuda.ExternalStream(device().stream.ptr)
    with torch.cuda.stream(stream):
        return {"tflop_per_s": 2 * WIDTH**3 / sustained(lambda: a @ b) / 1e12}
