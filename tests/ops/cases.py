"""The one table of parity cases: every op with the shapes on which it is compared."""

from __future__ import annotations

from checks import Case
from ops import (
    array_cases,
    broadcast_cases,
    channel_norm_cases,
    convolution_cases,
    index_cases,
    loop_cases,
    loss_cases,
    metric_cases,
    norm_cases,
    pooling_cases,
    product_cases,
    random_cases,
    reduction_cases,
    shaping_cases,
    step_cases,
)

from fusegrad.ops import Op

THEMES = (
    array_cases,
    broadcast_cases,
    channel_norm_cases,
    index_cases,
    loop_cases,
    loss_cases,
    metric_cases,
    norm_cases,
    pooling_cases,
    product_cases,
    convolution_cases,  # behind products, which need all barriers of the files that both launch
    random_cases,
    reduction_cases,
    shaping_cases,
    step_cases,
)
CASES: dict[Op, list[Case]] = {op: cases for theme in THEMES for op, cases in theme.CASES.items()}
