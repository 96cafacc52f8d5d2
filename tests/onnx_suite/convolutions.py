"""Conv and ConvTranspose, by the passes of the convolution layers."""

from __future__ import annotations

from typing import Any

from fusegrad.expr.activations import identity
from fusegrad.ops import convolution
from fusegrad.ops.window import Extents, Window
from onnx_suite.machine import Machine
from onnx_suite.node import Node, operator
from onnx_suite.windows import Pairs, paired, steps, window_of


@operator("Conv")
def convolved(m: Machine, node: Node, x: Any, weight: Any, bias: Any = None) -> Any:
    window = window_of(node, x.shape[2:], weight.shape[2:])
    y = m.empty((x.shape[0], weight.shape[0], *window.outputs(x.shape[2:])), x.dtype)
    m.run(convolution.forward(identity, False), x, weight, bias, y, window=window, groups=node.get("group", 1))
    return y


@operator("ConvTranspose")
def convolved_back(m: Machine, node: Node, x: Any, weight: Any, bias: Any = None) -> Any:
    groups = node.get("group", 1)
    window, extents = window_and_extents(node, x.shape[2:], weight.shape[2:])
    y = m.empty((x.shape[0], weight.shape[1] * groups, *extents), x.dtype)
    m.run(convolution.transposed_forward(identity, False), x, weight, bias, y, window=window, groups=groups)
    return y


def window_and_extents(node: Node, places: Extents, kernel: Extents) -> tuple[Window, Extents]:
    """The window whose convolution makes `places` of y, and the extents of y: given, or what remains of padding.

    An extent that no padding leads to is one beyond the last window, filled up with zeros.
    """
    rank = len(kernel)
    stride, dilation = steps(node, "strides", rank), steps(node, "dilations", rank)
    more = node.get("output_padding", [0] * rank)
    reach = Window(kernel, stride, dilation, ((0, 0),) * rank).reach
    natural = [(n - 1) * step + r + extra for n, step, r, extra in zip(places, stride, reach, more, strict=True)]
    if node.get("auto_pad", "NOTSET").startswith("SAME"):
        wanted = [n * step for n, step in zip(places, stride, strict=True)]
    else:
        wanted = node.get("output_shape", [])[-rank:]
    if not wanted:
        pads = paired(node.get("pads", [0] * 2 * rank))
        wanted = [n - before - behind for n, (before, behind) in zip(natural, pads, strict=True)]
    else:
        upper = node.get("auto_pad") == "SAME_UPPER"
        pads = halves([max(0, n - extent) for n, extent in zip(natural, wanted, strict=True)], upper)
    return Window(kernel, stride, dilation, pads), tuple(wanted)


def halves(totals: list[int], upper: bool) -> Pairs:
    """Padding before and behind, of which the latter is the larger half where `upper` holds."""
    pairs = [(total // 2, total - total // 2) for total in totals]
    return tuple(pairs) if upper else tuple((behind, before) for before, behind in pairs)
