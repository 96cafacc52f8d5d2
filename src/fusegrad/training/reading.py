"""What the facts of a checkpoint stand for, read before anything changes."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from fusegrad.training.checkpoint import CheckpointError, Stored
from fusegrad.training.checks import SEEDS, whole_number
from fusegrad.training.pace import Reduction
from fusegrad.training.position import Position
from fusegrad.training.row_data import Batch
from fusegrad.training.scoring import Tally
from fusegrad.training.stopping import Best
from fusegrad.training.structure import from_json

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer

DAMAGES = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Progress:
    """The facts of a checkpoint, read and checked."""

    position: Position
    example: Batch
    tally: Tally
    epochs: list[dict[str, Any]]
    best: dict[str, Best]
    reductions: tuple[Reduction, ...]
    arena_seed: int
    arena_step: int
    loss_scaling: list[float] | None
    updates: int


def read_progress(trainer: Trainer, stored: Stored) -> Progress:
    """All facts as what they stand for; CheckpointError where one is not what `capture` writes."""
    facts = stored.facts
    try:
        return Progress(
            position=Position.from_state(facts["position"]),
            example=read_example(trainer, stored),
            tally=read_tally(trainer, facts["tally"]),
            epochs=read_epochs(facts["history"]),
            best={monitor: Best(epoch, stored.group(f"best/{monitor}")) for monitor, epoch in facts["best"].items()},
            reductions=tuple(Reduction(**reduction) for reduction in facts["reductions"]),
            arena_seed=whole_number(facts["arena"]["seed"], "seed", least=0, below=SEEDS),
            arena_step=whole_number(facts["arena"]["step"], "step", least=0, below=SEEDS),
            loss_scaling=read_loss_scaling(facts["arena"].get("loss_scaling")),
            updates=whole_number(facts["updates"], "updates", least=0),
        )
    except DAMAGES as error:
        raise CheckpointError(f"the checkpoint is damaged: {type(error).__name__}: {error}") from None


def read_tally(trainer: Trainer, state: dict[str, Any]) -> Tally:
    tally = Tally(trainer.network.scores.fresh())
    tally.restore(state)
    return tally


def read_loss_scaling(saved: list[float] | None) -> list[float] | None:
    """The state of `LossScaling`, None in precisions that have none."""
    if saved is not None and (len(saved) != 4 or not all(isfinite(number) and number >= 0 for number in saved)):
        raise ValueError(f"loss_scaling is {saved}")
    return saved


def read_epochs(history: Any) -> list[dict[str, Any]]:
    for epoch in history:
        whole_number(epoch["epoch"], "epoch", least=1)
    return list(history)


def read_example(trainer: Trainer, stored: Stored) -> Batch:
    """Specs of a batch, from which the network is built."""
    return trainer.network.tracer.specs(Batch(*map(from_json, stored.facts["example"])))
