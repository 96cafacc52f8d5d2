"""A trainer from arrays and facts: everything is read and checked before anything changes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fusegrad.graph import GraphError, ParamArena, SavedState
from fusegrad.graph.optimization import OptimizerState
from fusegrad.training.checkpoint import CheckpointError, Stored
from fusegrad.training.reading import Progress, read_progress
from fusegrad.training.row_data import Batch
from fusegrad.training.snapshot import machine

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


def load_params(trainer: Trainer, stored: Stored) -> None:
    """Take over the parameters; CheckpointError, and no change, where they do not fit."""
    example = read_progress(trainer, stored).example
    with trainer.network.unchanged_on_failure():
        build(trainer, stored, example)
        check_shapes(trainer, stored.group("param"))
    write_params(trainer, stored)


def restore(trainer: Trainer, stored: Stored) -> None:
    """Take over everything; CheckpointError, and no change, where something does not fit."""
    progress = read_progress(trainer, stored)
    check_trainer(trainer, stored)
    with trainer.network.unchanged_on_failure():
        build(trainer, stored, progress.example)
        check_shapes(trainer, stored.group("param"))
        check_state(trainer, stored, progress)
        warn_of_other_bits(trainer.arena, stored)
    write_params(trainer, stored)
    restore_optimizer(trainer, stored, progress.updates)
    for name, array in stored.group("gradient").items():
        trainer.home.params()[name].grad[...] = trainer.arena.backend.asarray(array)
    if trainer.arena.scaling and progress.loss_scaling:
        trainer.arena.scaling.restore(progress.loss_scaling)
    trainer.arena.seed[...], trainer.arena.step[...] = progress.arena_seed, progress.arena_step
    trainer.position, trainer.tally, trainer.best = progress.position, progress.tally, progress.best
    trainer.network.paced.reductions = progress.reductions
    trainer.history.epochs[:] = progress.epochs


def check_trainer(trainer: Trainer, stored: Stored) -> None:
    """CheckpointError where the checkpoint is of a trainer that was made otherwise."""
    own = {"optimizer": type(trainer.optimizer).__name__, "precision": trainer.home.precision, "seed": trainer.seed}
    for name, here in own.items():
        if stored.facts[name] != here:
            raise CheckpointError(f"the checkpoint has {name} {stored.facts[name]}, this trainer {here}; see load")
    came, names = list(stored.facts["tally"]["metrics"]), trainer.network.scores.names
    if stored.facts["position"]["batch"] and set(came) != set(names):
        raise CheckpointError(
            f"the checkpoint has metrics {came}, this trainer {names}, and an epoch begun with those; see load"
        )


def build(trainer: Trainer, stored: Stored, example: Batch) -> None:
    """Give a trainer that has seen no data its parameters and optimizer state, by the shapes of a batch."""
    check_names(list(trainer.home.params()), list(stored.group("param")))
    try:
        trainer.network.build_for(example)
    except GraphError as error:
        raise CheckpointError(f"the checkpoint is of another network: {error}") from None


def check_names(own: list[str], came: list[str]) -> None:
    missing = [name for name in own if name not in came]
    unknown = [name for name in came if name not in own]
    if missing or unknown:
        raise CheckpointError(
            f"the checkpoint is of another network: it is without {few(missing)} and has {few(unknown)} beside"
        )


def check_shapes(trainer: Trainer, came: Mapping[str, Any]) -> None:
    differing = [
        f"{name} has shape {param.shape}, there {came[name].shape}"
        for name, param in trainer.home.params().items()
        if came[name].shape != param.shape
    ]
    if differing:
        raise CheckpointError(f"the checkpoint is of another network: {few(differing)}")


def check_state(trainer: Trainer, stored: Stored, progress: Progress) -> None:
    """CheckpointError where slots, gradients or best parameters are not what training here goes on from."""
    state = optimizer_state(trainer)
    slots = {name: view.shape for name, view in state.named_slots().items()} if state else {}
    came = stored.group("slot")
    if came or progress.updates:
        check_alike("state of the optimizer", slots, came)
    pending = {p.name: p.shape for p in state.params} if state and progress.position.pending else {}
    check_alike("set of gradients", pending, stored.group("gradient"))
    params = {name: param.shape for name, param in trainer.home.params().items()}
    for best in progress.best.values():
        check_alike("set of best parameters", params, best.params)


def check_alike(what: str, own: dict[str, tuple[int, ...]], arrays: Mapping[str, Any]) -> None:
    came = {name: array.shape for name, array in arrays.items()}
    if differing := [name for name in own | came if own.get(name) != came.get(name)]:
        raise CheckpointError(f"the checkpoint has another {what}: {few(differing)} differ")


def write_params(trainer: Trainer, stored: Stored) -> None:
    params = trainer.home.params()
    for name, array in stored.group("param").items():
        params[name].value = array


def restore_optimizer(trainer: Trainer, stored: Stored, updates: int) -> None:
    state = optimizer_state(trainer)
    if state is not None:
        fresh = {name: np.zeros(view.shape) for name, view in state.named_slots().items()}
        state.restore(SavedState(updates, stored.group("slot") or fresh))


def optimizer_state(trainer: Trainer) -> OptimizerState | None:
    return trainer.arena.optimizer_states.get(trainer.optimizer)


def warn_of_other_bits(arena: ParamArena, stored: Stored) -> None:
    here = machine(arena)
    there = stored.facts["machine"]
    if differing := [f"{name} {there.get(name)}, here {here[name]}" for name in here if there.get(name) != here[name]]:
        message = f"the checkpoint was made with {'; '.join(differing)}: training goes on, but its last bits may differ"
        warnings.warn(message, stacklevel=4)


def few(names: list[str]) -> str:
    """The first of many."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "none"
