"""PyTorch on the rows of `workloads`: eager, compiled in three modes, and as a CUDA graph captured by hand.

    python benchmarks/peers_gpu_torch.py eager|compile|reduce-overhead|max-autotune|graph|convolutions

Parameters and moments are float32 everywhere; "bfloat16" is autocast, "tf32" lets float32 products use TF32, and
"float32" does not.  The optimizer is the fused AdamW without decay, which is Adam; inputs lie on the device.  Without a
GPU it runs on the CPU with all sizes shrunk, which tests the script and measures nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

from convolution_workloads import CONVOLUTIONS, Convolution
from image_workloads import IMAGE_NETWORKS, ImageNetwork
from peer_lines import LOSSES, Missing, Row, main, rates, rows_of
from step_times import median_step
from torch_convolutions import convolution
from torch_training import Training, device_of
from workloads import BETAS, EPS, LR, OPERATIONS, PERCEPTRONS, STEPS_AT_ONCE, Operation, Perceptron

MODES = {"compile": "default", "reduce-overhead": "reduce-overhead", "max-autotune": "max-autotune"}
FLUSHED = 256 << 20


def rows(variant: str) -> Iterator[Row]:
    try:
        import torch
    except ImportError as error:
        reason = str(error)
        yield "settings", lambda: {"missing": reason}
        return
    rehearsed = not torch.cuda.is_available()
    yield "settings", partial(settings, variant)
    if variant == "convolutions":
        yield from rows_of(CONVOLUTIONS, convolved, rehearsed)
        return
    yield from rows_of([*PERCEPTRONS, *IMAGE_NETWORKS], partial(stepped, variant), rehearsed)
    if variant in ("eager", "compile"):
        yield from rows_of(OPERATIONS, partial(operated, variant), rehearsed)


def settings(variant: str) -> dict[str, Any]:
    import torch

    return {
        "torch": torch.__version__,
        "device": device_of(torch).type,
        "variant": variant,
        "tf32": "in rows called tf32, by torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32",
        "images": "channels last, torch.backends.cudnn.benchmark",
        "bfloat16": "autocast, parameters and moments in float32",
        "optimizer": "AdamW(fused=True, weight_decay=0)",
    }


def wait_of(torch: Any) -> Callable[[], None]:
    return torch.cuda.synchronize if torch.cuda.is_available() else lambda: None


def stepped(variant: str, work: Perceptron | ImageNetwork) -> dict[str, Any]:
    import torch

    training = Training(torch, work, capturable=variant == "graph")
    if variant == "graph":
        return captured(torch, training)
    if variant in MODES:
        torch.compiler.reset()  # of the rows before
        training.loss = torch.compile(training.loss, dynamic=False, mode=MODES[variant])
    losses = [float(training.step()) for _ in range(LOSSES)]
    return rates(work, timed(torch, training.step)) | {"losses": losses}


def captured(torch: Any, training: Training) -> dict[str, Any]:
    """The step as one graph, and several steps as one; the faster counts."""
    if not torch.cuda.is_available():
        raise Missing("a CUDA graph needs a GPU")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        losses = [float(training.step()) for _ in range(LOSSES)]
    torch.cuda.current_stream().wait_stream(side)
    seconds = {}
    for steps in (1, STEPS_AT_ONCE):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(steps):
                training.step()
        seconds[steps] = timed(torch, graph.replay) / steps
    times = {f"us_{steps}_at_once": time * 1e6 for steps, time in seconds.items()}
    return rates(training.work, min(seconds.values())) | times | {"losses": losses}


def timed(torch: Any, run: Callable[[], Any]) -> float:
    if torch.cuda.is_available():
        return median_step(run, wait_of(torch))
    return median_step(run, wait_of(torch), repeats=1, seconds=0.0)


def convolved(work: Convolution) -> dict[str, Any]:
    """Between events, as `operated`."""
    import torch

    run = convolution(torch, work)
    run()
    return rates(work, cold(torch, run) if torch.cuda.is_available() else timed(torch, run))


def operated(variant: str, work: Operation) -> dict[str, Any]:
    """Between events, with the second-level cache emptied before each call, as ours."""
    import torch

    if variant != "eager" and work.kind == "adam":
        raise Missing("an update alone has nothing to compile: see eager")
    run = {"adam": adam, "softmax cross-entropy": cross_entropy, "layer norm": layer_norm}[work.kind](
        torch, work, (lambda function: torch.compile(function, dynamic=False)) if variant == "compile" else lambda f: f
    )
    run()
    return rates(work, cold(torch, run) if torch.cuda.is_available() else timed(torch, run))


def cold(torch: Any, run: Callable[[], Any], repeats: int = 50) -> float:
    waste, pairs = torch.empty(FLUSHED, dtype=torch.uint8, device="cuda"), []
    for _ in range(repeats):  # without waiting: a queue that runs dry would let the time of the host count
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        waste.zero_()
        start.record()
        run()
        end.record()
        pairs.append((start, end))
    torch.cuda.synchronize()
    return median(start.elapsed_time(end) / 1e3 for start, end in pairs)


def plane(torch: Any, work: Operation) -> Any:
    array = torch.from_numpy(work.data()).to(device_of(torch))
    return array.to(getattr(torch, work.dtype)).requires_grad_()


def adam(torch: Any, work: Operation, prepared: Callable[[Any], Any]) -> Callable[[], Any]:
    parameter = plane(torch, work)
    parameter.grad = parameter.detach().clone()
    optimizer = torch.optim.AdamW([parameter], LR, betas=BETAS, eps=EPS, weight_decay=0.0, fused=True)
    return optimizer.step


def cross_entropy(torch: Any, work: Operation, prepared: Callable[[Any], Any]) -> Callable[[], Any]:
    logits, (rows, columns) = plane(torch, work), work.shape
    labels = torch.randint(columns, (rows,), device=logits.device)
    loss = prepared(lambda logits: torch.nn.functional.cross_entropy(logits, labels))
    return lambda: torch.autograd.grad(loss(logits), logits)


def layer_norm(torch: Any, work: Operation, prepared: Callable[[Any], Any]) -> Callable[[], Any]:
    x, columns = plane(torch, work), work.shape[1]
    weight, bias = (torch.ones(columns, device=x.device, dtype=x.dtype, requires_grad=True) for _ in range(2))
    dy = x.detach().clone()
    forward = prepared(lambda x, weight, bias: torch.nn.functional.layer_norm(x, (columns,), weight, bias))
    return lambda: torch.autograd.grad(forward(x, weight, bias), (x, weight, bias), dy)


if __name__ == "__main__":
    main({variant: partial(rows, variant) for variant in ("eager", "graph", "convolutions", *MODES)})
