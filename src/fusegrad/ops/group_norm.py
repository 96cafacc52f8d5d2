"""Group normalisation (Wu & He, 2018, arXiv:1803.08494), with any function of its result; groups of one channel each
are instance normalisation (Ulyanov et al., 2016, arXiv:1607.08022).

With n = (x - mean) rstd and y = f(n weight + bias), where mean and rstd are those of a group of neighbouring channels
of a sample.  Shapes: x, dx, y, dy (batch, channels, *extents), contiguous; weight, bias, dweight, dbias (channels,),
which may be None; mean, rstd (batch, groups).  Beside half types statistics are float32, and dweight and dbias may be.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fusegrad.expr import Function, sqrt
from fusegrad.expr.loop import COLUMN, NUMBER, ROW, loop
from fusegrad.expr.node import argument
from fusegrad.ops import channels
from fusegrad.ops.channels.space import Space
from fusegrad.ops.loops import bind_loop
from fusegrad.ops.matmul import column_sums
from fusegrad.ops.op import Bound, BoundOp, in_turn
from fusegrad.ops.reduction import total
from fusegrad.ops.thread_space import Wanted, with_space

SQUARES, COUNT, EPS, CENTER, NORMAL = map(argument, ("squares", "count", "eps", "center", "normal"))
MEAN, RSTD, SCALE, WEIGHT, BIAS = map(argument, ("mean", "rstd", "scale", "weight", "bias"))
DSCALE, DSHIFT, BY_SCALE, BY_SHIFT = map(argument, ("dscale", "dshift", "by_scale", "by_shift"))

# For every group.
STATISTICS = loop("group_norm_statistics", {"rstd": 1 / sqrt(SQUARES / COUNT + EPS)}, count=NUMBER, eps=NUMBER)
# For every channel of a group, (batch groups, channels of a group).
SPREADING = loop("group_norm_spreading", {"center": MEAN, "normal": RSTD}, mean=COLUMN, rstd=COLUMN)
SLOPES = loop(
    "group_norm_slopes",
    {"offset": BY_SHIFT, "tilt": BY_SCALE * RSTD * RSTD},
    **dict.fromkeys(("by_shift", "by_scale", "rstd"), COLUMN),
)
# For every channel of a sample, (batch, channels).
SCALING = loop("group_norm_scaling", {"scale": NORMAL * WEIGHT, "shift": BIAS}, weight=ROW, bias=ROW)
TERMS = loop("group_norm_terms", {"offset": SCALE * DSHIFT, "tilt": SCALE * DSCALE})
WEIGHT_TERMS = loop("group_norm_weight_terms", {"tilt": DSCALE * NORMAL})

GRADIENTS = ("dx", "dweight", "dbias", "add_dx", "add_dweight", "add_dbias")


class Groups:
    """x seen as one sample whose channels are those of all samples, and the numbers that normalise these.

    `space` is for four numbers of each channel of each sample.
    """

    def __init__(self, evaluator: str, x: Any, weight: Any, bias: Any, mean: Any, rstd: Any, space: Any) -> None:
        self.evaluator, self.space = evaluator, Space(mean)
        self.batch, self.channels, self.extents = x.shape[0], x.shape[1], x.shape[2:]
        self.mean, self.rstd = mean.reshape(-1), rstd.reshape(-1)
        self.count = x.size // max(1, mean.size)  # of the elements of a group
        self.by_group = mean.size, self.channels // mean.shape[1]
        self.by_sample = self.batch, self.channels
        self.affine = self.space.weight_and_bias(weight, bias, self.channels)
        self.center, self.normal, self.scale, self.shift = space

    def planes(self, array: Any) -> Any:
        return array.reshape(1, self.batch * self.channels, *self.extents)

    def loop(self, work: Any, shape: tuple[int, ...], **arrays: Any) -> Bound:
        """A loop over arrays of this shape; those of another keep it."""
        size = shape[0] * shape[1]
        given = {name: array.reshape(shape) if array.size == size else array for name, array in arrays.items()}
        return bind_loop(self.evaluator, work, given)

    def spreading(self) -> list[Bound]:
        """What computes center, scale and shift from mean and rstd."""
        known = {"mean": self.mean, "rstd": self.rstd, "center": self.center, "normal": self.normal}
        scaling = {"normal": self.normal, "scale": self.scale, "shift": self.shift, **self.affine}
        return [self.loop(SPREADING, self.by_group, **known), self.loop(SCALING, self.by_sample, **scaling)]


def numbers(count: int, x: Any, mean: Any) -> Wanted:
    """Space for so many numbers of each channel of each sample."""
    return (count, x.shape[0] * x.shape[1]), mean.dtype


@lru_cache(maxsize=1024)
def forward(function: Function) -> BoundOp:
    """y = f(n weight + bias), rstd = 1 / sqrt(mean of (x - mean)² + eps)."""
    scaled = channels.forward(function)

    def bind(evaluator: str, x: Any, weight: Any, bias: Any, y: Any, mean: Any, rstd: Any, eps: float) -> Bound:
        def bind_with(space: Any, squares: Any) -> Bound:
            groups = Groups(evaluator, x, weight, bias, mean, rstd, space)
            known = {"squares": squares, "count": groups.space.filled(groups.count), "eps": groups.space.filled(eps)}
            calls = [
                channels.moments.bound(evaluator, x.reshape(1, mean.size, -1), groups.mean, squares),
                bind_loop(evaluator, STATISTICS, {"rstd": groups.rstd, **known}),
                *groups.spreading(),
            ]
            planes = groups.planes(x), groups.center, groups.scale, groups.shift, groups.planes(y)
            return in_turn([*calls, scaled.bound(evaluator, *planes)])

        return with_space(mean, bind_with, numbers(4, x, mean), ((mean.size,), mean.dtype))

    op = BoundOp(bind, ("x", "weight", "bias", "y", "mean", "rstd", "eps"), scaled.flops)
    op.in_place = {"y": ("x",)}
    return op


@lru_cache(maxsize=1024)
def backward(function: Function) -> BoundOp:
    """dx = rstd (g - mean(g) - n mean(g n)), dweight = Σ dh n, dbias = Σ dh, for dh = dy f'(h), g = dh weight."""
    sums, slope = channels.sums(function), channels.backward(function)

    def bind(evaluator: str, dy: Any, x: Any, weight: Any, bias: Any, mean: Any, rstd: Any, **grads: Any) -> Bound:
        def bind_with(space: Any, of_groups: Any) -> Bound:
            groups = Groups(evaluator, x, weight, bias, mean, rstd, space[:4])
            dscale, dshift, offset, tilt = space[4:]
            arrays = groups.planes(dy), groups.planes(x), groups.center, groups.scale, groups.shift
            calls = [*groups.spreading(), sums.bound(evaluator, *arrays, dscale, dshift)]
            calls += gradients(groups, dscale, dshift, tilt, grads)
            if grads["dx"] is not None:
                calls += slopes(groups, dscale, dshift, offset, tilt, of_groups)
                results = offset, tilt, groups.planes(grads["dx"]), grads["add_dx"]
                calls.append(slope.bound(evaluator, *arrays, *results))
            return in_turn(calls)

        return with_space(mean, bind_with, numbers(8, x, mean), ((2, mean.size), mean.dtype))

    op = BoundOp(bind, ("dy", "x", "weight", "bias", "mean", "rstd", *GRADIENTS), slope.flops)
    op.in_place = {"dx": ("dy", "x")}
    return op


