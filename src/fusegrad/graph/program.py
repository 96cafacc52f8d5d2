"""A graph made runnable: lists of bound calls over one planned block of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from fusegrad.graph import phases
from fusegrad.graph.arena import ParamArena
from fusegrad.graph.bind import Bound, bind
from fusegrad.graph.demand import Trainable, demand_of
from fusegrad.graph.explain import explained, specs_of
from fusegrad.graph.feed import check_batch
from fusegrad.graph.optimization import Optimizer, OptimizerState
from fusegrad.graph.scalar import Ring, Scalar
from fusegrad.graph.spec import GraphError, require
from fusegrad.graph.task import Afterwards, Task, whole_graph
from fusegrad.graph.value import Value

if TYPE_CHECKING:
    from fusegrad.graph.captured_steps import CapturedSteps


class Program:
    """Scheduled, planned and bound once; from then on a step only runs, in memory that it holds already.

    Args:
        inputs: graph inputs, in the order in which batches give their arrays.
        output: a scalar Value, the loss; or any Value or list of Values, for a program that only evaluates.
        arena: holds the parameters; its backend runs the program.
        optimizer: makes `step` and `update` available.
        train: the module or parameters to train; default: with an optimizer, all that the loss reaches, else none.
            The others are constants here, without gradients, while gradients flow through them.
        keep: Values whose arrays can be read after a step.
        gradients_of: Values whose gradients can be read after a step.
        afterwards: ops with their arguments, which `step` runs at its end; of the arguments, Values stand for their
            arrays in that step.

    Without optimizer, `train` and `gradients_of` the program evaluates: layers run their `predict` pass.
    Raises GraphError if a graph input is missing, a pass names an unknown array, or no gradient reaches what it trains.
    """

    def __init__(
        self,
        inputs: Sequence[Value],
        output: Value | Sequence[Value],
        arena: ParamArena,
        optimizer: Optimizer | None = None,
        *,
        train: Trainable | None = None,
        keep: Sequence[Value] = (),
        gradients_of: Sequence[Value] = (),
        afterwards: Afterwards = (),
    ) -> None:
        self.inputs, self.arena, self.gradients_of = list(inputs), arena, list(gradients_of)
        self.outputs = [output] if isinstance(output, Value) else list(output)
        self.keep, self.nodes = whole_graph(self.inputs, self.outputs, keep, afterwards, arena)
        scaled = optimizer is not None and arena.scaling is not None
        self.demand = demand_of(self.nodes, self.gradients_of, train, optimizer is not None, scaled)
        self.differentiates = bool(self.demand)
        wanted = self.outputs, self.keep, self.gradients_of, list(afterwards)
        self.task = Task(self.inputs, *wanted, self.nodes, arena, self.demand)
        self.check_loss()
        self.schedule = phases.scheduled(self.task)
        self.plan = phases.planned(self.task, self.schedule)
        self.optimizer_state = self.attach(optimizer) if optimizer else None
        self.updates = self.optimizer_state.updates if self.optimizer_state else []
        self.ring = Ring(arena.backend, self.task.loss.dtype) if self.task.has_loss else None
        self.awaits_backward = False
        self.witness = next((p for node in self.nodes for p in node.layer.layer_params().values()), None)
        self.bound: Bound | None = None
        self.captures = False
        self.captured: Callable[[], None] | None = None
        self.bind()

    @property
    def nbytes(self) -> int:
        """Size of the planned block."""
        return self.plan.nbytes

    def step(self, *batch: Any) -> Scalar:
        """Forward, backward and update on one batch; returns the loss before the update."""
        if self.optimizer_state is None or self.ring is None:
            raise GraphError("step expects a program with an optimizer, got one without")
        with self.arena.backend.using_stream():  # for both, since each would wait for the caller's stream, and back
            bound = self.accept(batch, self.optimizer_state.numbers_to_feed())
            self.run_step(bound)
        self.optimizer_state.count += 1
        self.arena.block.occupy(self)
        self.awaits_backward = False
        return self.ring.take()

    def run_step(self, bound: Bound) -> None:
        """All calls of a step: one by one, or as one captured launch once they have run one by one."""
        if self.captured is not None:
            self.captured()
            return
        self.arena.backend.run(bound.step)
        if self.captures:
            self.captured = self.arena.backend.capture(bound.step)

    @property
    def obstacle(self) -> str | None:
        """The first part of a step that cannot be captured, since what it does with arrays of a GPU is not known."""
        return next((name for name, function in self.parts_of_step() if not phases.launches_kernels(function)), None)

    def parts_of_step(self) -> Iterator[tuple[str, Callable[..., None]]]:
        """What a step runs, under the names that users know."""
        yield from ((call.label, call.function) for call in [*self.schedule.forward, *self.schedule.backward])
        if self.optimizer_state is not None:
            name = f"{self.optimizer_state.optimizer}.update"
            yield from ((name, op) for op in self.optimizer_state.ops.values())
        yield from ((f"afterwards[{number}]", op) for number, (op, _) in enumerate(self.task.afterwards))

    @overload
    def capture(self) -> None: ...
    @overload
    def capture(self, steps: int, data: Sequence[Any], shuffle: bool = True, seed: int = 0) -> CapturedSteps: ...
    def capture(
        self, steps: int = 1, data: Sequence[Any] | None = None, shuffle: bool = True, seed: int = 0
    ) -> CapturedSteps | None:
        """Let `step` launch one CUDA graph from its second time on; or, with `data`, make many steps in one launch.

        Args:
            data: an array for each input, from host or device, with one row for each sample; a copy will lie on the
                device.  Returns an object then, whose `run()` makes the steps.
            steps: how many of them, up to 64.
            shuffle, seed: whether rows come in an order of their own in each epoch, that of `fg.data.batches`.

        On a CPU the same calls are made one by one.  Raises GraphError for a program without an optimizer, where the
        data does not fit, for an index out of range, and where there is an `obstacle`.
        """
        if self.optimizer_state is None or self.ring is None:
            raise GraphError("capture expects a program with an optimizer, got one without")
        expected = "passes that only launch kernels, which those of ops with kernels do (without capture any will do)"
        require(self.obstacle is None, "capture", expected, self.obstacle)
        require(data is not None or steps == 1, "capture", "data for more than one step", None)
        if data is not None:
            from fusegrad.graph.captured_steps import CapturedSteps  # here, since few need it

            state, ring = self.optimizer_state, self.ring
            return CapturedSteps(self, state, ring, data, steps=steps, shuffle=shuffle, seed=seed)
        self.captures = True
        return None

    def forward(self, *batch: Any) -> Any:
        """Run the forward pass on one batch; returns the loss as a Scalar, or a fresh copy of any other output.

        Raises GraphError, before anything has run, for a wrong number of arrays, a wrong shape or dtype, or an index
        out of range.
        """
        bound = self.run_forward(batch)
        if self.ring:
            return self.ring.take()
        results = self.copies(bound)
        return results[0] if len(results) == 1 else results

    def evaluate(self, *batch: Any) -> tuple[Any, ...]:
        """Run the forward pass on one batch; returns fresh copies of all outputs."""
        return self.copies(self.run_forward(batch))

    def copies(self, bound: Bound) -> tuple[Any, ...]:
        return tuple(bound.arrays[value.data].copy() for value in self.outputs)

    def run_forward(self, batch: tuple[Any, ...]) -> Bound:
        bound = self.accept(batch)
        self.arena.backend.run(bound.forward)
        self.arena.block.occupy(self)
        return bound

    def accept(self, batch: tuple[Any, ...], numbers: Sequence[Any] = ()) -> Bound:
        """Check a batch and copy it into its place, with the numbers of an update; see `prepare` and `check_batch`."""
        bound = self.prepare()
        sources = check_batch(bound.places, batch)
        self.arena.block.occupy(None)  # what was there is overwritten from here on
        self.awaits_backward = self.differentiates
        if self.ring is not None:
            self.ring.open()
        bound.feed([*sources, *numbers])
        return bound

    def prepare(self) -> Bound:
        """The bound passes, ready to run; GraphError where a later arena has taken the parameters over."""
        self.check_home()
        self.arena.refresh()
        return self.bound or self.bind()

    def check_home(self) -> None:
        if self.witness is not None and self.witness.arena is not self.arena:
            raise GraphError(f"{self.witness.name} has moved to a later arena; make the program anew over that one")

    def backward(self, accumulate: bool = False) -> None:
        """Compute the gradients of the last forward pass, once; with `accumulate`, add to those of parameters.

        Raises GraphError where there is no such pass: backward reuses the memory of what it has read.
        """
        expected = "a program with an optimizer, train= or gradients_of="
        require(self.differentiates, "backward", expected, "an evaluating one")
        bound = self.present()
        require(self.awaits_backward, "backward", "a forward pass before it", "none since the last backward")
        calls = bound.adding if accumulate else bound.backward
        self.arena.block.occupy(None)  # what the forward pass left is overwritten from here on
        self.arena.backend.run(calls)
        self.arena.block.occupy(self)
        self.awaits_backward = False

    def update(self, scale: float = 1.0) -> None:
        """Let the optimizer update the trained parameters from their gradients, times `scale`."""
        if self.optimizer_state is None:
            raise GraphError("update expects a program with an optimizer, got one without")
        self.check_home()
        require(not self.awaits_backward, "update", "a backward pass after the forward pass", "none")
        self.optimizer_state.prepare(scale)
        self.arena.backend.run(self.updates)
        self.optimizer_state.count += 1

    def read(self, value: Value) -> Any:
        """A fresh copy of what a kept Value was in the last pass."""
        if value not in self.keep:
            raise GraphError(f"{value} was not kept; pass keep=[value] to the Program")
        return self.present().arrays[value.data].copy()

    def gradient(self, value: Value) -> Any:
        """A fresh copy of the gradient of a Value that `gradients_of` names."""
        if value not in self.gradients_of:
            raise GraphError(f"the gradient of {value} was not kept; pass gradients_of=[value] to the Program")
        bound = self.present()
        require(not self.awaits_backward, "gradient", "a backward pass before it", "none since the last forward")
        gradient = bound.arrays[value.grad].copy()
        return gradient / bound.arrays[self.outputs[0].grad] if self.demand.scaled else gradient

    def explain(self) -> str:
        """The calls of forward and backward, before nodes were fused and after, with bytes moved and FLOPs.

        Calls that move 0 bytes hand an array on as it is.
        """
        specs = specs_of(self.nodes, self.arena.precision)
        return explained(phases.written(self.task), self.schedule, specs, self.plan.aliases)

    def present(self) -> Bound:
        """The bound passes, if what the last forward pass computed is still in the block."""
        if self.bound is None or not self.arena.block.is_held_by(self):
            raise GraphError(
                "forward must run first: nothing of this program is in memory (programs of one arena share it)"
            )
        return self.bound

    def bind(self) -> Bound:
        """Fix every pointer; called again only when the shared block was replaced by a larger one."""
        memory = self.arena.block.reserve(self, self.plan.nbytes)
        stream = self.arena.backend.using_stream()  # and its device, for what kernels need beside their arrays
        with stream, self.arena.precision.while_binding():
            self.bound = bind(self.task, self.schedule, self.plan, memory, self.optimizer_state, self.ring)
        return self.bound

    def unbind(self) -> None:
        self.bound = self.captured = None

    def attach(self, optimizer: Optimizer) -> OptimizerState:
        trained = self.schedule.trained
        require(bool(trained), str(optimizer), "a parameter that the loss reaches", "none")
        return self.arena.optimizer_state(optimizer, trained)

    def check_loss(self) -> None:
        fits = self.task.has_loss or not self.differentiates
        require(fits, "training", "one floating-point scalar as loss", self.outputs)
