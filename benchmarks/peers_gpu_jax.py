"""JAX on the rows of `workloads`: a step as one compiled function whose arguments are donated, and many by lax.scan.

    python benchmarks/peers_gpu_jax.py jit|scan

Parameters and moments are float32 everywhere; "bfloat16" multiplies arrays of bfloat16, "tf32" and "float32" set the
precision of products, whose default in JAX is TF32 on a GPU.  Adam is optax's; inputs lie on the device.  Without a GPU
it runs on the CPU with all sizes shrunk, which tests the script and measures nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from peer_lines import LOSSES, Row, main, rates, rows_of
from step_times import median_step
from workloads import BETAS, EPS, LR, OPERATIONS, PERCEPTRONS, STEPS_AT_ONCE, Operation, Perceptron

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
PRODUCTS = {"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "default"}


def rows(variant: str) -> Iterator[Row]:
    try:
        import jax
        import optax
    except ImportError as error:
        reason = str(error)
        yield "settings", lambda: {"missing": reason}
        return
    rehearsed = jax.default_backend() != "gpu"
    yield "settings", lambda: {"jax": jax.__version__, "optax": optax.__version__, "device": jax.default_backend()}
    yield from rows_of(PERCEPTRONS, partial(stepped, variant, rehearsed), rehearsed)
    if variant == "jit":
        yield from rows_of(OPERATIONS, partial(operated, rehearsed), rehearsed)


def stepped(variant: str, rehearsed: bool, work: Perceptron) -> dict[str, Any]:
    import jax

    with jax.default_matmul_precision(PRODUCTS[work.precision]):
        steps = STEPS_AT_ONCE if variant == "scan" else 1
        run, wait = (several if variant == "scan" else single)(work)
        losses = [run() for _ in range(LOSSES)]  # of scan, of other batches
        first = {"losses": [*map(float, losses)]} if variant == "jit" else {}
        return rates(work, timed(run, wait, rehearsed) / steps) | first


def timed(run: Callable[[], Any], wait: Callable[[], Any], rehearsed: bool) -> float:
    return median_step(run, wait, repeats=1, seconds=0.0) if rehearsed else median_step(run, wait)


def training(work: Perceptron) -> tuple[Any, Any]:
    """Parameters with the state of Adam, and the step as a function of them and a batch."""
    import jax
    import optax

    act = {"relu": jax.nn.relu, "gelu_tanh": partial(jax.nn.gelu, approximate=True)}[work.activation]
    kind = jax.numpy.bfloat16 if work.precision == "bfloat16" else jax.numpy.float32
    params = [(jax.numpy.array(weight.T), jax.numpy.array(bias)) for weight, bias in zip(*work.initial(), strict=True)]
    adam = optax.adam(LR, *BETAS, eps=EPS)

    def loss_of(params: Any, x: Any, labels: Any) -> Any:
        x = x.astype(kind)
        for number, (weight, bias) in enumerate(params):
            x = x @ weight.astype(kind) + bias.astype(kind)
            x = act(x) if number < len(params) - 1 else x
        return optax.softmax_cross_entropy_with_integer_labels(x.astype("float32"), labels).mean()

    def step(carried: Any, batch: Any) -> tuple[Any, Any]:
        params, state = carried
        loss, grads = jax.value_and_grad(loss_of)(params, *batch)
        updates, state = adam.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), loss

    return (params, adam.init(params)), step


def single(work: Perceptron) -> tuple[Callable[[], Any], Callable[[], Any]]:
    import jax

    carried, step = training(work)
    batch = tuple(jax.numpy.array(array) for array in work.data())
    return repeated(jax, carried, jax.jit(step, donate_argnums=0), batch)


def several(work: Perceptron) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Steps over batches that lie on the device, one after the other."""
    import jax

    carried, step = training(work)
    x, labels = work.data(STEPS_AT_ONCE)
    batches = x.reshape(STEPS_AT_ONCE, work.batch, -1), labels.reshape(STEPS_AT_ONCE, -1)
    batches = tuple(jax.numpy.array(array) for array in batches)
    scanned = jax.jit(lambda carried, batches: jax.lax.scan(step, carried, batches), donate_argnums=0)
    return repeated(jax, carried, scanned, batches)


def repeated(jax: Any, carried: Any, step: Any, batch: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A function that goes on from where it was, and one that waits for it."""

    def run() -> Any:
        nonlocal carried
        carried, losses = step(carried, batch)
        return losses

    return run, lambda: jax.block_until_ready(carried)


def operated(rehearsed: bool, work: Operation) -> dict[str, Any]:
    """By the clock of the host over rows of calls, since JAX has no events; the cache is as the calls leave it."""
    import jax

    make = {"adam": adam, "softmax cross-entropy": cross_entropy, "layer norm": layer_norm}[work.kind]
    run, result = make(jax, work), [None]

    def once() -> None:
        result[0] = run()

    return rates(work, timed(once, lambda: jax.block_until_ready(result[0]), rehearsed))


def plane(jax: Any, work: Operation) -> Any:
    return jax.numpy.array(work.data()).astype(work.dtype)


def adam(jax: Any, work: Operation) -> Callable[[], Any]:
    import optax

    rule, gradient = optax.adam(LR, *BETAS, eps=EPS), plane(jax, work)
    value = jax.numpy.zeros_like(gradient)
    state = rule.init(value)

    @partial(jax.jit, donate_argnums=(0, 1))
    def apply(value: Any, state: Any, gradient: Any) -> Any:
        updates, state = rule.update(gradient, state, value)
        return optax.apply_updates(value, updates), state

    def run() -> Any:
        nonlocal value, state
        value, state = apply(value, state, gradient)
        return value

    return run


def cross_entropy(jax: Any, work: Operation) -> Callable[[], Any]:
    import optax

    logits, (rows, columns) = plane(jax, work), work.shape
    labels = jax.random.randint(jax.random.key(0), (rows,), 0, columns)

    def loss(logits: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(logits.astype("float32"), labels).mean()

    both = jax.jit(jax.value_and_grad(loss))
    return lambda: both(logits)


def layer_norm(jax: Any, work: Operation) -> Callable[[], Any]:
    x, dy = plane(jax, work), plane(jax, work)
    weight, bias = (jax.numpy.ones(work.shape[1], x.dtype) for _ in range(2))

    def forward(x: Any, weight: Any, bias: Any) -> Any:
        wide = x.astype("float32")
        centred = wide - wide.mean(1, keepdims=True)
        scaled = centred * jax.lax.rsqrt((centred * centred).mean(1, keepdims=True) + 1e-5)
        return (scaled * weight + bias).astype(x.dtype)

    @jax.jit
    def both(x: Any, weight: Any, bias: Any, dy: Any) -> Any:
        y, back = jax.vjp(forward, x, weight, bias)
        return y, back(dy)

    return lambda: both(x, weight, bias, dy)


if __name__ == "__main__":
    main({variant: partial(rows, variant) for variant in ("jit", "scan")})
