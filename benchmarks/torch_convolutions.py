"""The rows of `convolution_workloads` by PyTorch, which asks cuDNN; arrays lie channels last, where it is fastest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convolution_workloads import Convolution
from torch_training import device_of, use_tf32
from workloads import normal_numbers


def convolution(torch: Any, work: Convolution) -> Callable[[], Any]:
    """One product on random arrays."""
    use_tf32(torch, work.precision == "tf32")
    torch.backends.cudnn.benchmark = True  # the first call finds the fastest algorithm
    kind, device = getattr(torch, work.dtype), device_of(torch)
    x, weight, y = (
        torch.from_numpy(normal_numbers(shape)).to(device, kind).to(memory_format=torch.channels_last)
        for shape in work.shapes
    )
    before = work.kernel // 2
    if work.layout == "forward":
        return lambda: torch.nn.functional.conv2d(x, weight, padding=before)
    strides, paddings, dilations, transposed, more, groups = [1, 1], [before, before], [1, 1], False, [0, 0], 1
    geometry = strides, paddings, dilations, transposed, more, groups
    wanted = [work.layout == "input gradient", work.layout == "weight gradient", False]
    return lambda: torch.ops.aten.convolution_backward(y, x, weight, None, *geometry, wanted)
