"""Where parameters live: one flat array of values, one of gradients, whatever the depth of the network."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusegrad import backend as backends
from fusegrad.backend import Backend
from fusegrad.backend.dtypes import dtype_of
from fusegrad.graph.block import Block
from fusegrad.graph.cache import LeastRecentlyUsed
from fusegrad.graph.layer import Module, join
from fusegrad.graph.layout import Layout
from fusegrad.graph.optimization import Flat, Optimizer, OptimizerState, SavedState
from fusegrad.graph.param import Param
from fusegrad.graph.precision import precision_on
from fusegrad.graph.scaling import LossScaling
from fusegrad.graph.spec import Buffer, GraphError, require
from fusegrad.graph.state import check_array, read_params, write_params
from fusegrad.ops import elementwise

Models = Module | Sequence[Module] | Mapping[str, Module]


class ParamArena:
    """All parameters of a model in one flat array, their gradients in another; state that is not learnt in a third.

    Args:
        models: a module, a list of modules, or a dict of named ones.
        seed: starts every parameter from its initializer, by name, so that a new head leaves other layers as they were.
        precision: "float32", "float64" for graphs whose inputs are float64, or on a GPU "tf32", "bfloat16" or "float16"
            (see `Precision`), in which programs over this arena then run graphs that are written in float32.
        backend: "cpu", "cuda", "emulated" or "auto"; default: the one that `fg.using` or `fg.select` chose.  It is
            captured here.

    Parameters with weight decay come first; each begins at a cache line, and gaps hold zeros.  `step` counts training
    passes and, with `seed`, drives random layers.  Under mixed precision `half` is a copy of `value`, which optimizers
    keep up to date, and gradients of float16 are times the factor of `scaling`.
    Raises GraphError, and changes nothing, where a layer's widths are still unknown.  A later arena of the same model
    takes its parameters over (see `adopt`); programs of the earlier one then refuse to run.
    One arena serves one thread at a time.
    """

    def __init__(self, models: Models, seed: int = 0, precision: str = "float32", backend: str | None = None) -> None:
        self.backend: Backend = backends.current() if backend is None else backends.resolve(backend)
        self.precision = precision_on(self.backend, precision)
        if self.precision.name != precision:
            warnings.warn(f'precision "{precision}" runs in float32 on the backend "{self.backend.name}"', stacklevel=2)
        self.dtype = dtype = self.precision.master
        named = list(named_params(models))
        for name, param in named:
            if not param.is_settled:
                raise GraphError(f"{name} {param.extents} has no shape yet: call its layer on an Input first")
        learnt = sorted((pair for pair in named if pair[1].trainable), key=lambda pair: not pair[1].decay)
        state = [pair for pair in named if not pair[1].trainable]
        self.params = dict(learnt + state)
        self.layout, self.state_layout = (Layout(param for _, param in pairs) for pairs in (learnt, state))
        self.block = Block(self.backend)
        self.value, self.grad = (self.backend.zeros((self.layout.size,), dtype) for _ in range(2))
        self.state = self.backend.zeros((self.state_layout.size,), dtype)
        self.seed, self.step = (self.backend.zeros((), "uint64") for _ in range(2))
        compute = dtype_of(self.precision.compute)
        self.half = self.backend.zeros((self.layout.size,), compute) if self.precision.is_mixed else None
        self.scaling = LossScaling(self.backend) if self.precision.scales_loss else None
        self.is_stale = True
        self.optimizer_states: dict[Optimizer, OptimizerState] = {}
        self.inherited: dict[Optimizer, SavedState] = {}
        self.evaluations: dict[Hashable, LeastRecentlyUsed[Any]] = {}
        self.initialize(seed)

    def __deepcopy__(self, memo: dict[int, Any]) -> ParamArena:
        """An arena of the copied parameters, with the state of optimizers, but none of the programs over this one."""
        memo[id(self)] = new = object.__new__(ParamArena)
        shared = {"backend": self.backend, "block": Block(self.backend), "evaluations": {}, "optimizer_states": {}}
        saved = {optimizer: state.saved() for optimizer, state in self.optimizer_states.items()}
        new.__dict__ |= shared | {"inherited": self.inherited | saved}
        for name, item in vars(self).items():
            if name not in new.__dict__:
                setattr(new, name, deepcopy(item, memo))
        return new

    def initialize(self, seed: int) -> None:
        """Give every parameter its first values anew, and start counting steps from 0."""
        values = [first_value(name, param, seed) for name, param in self.params.items()]
        self.seed[...], self.step[...] = seed, 0
        for (name, param), value in zip(self.params.items(), values, strict=True):
            param.name, param.arena = name, self
            self.write(param, value)

    def view(self, param: Param) -> Any:
        """The parameter's values, a view of the flat array."""
        if param.trainable:
            return self.layout.view(self.value, param)
        return self.state_layout.view(self.state, param)

    def grad_view(self, param: Param) -> Any:
        """The parameter's gradient, a view of the flat array; GraphError for state that is not learnt."""
        require(param.trainable, "grad", "a trainable parameter", param)
        return self.layout.view(self.grad, param)

    def arrays_of(self, param: Param) -> dict[Buffer, Any]:
        """The arrays behind the buffers of a parameter: values, gradient, and values for layers in half precision.

        Those are the values themselves where there are no copies.
        """
        arrays = {param.data: self.view(param)}
        if param.trainable:
            copies = self.value if self.half is None else self.half
            arrays |= {param.gradient: self.grad_view(param), param.half: self.layout.view(copies, param)}
        return arrays

    def write(self, param: Param, array: Any) -> None:
        """Copy `array` over the parameter; GraphError unless the shapes are equal."""
        check_array(param.name, param, array)
        self.view(param)[...] = self.backend.asarray(array, self.dtype)
        self.changed()

    def changed(self) -> None:
        """Say that values were written from outside; copies in half precision are made anew before they are read."""
        self.is_stale = True

    def refresh(self) -> None:
        """Make the copies in half precision anew where values were written from outside."""
        if self.is_stale and self.half is not None:
            self.backend.run([elementwise.cast.bound(self.backend.evaluator, self.value, self.half)])
        self.is_stale = False

    def optimizer_state(self, optimizer: Optimizer, params: Sequence[Param]) -> OptimizerState:
        """The state of `optimizer` here, shared by all programs that use it; GraphError if they train other things."""
        if optimizer not in self.optimizer_states:
            self.optimizer_states[optimizer] = OptimizerState(optimizer, params, self.flat())
            if optimizer in self.inherited:
                self.optimizer_states[optimizer].restore(self.inherited.pop(optimizer), strict=False)
        state = self.optimizer_states[optimizer]
        if set(state.params) != set(params):
            raise GraphError(f"{optimizer} trains other parameters of this arena already; make a second optimizer")
        return state

    def flat(self) -> Flat:
        """What optimizers work on."""
        return Flat(self.layout, self.value, self.grad, self.half, self.scaling, self.backend)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Fresh host copies of every parameter by name, with state that is not learnt."""
        return read_params(self.params)

    def load_state_dict(self, arrays: Mapping[str, Any], strict: bool = True) -> None:
        """Copy arrays over parameters by name; see `write_params`."""
        write_params(self.params, arrays, strict)

    def adopt(self, old: ParamArena) -> list[str]:
        """Carry over values and optimizer state by name from the arena of an earlier graph; its seed, step and scaling.

        A parameter is carried over where name and shape are equal; a new head keeps its own first values.  Returns the
        names that found no partner.
        """
        before = {name: old.backend.to_numpy(old.view(param)) for name, param in old.params.items()}
        arrays = {name: before[name] for name, param in self.params.items() if fits(param, old.params.get(name))}
        self.load_state_dict(arrays, strict=False)
        states = {optimizer: state.saved() for optimizer, state in old.optimizer_states.items()}
        self.inherited = old.inherited | states
        for optimizer in self.optimizer_states.keys() & self.inherited.keys():
            self.optimizer_states[optimizer].restore(self.inherited.pop(optimizer), strict=False)
        self.seed[...], self.step[...] = int(old.seed), int(old.step)
        if self.scaling is not None and old.scaling is not None:
            self.scaling.restore(old.scaling.saved())
        return [name for name in self.params if name not in arrays]


def named_params(models: Models) -> Iterator[tuple[str, Param]]:
    """Name and parameter over one or several models; a parameter that two share counts once."""
    if isinstance(models, Module):
        yield from models.named_params()
        return
    pairs = models.items() if isinstance(models, Mapping) else ((str(i), model) for i, model in enumerate(models))
    seen: set[Param] = set()
    for prefix, model in pairs:
        for name, param in model.named_params():
            if param not in seen:
                seen.add(param)
                yield join(prefix, name), param


def first_value(name: str, param: Param, seed: int) -> Any:
    """What the initializer draws for a parameter of this name; GraphError where it fails or draws another shape."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    try:
        value = param.init(generator, param.shape)
    except (ValueError, TypeError) as error:
        raise GraphError(f"the initializer of {name} {param.shape} failed: {error}") from None
    check_array(name, param, value)
    return value


def fits(param: Param, old: Param | None) -> bool:
    return old is not None and old.shape == param.shape and old.trainable == param.trainable
