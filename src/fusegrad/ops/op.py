"""Ops: one name, one meaning, and an implementation for everything that computes arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from typing import Any

import numpy as np

from fusegrad.expr.loop import Loop

Implementation = Callable[..., None]
Bound = Callable[[], None]
Binder = Callable[..., Bound]
Flops = Callable[..., int]


class InTurn:
    """Several bound calls as one."""

    def __init__(self, calls: list[Bound]) -> None:
        self.calls = calls

    def __call__(self) -> None:
        for call in self.calls:
            call()


def in_turn(calls: list[Bound]) -> Bound:
    """One call that makes all of them, in order."""
    return calls[0] if len(calls) == 1 else InTurn(calls)


class Op:
    """A function that writes into the arrays it is given.

    NumPy arrays run the reference.  CuPy arrays run kernels, or the reference while none have been registered;
    such a reference therefore uses only what NumPy and CuPy share.

    What may lie in one place is said here, by the names of parameters, and nothing else may.  `in_place` gives the
    arrays over which another can be written, if nobody else reads them, {"y": ("x",)}: every element is read before
    what becomes of it is written.  `copies` gives the arrays of which another becomes a copy: where both are one
    memory, nothing is moved.
    """

    flops: Flops  # of a call, for its arguments or anything else that has their shape and size
    bind_cuda: Binder | None = None

    def __init__(self, reference: Implementation) -> None:
        update_wrapper(self, reference)
        self.reference = reference
        self.flops = one_per_element
        self.in_place: Mapping[str, tuple[str, ...]] = {}
        self.copies: Mapping[str, tuple[str, ...]] = {}

    def cuda(self, bind: Binder) -> Binder:
        """Register how kernels do it: a function of the same parameters that returns the launches, bound for good."""
        self.bind_cuda = bind
        return bind

    def bound(self, evaluator: str, *arrays: Any, **options: Any) -> Bound:
        """This op on these arrays, for good: a function without arguments that `evaluator` is the fastest way to run.

        `evaluator` is "numpy", "numba" or "cuda".  What can be done beforehand is done here, once.
        """
        if evaluator == "cuda" and self.bind_cuda is not None:
            return self.bind_cuda(*arrays, **options)
        return partial(self.reference, *arrays, **options)

    def launch(self, *arrays: Any, **options: Any) -> None:
        """This op on arrays of a GPU, once."""
        self.bound("cuda", *arrays, **options)()

    def __deepcopy__(self, memo: object) -> Op:
        return self

    def __call__(self, *arrays: Any, **options: Any) -> None:
        given = (*arrays, *options.values())
        run = self.reference if any(type(array) is np.ndarray for array in given) else self.launch
        run(*arrays, **options)


class BoundOp(Op):
    """An op that is written as its binding: `bind(evaluator, *arrays)` does what needs doing once and returns the rest.

    Its parameters are those of `bind` after the evaluator; or `names`, of which those that begin with `add_` are False
    where they are not given.  `loops` are those over elements that it runs, for who wants to see them without arrays.
    """

    def __init__(
        self,
        bind: Binder,
        names: tuple[str, ...] | None = None,
        flops: Flops | None = None,
        loops: tuple[Loop, ...] = (),
    ) -> None:
        update_wrapper(self, bind)
        self.bind, self.loops = bind, loops
        self.flops = flops or one_per_element
        self.in_place, self.copies = {}, {}
        self.reference = partial(self.at_once, "numpy")
        parameters = list(inspect.signature(bind).parameters.values())[1:] if names is None else map(parameter, names)
        self.__signature__ = inspect.Signature(list(parameters))

    def bound(self, evaluator: str, *arrays: Any, **options: Any) -> Bound:
        given = self.__signature__.bind(*arrays, **options)
        given.apply_defaults()
        if evaluator == "cuda" and self.bind_cuda is not None:
            return self.bind_cuda(**given.arguments)
        return self.bind(evaluator, **given.arguments)

    def at_once(self, evaluator: str, *arrays: Any, **options: Any) -> None:
        with np.errstate(all="ignore"):  # as `Backend.run` has it
            self.bound(evaluator, *arrays, **options)()


def one_per_element(*arrays: Any) -> int:
    """The floating-point operations of an op of which no more is known: one for every element of its largest array."""
    return max((array.size for array in arrays if hasattr(array, "size")), default=0)


def parameter(name: str) -> inspect.Parameter:
    default = False if name.startswith("add_") else inspect.Parameter.empty
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)


def op(reference: Implementation) -> Op:
    """Make an op of its NumPy reference; kernels can be registered beside it with `.cuda`."""
    return Op(reference)


def bound_op(bind: Binder) -> BoundOp:
    """Make an op of the function that binds it."""
    return BoundOp(bind)
