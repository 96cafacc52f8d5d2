"""A learnable array and the rule by which it gets its first values."""

from __future__ import annotations

from typing import Any, Protocol

from fusegrad.backend import Backend
from fusegrad.graph.spec import Buffer, GraphError
from fusegrad.initializers import Initializer

Shape = tuple[int | None, ...]


class Home(Protocol):
    """What a parameter needs of the arena in which it lives."""

    backend: Backend

    def changed(self) -> None: ...
    def view(self, param: Param) -> Any: ...
    def grad_view(self, param: Param) -> Any: ...
    def write(self, param: Param, array: Any) -> None: ...


class Param:
    """An array of a layer that lives in a `ParamArena`.

    Args:
        shape: extents; None stands for one that the layer's first call settles.
        init: `(generator, shape) -> array`, the values that the arena starts with.
        decay: whether weight decay applies (not for biases and norm scales).
        trainable: False for state that is stored but not learnt, such as running statistics.

    `value` and `grad` are views into the arena's flat arrays; assigning to `value` copies.  Who writes into a view of
    `value` after passes have run since it was taken calls `arena.changed()`.
    """

    def __init__(self, shape: Shape, init: Initializer, *, decay: bool = True, trainable: bool = True) -> None:
        self.init, self.decay, self.is_trainable = init, decay, trainable
        self.data, self.gradient = Buffer(), Buffer()
        self.half = Buffer()  # the copy of `data` that layers in half precision read
        self.name = "this parameter"
        self.arena: Home | None = None
        self.extents = shape

    @property
    def trainable(self) -> bool:
        """Whether the parameter is learnt, where a program trains it."""
        return self.is_trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        if self.arena is not None and trainable != self.is_trainable:
            raise GraphError(
                f"{self.name} expects trainable={self.is_trainable}, with which it got its place in an arena, got "
                f"{trainable}; what is trained belongs to a program: pass train= to the Trainer or Program"
            )
        self.is_trainable = trainable

    @property
    def is_settled(self) -> bool:
        return None not in self.extents

    @property
    def shape(self) -> tuple[int, ...]:
        if not self.is_settled:
            raise GraphError(f"{self.name} {self.extents} has no shape yet: call its layer on an Input first")
        return tuple(extent for extent in self.extents if extent is not None)

    def settle(self, shape: tuple[int, ...]) -> bool:
        """Fill the open extents from `shape`; False, and no change, where the two contradict each other."""
        fits = len(shape) == len(self.extents) and all(
            known in (None, came) for known, came in zip(self.extents, shape, strict=True)
        )
        if fits:
            self.extents = shape
        return fits

    @property
    def value(self) -> Any:
        self.home.changed()  # for all that is known here, what is asked for is written
        return self.home.view(self)

    @value.setter
    def value(self, array: Any) -> None:
        self.home.write(self, array)

    @property
    def grad(self) -> Any:
        return self.home.grad_view(self)

    @property
    def home(self) -> Home:
        """The arena in which the parameter lives."""
        if self.arena is None:
            raise GraphError(
                f"{self.name} {self.extents} has no value yet: make fg.ParamArena(model) when the model was called on "
                "an fg.Input; a Trainer does both at its first batch"
            )
        return self.arena

    def __repr__(self) -> str:
        return f"Param({self.name}, {self.extents})"
