"""From the attributes of ONNX to the windows of the library."""

from __future__ import annotations

from fusegrad.ops.window import Extents, Window, same
from onnx_suite.node import Node

Pairs = tuple[tuple[int, int], ...]


def window_of(node: Node, extents: Extents, kernel: Extents) -> Window:
    """The window of a convolution or pool along axes of these extents."""
    stride, dilation = steps(node, "strides", len(kernel)), steps(node, "dilations", len(kernel))
    return Window(kernel, stride, dilation, padding(node, extents, kernel, stride, dilation))


def steps(node: Node, name: str, rank: int) -> Extents:
    return tuple(node.get(name, [1] * rank))


def padding(node: Node, extents: Extents, kernel: Extents, stride: Extents, dilation: Extents) -> Pairs:
    """What lies before and behind each axis: told in pairs, or so much that windows begin at every stride."""
    kind = node.get("auto_pad", "NOTSET")
    if kind.startswith("SAME"):
        pairs = same(extents, kernel, stride, dilation)
        return pairs if kind == "SAME_UPPER" else tuple((behind, before) for before, behind in pairs)
    return paired(node.get("pads", [0] * 2 * len(kernel)))


def paired(pads: list[int]) -> Pairs:
    """[all before, all behind] as pairs."""
    half = len(pads) // 2
    return tuple(zip(pads[:half], pads[half:], strict=True))
