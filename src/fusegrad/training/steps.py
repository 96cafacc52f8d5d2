"""Steps of training, on batches that come from the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fusegrad.graph import Scalar
from fusegrad.training.building import Network, Passes
from fusegrad.training.row_data import Batch
from fusegrad.training.scoring import Scores


@dataclass(frozen=True)
class Steps:
    """What some steps came to: their losses, the weight of each in a mean, and how many samples they saw."""

    losses: list[Any]
    weights: list[float]
    samples: int


def train(network: Network, batch: Batch, apart: Scores) -> Steps:
    """One training step, with the loss before it; `apart` are metrics to which it does not add by itself."""
    passes = network.for_training(batch)
    loss = step(network, passes, batch)
    judge(network, passes, batch, apart)
    return Steps([loss], [batch.total_weight], batch.size)


def step(network: Network, passes: Passes, batch: Batch) -> Scalar:
    """Forward, backward and update."""
    network.set_pace()
    return passes.program.step(*batch.arrays())


def gradients(network: Network, batch: Batch, scores: Scores, *, add: bool) -> Steps:
    """Forward and backward; `add` to the gradients that are there.  The scores see what the batch gave."""
    passes = network.for_training(batch)
    loss: Scalar = passes.program.forward(*batch.arrays())
    passes.program.backward(accumulate=add)
    judge(network, passes, batch, scores)
    return Steps([loss], [batch.total_weight], batch.size)


def judge(network: Network, passes: Passes, batch: Batch, scores: Scores) -> None:
    """Let metrics see what the program made of a batch."""
    values = zip(network.scores.names, passes.judged, strict=True)
    predictions = [passes.program.read(value) for name, value in values if name in scores.metrics]
    network.judge(scores, predictions, batch)
