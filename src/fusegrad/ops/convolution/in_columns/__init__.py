"""The three products of a convolution by NumPy, in any floating-point dtype: columns of windows, some at a time."""

from fusegrad.ops.convolution.in_columns.products import bind_correlation, bind_input_gradient, bind_weight_gradient

__all__ = ["bind_correlation", "bind_input_gradient", "bind_weight_gradient"]
