"""`cupy.ElementwiseKernel`: one thread for each element of the broadcast arguments."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuda_on_cpu.stand_in.elementwise_source import Parameter, parameters, source
from cuda_on_cpu.stand_in.elementwise_types import resolved, typed_scalar
from cuda_on_cpu.stand_in.launch_checks import scalar
from cuda_on_cpu.stand_in.raw_module import RawKernel, RawModule

BLOCK = 128


class ElementwiseKernel:
    """A kernel from the text of its body, as in CuPy, except that dtypes must agree exactly.

    Type variables, `i`, `_ind.size()` and `raw` parameters work, the latter for C-contiguous arrays; float16 is CUDA's
    `__half`.  Called with the inputs, and optionally the outputs behind them.
    """

    def __init__(
        self,
        stand_in: Any,
        in_params: str,
        out_params: str,
        operation: str,
        name: str = "kernel",
        reduce_dims: bool = True,
        preamble: str = "",
        no_return: bool = False,
        return_tuple: bool = False,
        options: tuple[str, ...] = (),
    ) -> None:
        if not name.isidentifier():
            raise ValueError(f"Invalid kernel name: {name!r}")
        self.stand_in, self.name, self.operation, self.preamble = stand_in, name, operation, preamble
        self.in_params, self.out_params = parameters(in_params, constant=True), parameters(out_params, constant=False)
        self.params, self.options = (*self.in_params, *self.out_params), options
        self.nin, self.nout, self.nargs = len(self.in_params), len(self.out_params), len(self.params)
        self.no_return, self.return_tuple = no_return, return_tuple
        self._kernels: dict[str, RawKernel] = {}

    def __call__(self, *args: Any, size: int | None = None, block_size: int = BLOCK, stream: Any = None) -> Any:
        """The output, or a tuple of them; they are made where `args` has only the inputs."""
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(f"{self.name} takes {self.nin} or {self.nargs} arguments, got {len(args)}")
        types = resolved(self.name, self.params, args, self.stand_in)
        shape = self._shape(args, size)
        made = [self.stand_in.empty(shape, types[p.name]) for p in self.params[len(args) :]]
        arguments = [*args, *made]
        outputs = arguments[self.nin :]
        if prod(shape):
            self._launch(shape, types, self._apart(arguments), block_size, stream)
        if self.no_return:
            return None
        return outputs[0] if self.nout == 1 and not self.return_tuple else tuple(outputs)

    def _shape(self, args: Sequence[Any], size: int | None) -> tuple[int, ...]:
        """Of the loop: what the arrays broadcast to, or `size` where all of them are raw."""
        looped = [a for p, a in zip(self.params, args, strict=False) if not p.raw and self._is_array(a)]
        if (size is None) == (not looped):
            raise ValueError(f"{self.name} expects either `size` or an array that is not raw")
        if size is not None:
            return (int(size),)
        shape = np.broadcast_shapes(*(array.shape for array in looped))
        for parameter, output in zip(self.out_params, args[self.nin :], strict=False):
            if not parameter.raw and output.shape != shape:
                raise ValueError(f"{self.name}: {parameter.name} expects shape {shape}, got {output.shape}")
        return shape

    def _apart(self, arguments: Sequence[Any]) -> list[Any]:
        """The arguments, with copies of inputs that overlap an output in another way than element by element."""
        outputs = arguments[self.nin :]
        return [
            value.copy()
            if number < self.nin and self._is_array(value) and any(mixes(value, output) for output in outputs)
            else value
            for number, value in enumerate(arguments)
        ]

    def _launch(
        self,
        shape: tuple[int, ...],
        types: dict[str, np.dtype[Any]],
        arguments: list[Any],
        block_size: int,
        stream: Any,
    ) -> None:
        are_arrays = [self._is_array(value) for value in arguments]
        text = source(self.name, self.params, types, are_arrays, len(shape), self.operation, self.preamble)
        if text not in self._kernels:
            module = RawModule(self.stand_in, text, options=self.options)
            module.filename = f"{self.name}.cu"
            self._kernels[text] = module.get_function(self.name)
            self._kernels[text].inplace_ok = True  # overlaps are taken apart, or element by element
        values: list[NDArray[Any]] = []
        arrays = []
        for parameter, value in zip(self.params, arguments, strict=True):
            if self._is_array(value):
                arrays.append((len(values), value, parameter.constant))
            values += self._values(parameter, value, types[parameter.name], shape)
        total = prod(shape)
        values += [np.array([number], np.int64) for number in (total, *shape)]
        grid, block = (-(-total // block_size), 1, 1), (block_size, 1, 1)
        self._kernels[text].run(grid, block, values, arrays, stream=stream)

    def _values(
        self, parameter: Parameter, value: Any, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> list[NDArray[Any]]:
        """A number, or a pointer and the strides of the loop in elements."""
        if not self._is_array(value):
            number = typed_scalar(self.name, parameter, value, dtype)
            return [scalar(self.name, 0, number, dtype.name, dtype.itemsize)]
        pointer = np.array([value.data.ptr], np.uint64)
        if parameter.raw:
            if not value.flags.c_contiguous:
                raise ValueError(f"{self.name}: the raw argument {parameter.name} expects a C-contiguous array")
            return [pointer]
        strides = np.broadcast_to(value.host, shape).strides
        return [pointer, *(np.array([stride // value.itemsize], np.int64) for stride in strides)]

    def _is_array(self, value: Any) -> bool:
        return isinstance(value, self.stand_in.ndarray)


def mixes(source: Any, output: Any) -> bool:
    """Whether memory overlaps, and not as the same elements at the same places."""
    same = (source.data.ptr, source.shape, source.strides) == (output.data.ptr, output.shape, output.strides)
    return not same and bool(np.may_share_memory(source.host, output.host))
