"""Where the parameters of a trainer live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fusegrad import backend as backends
from fusegrad.graph import GraphError, Module, Param, ParamArena
from fusegrad.graph.arena import named_params
from fusegrad.graph.precision import PRECISIONS, precision_on


class Home:
    """The arena of some modules, made when their widths are known.

    Parameters that live in an arena already keep their values; if it is exactly theirs, with the dtype and backend that
    are wanted here, it is this one.  Without `backend` any will do, and a new one gets the backend that is current now.
    """

    def __init__(self, modules: Mapping[str, Module], precision: str, seed: int, backend: str | None) -> None:
        self.modules, self.precision, self.seed = modules, precision, seed
        self.dtype = PRECISIONS[precision].master
        self.backend = (backends.current() if backend is None else backends.resolve(backend)).name
        self.is_particular = backend is not None
        self.arena: ParamArena | None = None
        self.settled: list[Param] = []

    def params(self) -> dict[str, Param]:
        return dict(named_params(self.modules))

    def found(self) -> ParamArena:
        """The arena; GraphError before there is one, or when parameters have moved to another."""
        if self.arena is None:
            raise GraphError("the model has no parameters yet: the first batch of fit, step or predict makes them")
        for param in self.settled:
            if param.arena is not self.arena:
                raise GraphError(f"{param.name} was moved to another arena by a later Trainer; go on with that one")
        return self.arena

    def settle(self) -> None:
        """Find or make the arena, if there is none yet."""
        if self.arena is None:
            self.arena = self.present() or self.moved()
            self.settled = list(self.params().values())

    def present(self) -> ParamArena | None:
        """The arena in which exactly these parameters live, if it will do."""
        params = self.params()
        arena = next((param.arena for param in params.values()), None)
        if not isinstance(arena, ParamArena) or arena.params != params:
            return None
        if arena.precision != precision_on(arena.backend, self.precision):
            return None
        return None if self.is_particular and arena.backend.name != self.backend else arena

    def moved(self) -> ParamArena:
        """A new arena, into which values from earlier ones are carried over."""
        values = {
            param: arena.backend.to_numpy(param.value) for param in self.params().values() if (arena := param.arena)
        }
        arena = ParamArena(self.modules, seed=self.seed, precision=self.precision, backend=self.backend)
        for param, value in values.items():
            param.value = value
        return arena

    @contextmanager
    def unchanged_on_failure(self) -> Iterator[None]:
        """If the body raises, the arena, and the widths that it settled, are again as they were."""
        arena = self.arena
        before = [(param, dict(vars(param))) for param in self.params().values()]
        try:
            yield
        except BaseException:
            self.arena = arena
            for param, attributes in before:
                vars(param).update(attributes)
            raise