def gradients(groups: Groups, dscale: Any, dshift: Any, space: Any, grads: dict[str, Any]) -> list[Bound]:
    """dweight = Σ rstd dscale and dbias = Σ dshift over samples, those that are needed."""
    calls, evaluator = [], groups.evaluator
    if grads["dweight"] is not None:
        terms = {"dscale": dscale, "normal": groups.normal, "tilt": space}
        calls.append(groups.loop(WEIGHT_TERMS, groups.by_sample, **terms))
        calls.append(
            column_sums.bound(evaluator, space.reshape(groups.by_sample), grads["dweight"], grads["add_dweight"])
        )
    if grads["dbias"] is not None:
        calls.append(column_sums.bound(evaluator, dshift.reshape(groups.by_sample), grads["dbias"], grads["add_dbias"]))
    return calls


def slopes(groups: Groups, dscale: Any, dshift: Any, offset: Any, tilt: Any, space: Any) -> list[Bound]:
    """What `channels.backward` subtracts on account of mean and rstd, which all elements of a group share."""
    by_shift, by_scale = space
    terms = {"scale": groups.scale, "dshift": dshift, "dscale": dscale, "offset": offset, "tilt": tilt}
    calls = [groups.loop(TERMS, groups.by_sample, **terms)]
    for source, target in ((offset, by_shift), (tilt, by_scale)):
        by_group = source.reshape(groups.by_group)
        calls.append(total.bound(groups.evaluator, by_group, target, (1,), 1 / max(1, groups.count)))
    known = {"by_shift": by_shift, "by_scale": by_scale, "rstd": groups.rstd, "offset": offset, "tilt": tilt}
    return [*calls, groups.loop(SLOPES, groups.by_group, **known)]
