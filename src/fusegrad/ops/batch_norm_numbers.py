"""The arithmetic of batch normalisation that is done once for every channel."""

from __future__ import annotations

from functools import cache

from fusegrad.expr import sqrt
from fusegrad.expr.loop import COLUMN, NUMBER, Loop, loop
from fusegrad.expr.node import argument

EPS, COUNT, OWN, MOMENTUM, WEIGHT, BIAS = map(argument, ("eps", "count", "own", "momentum", "weight", "bias"))
CENTER, SQUARES, TOTAL, RSTD, SCALE = map(argument, ("center", "squares", "total", "rstd", "scale"))
MEAN, VARIANCE, DSCALE, DSHIFT = map(argument, ("running_mean", "running_var", "dscale", "dshift"))
OF_BATCH, OF_RUNNING = 1 / sqrt(SQUARES / COUNT + EPS), 1 / sqrt(VARIANCE + EPS)

# From the mean and the sum of squares, `center` and `squares`, of a batch with `count` elements for each channel.
STATISTICS = loop(
    "batch_norm_statistics",
    {
        "rstd": OF_BATCH,
        "running_mean": MEAN + MOMENTUM * (CENTER - MEAN),
        "running_var": VARIANCE + MOMENTUM * (SQUARES / (COUNT - 1) - VARIANCE),
        "scale": OF_BATCH * WEIGHT,
        "shift": BIAS,
    },
    count=NUMBER,
    eps=NUMBER,
    momentum=NUMBER,
)
KNOWN = loop("batch_norm_known", {"rstd": OF_RUNNING, "scale": OF_RUNNING * WEIGHT, "shift": BIAS}, eps=NUMBER)
SCALING = loop("batch_norm_scaling", {"scale": RSTD * WEIGHT, "shift": BIAS})

# What a product that comes before is multiplied by, and the bias that makes up for it.
GAMMA, BETA = argument("gamma"), argument("beta")
FOLDED_BIAS = loop(
    "batch_norm_folded_bias",
    {"scale": GAMMA * OF_RUNNING, "folded_bias": (BIAS - MEAN) * (GAMMA * OF_RUNNING) + BETA},
    eps=NUMBER,
)
FOLDED_WEIGHT = loop("batch_norm_folded_weight", {"folded_weight": argument("weight") * SCALE}, scale=COLUMN)

# Of several processes, of which this one has `own` of `count` elements, and all together the sum `total`: first what it
# brings to the total, then mean and squares around the mean of all.
TOTALS = loop("batch_norm_totals", {"total": CENTER * OWN}, own=NUMBER)
MEAN_OF_ALL = TOTAL / COUNT
AWAY = CENTER - MEAN_OF_ALL
JOINING = loop(
    "batch_norm_joining", {"center": MEAN_OF_ALL, "squares": SQUARES + OWN * AWAY * AWAY}, count=NUMBER, own=NUMBER
)

# What `channels.backward` subtracts on account of mean and rstd, which depend on x.
SLOPES = loop(
    "batch_norm_slopes",
    {"offset": SCALE * DSHIFT / COUNT, "tilt": SCALE * DSCALE * RSTD * RSTD / COUNT},
    count=NUMBER,
)


@cache
def gradients(names: tuple[str, ...], adds: tuple[bool, ...]) -> Loop:
    """Of weight and bias, as far as they are named, from those of scale and shift; added where `adds`."""
    results = {"dweight": DSCALE * RSTD, "dbias": DSHIFT}
    added = {name: argument(name) + results[name] for name, add in zip(names, adds, strict=True) if add}
    return loop("batch_norm_gradients", {name: added.get(name, results[name]) for name in names})
