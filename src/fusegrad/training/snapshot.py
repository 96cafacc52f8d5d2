"""A trainer as arrays and facts, and back."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from fusegrad import backend as backends
from fusegrad.graph import GraphError, ParamArena, SavedState
from fusegrad.graph.optimization import OptimizerState
from fusegrad.training.checkpoint import CheckpointError, Stored
from fusegrad.training.data import Batch
from fusegrad.training.fitting import Position
from fusegrad.training.history import History
from fusegrad.training.scoring import Tally
from fusegrad.training.structure import from_json, to_json

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


def capture(trainer: Trainer) -> Stored:
    """Everything that decides how training goes on."""
    arena, example = trainer.arena, trainer.network.example or Batch(None)
    backend = arena.backend
    arrays = {f"param/{name}": backend.to_numpy(param.value) for name, param in trainer.home.params().items()}
    state = arena.optimizer_states.get(trainer.optimizer)
    saved = state.saved() if state else SavedState(0, {})
    arrays |= {f"slot/{name}": array for name, array in saved.slots.items()}
    if trainer.position.pending and state:
        arrays |= {f"gradient/{param.name}": backend.to_numpy(param.grad) for param in state.params}
    facts = {
        "precision": trainer.home.precision,
        "optimizer": type(trainer.optimizer).__name__,
        "updates": saved.count,
        "arena": {"seed": int(arena.seed), "step": int(arena.step)},
        "position": trainer.position.state(),
        "tally": trainer.tally.state(),
        "history": trainer.history.epochs,
        "example": [to_json(part) for part in example.parts()],
    }
    return Stored(arrays, facts | {"machine": machine(arena), "versions": backends.versions()})


def machine(arena: ParamArena) -> dict[str, Any]:
    """What decides the last bits."""
    library, threads = backends.blas()
    return {"backend": arena.backend.name, "BLAS": library, "BLAS threads": threads}


def load_params(trainer: Trainer, stored: Stored) -> None:
    """Take over the parameters; CheckpointError, and no change, where they do not fit."""
    with trainer.network.unchanged_on_failure():
        build(trainer, stored)
        check_params(trainer, stored)
    write_params(trainer, stored)


def write_params(trainer: Trainer, stored: Stored) -> None:
    params = trainer.home.params()
    for name, array in stored.group("param").items():
        params[name].value = array


def restore(trainer: Trainer, stored: Stored) -> None:
    """Take over everything; CheckpointError, and no change, where something does not fit."""
    with trainer.network.unchanged_on_failure():
        build(trainer, stored)
        check_params(trainer, stored)
        check_optimizer(trainer, stored)
    warn_of_other_bits(trainer.arena, stored)
    write_params(trainer, stored)
    restore_optimizer(trainer, stored)
    for name, array in stored.group("gradient").items():
        trainer.home.params()[name].grad[...] = trainer.arena.backend.asarray(array)
    trainer.arena.seed[...], trainer.arena.step[...] = stored.facts["arena"]["seed"], stored.facts["arena"]["step"]
    trainer.position = Position(**stored.facts["position"])
    trainer.history = History(stored.facts["history"])
    trainer.tally = Tally(trainer.network.scores.fresh())
    trainer.tally.restore(stored.facts["tally"])


def build(trainer: Trainer, stored: Stored) -> None:
    """Give a trainer that has seen no data its parameters and optimizer state, by the shapes of a batch."""
    params = stored.group("param")
    check_names(list(trainer.home.params()), list(params))
    example = trainer.network.tracer.specs(Batch(*map(from_json, stored.facts["example"])))
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


def check_params(trainer: Trainer, stored: Stored) -> None:
    came = stored.group("param")
    differing = [
        f"{name} has shape {param.shape}, there {came[name].shape}"
        for name, param in trainer.home.params().items()
        if came[name].shape != param.shape
    ]
    if differing:
        raise CheckpointError(f"the checkpoint is of another network: {few(differing)}")


def check_optimizer(trainer: Trainer, stored: Stored) -> None:
    for name, own in (("optimizer", type(trainer.optimizer).__name__), ("precision", trainer.home.precision)):
        if stored.facts[name] != own:
            raise CheckpointError(f"the checkpoint has {name} {stored.facts[name]}, this trainer {own}; see load")
    state = optimizer_state(trainer)
    own_slots = {name: view.shape for name, view in state.named_slots().items()} if state else {}
    slots = {name: array.shape for name, array in stored.group("slot").items()}
    if slots and slots != own_slots:
        differing = [name for name in own_slots | slots if own_slots.get(name) != slots.get(name)]
        raise CheckpointError(f"the checkpoint has another state of the optimizer: {few(differing)} differ")


def restore_optimizer(trainer: Trainer, stored: Stored) -> None:
    state = optimizer_state(trainer)
    if state is not None:
        fresh = {name: np.zeros(view.shape) for name, view in state.named_slots().items()}
        state.restore(SavedState(stored.facts["updates"], stored.group("slot") or fresh))


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
