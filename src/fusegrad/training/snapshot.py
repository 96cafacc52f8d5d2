"""A trainer as arrays and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusegrad import backend as backends
from fusegrad.graph import ParamArena, SavedState
from fusegrad.training.checkpoint import Stored
from fusegrad.training.row_data import Batch
from fusegrad.training.structure import to_json

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


def capture(trainer: Trainer) -> Stored:
    """Everything that decides how training goes on."""
    arena, example = trainer.arena, trainer.network.example or Batch(None)
    state = arena.optimizer_states.get(trainer.optimizer)
    saved = state.saved() if state else SavedState(0, {})
    facts = {
        "precision": trainer.home.precision,
        "seed": trainer.seed,
        "optimizer": type(trainer.optimizer).__name__,
        "updates": saved.count,
        "arena": {
            "seed": int(arena.seed),
            "step": int(arena.step),
            "loss_scaling": arena.scaling.saved() if arena.scaling else None,
        },
        "position": trainer.position.state(),
        "reductions": trainer.network.paced.state(),
        "tally": trainer.tally.state(),
        "history": trainer.history.epochs,
        "best": {monitor: best.epoch for monitor, best in trainer.best.items()},
        "example": [to_json(part) for part in example.parts()],
        "machine": machine(arena),
        "versions": backends.versions(),
    }
    return Stored(arrays_of(trainer, saved), facts)


def arrays_of(trainer: Trainer, saved: SavedState) -> dict[str, Any]:
    """Parameters, slots, the best parameters, and gradients where an update is still to come."""
    to_numpy = trainer.arena.backend.to_numpy
    arrays = {f"param/{name}": to_numpy(param.value) for name, param in trainer.home.params().items()}
    arrays |= {f"slot/{name}": array for name, array in saved.slots.items()}
    for monitor, best in trainer.best.items():
        arrays |= {f"best/{monitor}/{name}": array for name, array in best.params.items()}
    state = trainer.arena.optimizer_states.get(trainer.optimizer)
    if trainer.position.pending and state:
        arrays |= {f"gradient/{param.name}": to_numpy(param.grad) for param in state.params}
    return arrays


def machine(arena: ParamArena) -> dict[str, Any]:
    """What decides the last bits."""
    library, threads = backends.blas()
    return {"backend": arena.backend.name, "BLAS": library, "BLAS threads": threads}
