"""The peer JAX, with optax."""

from __future__ import annotations

from functools import partial

from peer_rows import LR


class Jax:
    """JAX and optax: everything in one compiled function, which may reuse the memory of what it replaces."""

    def network(self, activation, weights, biases, x, labels):
        import jax
        import optax

        act = {"relu": jax.nn.relu, "gelu": partial(jax.nn.gelu, approximate=False)}[activation]
        params = [
            (jax.numpy.array(weight.T), jax.numpy.array(bias)) for weight, bias in zip(weights, biases, strict=True)
        ]
        adam = optax.adam(LR)
        state, x, labels = adam.init(params), jax.numpy.array(x), jax.numpy.array(labels)

        def evaluate(params, x, labels):
            for weight, bias in params[:-1]:
                x = act(x @ weight + bias)
            weight, bias = params[-1]
            return optax.softmax_cross_entropy_with_integer_labels(x @ weight + bias, labels).mean()

        @partial(jax.jit, donate_argnums=(0, 1))
        def train(params, state, x, labels):
            loss, grads = jax.value_and_grad(evaluate)(params, x, labels)
            updates, state = adam.update(grads, state, params)
            return optax.apply_updates(params, updates), state, loss

        def step():
            nonlocal params, state
            params, state, loss = train(params, state, x, labels)
            return float(loss)

        return step

    def images(self, name, parameters, x, labels):
        import jax
        import optax
        from images_jax import NETWORKS, channels_last, fresh_statistics

        params, statistics, adam = [channels_last(p) for p in parameters], fresh_statistics(parameters), optax.adam(LR)
        state, x, labels = adam.init(params), jax.numpy.array(x.transpose(0, 2, 3, 1)), jax.numpy.array(labels)

        def evaluate(params, statistics):
            logits, updated = NETWORKS[name](params, statistics, x)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), updated

        @partial(jax.jit, donate_argnums=(0, 1, 2))
        def train(params, statistics, state):
            (loss, updated), grads = jax.value_and_grad(evaluate, has_aux=True)(params, statistics)
            updates, state = adam.update(grads, state, params)
            return optax.apply_updates(params, updates), updated, state, loss

        def step():
            nonlocal params, statistics, state
            params, statistics, state, loss = train(params, statistics, state)
            return float(loss)

        return step

    def update(self, gradient):
        import jax
        import optax

        adam, gradient = optax.adam(LR), jax.numpy.array(gradient)
        value = jax.numpy.zeros_like(gradient)
        state = adam.init(value)

        @partial(jax.jit, donate_argnums=(0, 1))
        def apply(value, state, gradient):
            updates, state = adam.update(gradient, state, value)
            return optax.apply_updates(value, updates), state

        def update():
            nonlocal value, state
            value, state = apply(value, state, gradient)
            return value.block_until_ready()

        return update
