"""Loss, metrics and predictions without training."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusegrad.graph import flatten, require
from fusegrad.graph.evaluation import restore
from fusegrad.training.building import Network
from fusegrad.training.feeding import Data
from fusegrad.training.row_data import RowData
from fusegrad.training.scoring import Tally
from fusegrad.training.steps import Steps


def evaluate(network: Network, data: Data) -> dict[str, float]:
    """The mean loss over samples, and the metrics."""
    tally = Tally(network.scores.fresh())
    for batch in data.batches(epoch=0):
        passes = network.for_evaluation(batch)
        loss, *predictions = passes.program.evaluate(*batch.arrays())
        network.judge(tally.scores, predictions, batch)
        tally.add(Steps([loss], [batch.total_weight], batch.size))
    if not tally.samples:
        raise ValueError("evaluation expects at least one batch, got none")
    return tally.results()


def predict(network: Network, data: RowData) -> Any:
    """The outputs for all rows as NumPy arrays, in the form in which the model returns them."""
    whole: list[Any] = []
    start = 0
    for batch in data.batches(epoch=0):
        passes = network.for_prediction(batch)
        parts = [network.home.found().backend.to_numpy(part) for part in passes.program.evaluate(*batch.arrays())]
        for part in parts:
            by_rows = part.shape[:1] == (batch.size,)
            require(by_rows, f"predict with {network.tracer.model}", "outputs with one row per sample", part.shape)
        whole = whole or [np.empty((data.rows, *part.shape[1:]), part.dtype) for part in parts]
        for array, part in zip(whole, parts, strict=True):
            array[start : start + len(part)] = part
        start += batch.size
    outputs = passes.traced.outputs
    return restore(outputs, dict(zip(flatten(outputs), whole, strict=True)))
