"""The three products of a convolution by CUDA kernels, which find what windows see where it lies."""

from fusegrad.ops.convolution.on_gpu.kernels import correlation, input_gradient, weight_gradient

__all__ = ["correlation", "input_gradient", "weight_gradient"]
