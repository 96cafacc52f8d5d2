"""Points on two rings, drawn by a generator that only ever sees what a discriminator thinks of them.

Often written: one optimizer for both players, so that each step also makes the other player worse; or a discriminator
step that lets gradients run on into the generator, and a generator step that trains the discriminator to be fooled.

Right: one graph, two programs and two optimizers.  What is trained belongs to the program: `train=` names it, and the
rest are constants there, while gradients still flow through them.  The generator climbs log D(G(z)) and does not go
down log(1 - D(G(z))), whose gradient vanishes while the discriminator wins (Goodfellow et al., 2014, arXiv:1406.2661).
"""

import numpy as np

import fusegrad as fg

BATCH, NOISE, RADII = 128, 2, (1.0, 2.0)


def rings(generator, samples):
    """Points (samples, 2) near circles of the two radii."""
    angle = generator.uniform(0, 2 * np.pi, samples)
    radius = generator.choice(RADII, samples) + generator.normal(0, 0.03, samples)
    return (radius * np.stack([np.cos(angle), np.sin(angle)])).T.astype("float32")


def perceptron(width, outputs):
    layers = fg.layers
    return fg.Sequential(
        layers.Linear(width), layers.ReLU(), layers.Linear(width), layers.ReLU(), layers.Linear(outputs)
    )


def game(seed, steps):
    """The programs of the two players, and the generator."""
    painter, critic, bce = perceptron(64, 2), perceptron(64, 1), fg.losses.BCEWithLogits()
    real, noise = fg.Input((BATCH, 2), name="real"), fg.random.normal((BATCH, NOISE))
    ones, zeros = fg.Input((BATCH, 1), name="ones"), fg.Input((BATCH, 1), name="zeros")
    made = painter(noise)
    verdict = critic(made)
    arena = fg.ParamArena({"painter": painter, "critic": critic}, seed=seed)
    loss = bce(critic(real), ones) + bce(verdict, zeros)
    # the critic learns at twice the rate (Heusel et al., 2017, arXiv:1706.08500)
    quick, slow = (fg.optimizers.Adam(fg.schedules.cosine(rate, steps), betas=(0.5, 0.9)) for rate in (4e-3, 2e-3))
    telling = fg.Program([real, ones, zeros], loss, arena, quick, train=critic)
    fooling = fg.Program([ones], bce(verdict, ones), arena, slow, train=painter)
    return telling, fooling, painter


def distance(points):
    """The mean distance of points to the nearer ring."""
    radius = np.linalg.norm(points, axis=1)
    return np.abs(radius[:, None] - RADII).min(1).mean()


def main(seed=0, steps=4000):
    """The distance of generated points to the rings: before, and after training; and the share on the outer one."""
    telling, fooling, painter = game(seed, steps)
    generator = np.random.default_rng(seed)
    ones, zeros = np.ones((BATCH, 1), "float32"), np.zeros((BATCH, 1), "float32")
    noise = generator.normal(size=(2000, NOISE)).astype("float32")
    before = distance(fg.to_numpy(painter(noise)))
    for _ in range(steps):
        telling.step(rings(generator, BATCH), ones, zeros)
        fooling.step(ones)
    points = fg.to_numpy(painter(noise))
    after, outer = distance(points), (np.linalg.norm(points, axis=1) > np.mean(RADII)).mean()
    print(f"distance to the rings: {before:.3f} before, {after:.3f} after {steps} steps; {outer:.0%} on the outer one")
    return before, after, outer


if __name__ == "__main__":
    main()
