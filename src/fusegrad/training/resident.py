"""The steps of a fit whose data lies on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fusegrad.training.building import Network
from fusegrad.training.feeding import Data, StreamData
from fusegrad.training.row_data import RowData
from fusegrad.training.steps import Steps, judge, train

if TYPE_CHECKING:
    from fusegrad.graph.captured_steps import CapturedSteps
    from fusegrad.training.scoring import Scores


class ResidentSteps:
    """Takes batches where they are computed with, `count` of them in one launch as long as an epoch has as many.

    What is left of whole batches is taken one by one, and a short last batch comes from the host.
    """

    def __init__(self, network: Network, data: RowData, count: int) -> None:
        self.network, self.data, self.count = network, data, count
        self.passes = network.for_training(data.examples()[0])
        self.single = self.captured(1, data.take(slice(None)).arrays())
        self.several = self.captured(count, self.single.data) if count > 1 else self.single  # which has it there

    def captured(self, count: int, arrays: Sequence[Any]) -> CapturedSteps:
        return self.passes.program.capture(count, arrays, shuffle=bool(self.data.shuffle), seed=self.data.seed)

    def launches(self, epoch: int, start: int, apart: Scores) -> Iterator[Steps]:
        """Make the steps of an epoch from batch `start` on; `apart` are metrics to which they do not add."""
        whole = self.single.batches
        left = max(0, whole - start)  # of whole batches; a resumed epoch may begin after all of them
        ends = start + left - left % self.count
        for captured, numbers in ((self.several, range(start, ends)), (self.single, range(ends, start + left))):
            if numbers:
                yield from self.launch(captured, epoch, numbers, apart)
        if max(start, whole) < len(self.data):
            yield train(self.network, self.data.batch(epoch, whole), apart)

    def launch(self, captured: CapturedSteps, epoch: int, numbers: range, apart: Scores) -> Iterator[Steps]:
        """Make the steps on these batches."""
        weights, size = self.data.weights_of(epoch, numbers), min(self.data.batch_size, self.data.rows)
        captured.seek(epoch, numbers.start)
        for number in range(0, len(numbers), captured.steps):
            self.network.set_pace()
            losses = captured.run()
            if apart.metrics:  # of one step, then
                judge(self.network, self.passes, self.data.batch(epoch, numbers[number]), apart)
            yield Steps(losses, weights[number : number + len(losses)], len(losses) * size)


def check_residence(data: Data, resident: bool, count: int, accumulate: int, network: Network) -> None:
    """ValueError where batches cannot be taken on the device, or not so many steps be made in one launch."""
    if count > 1 and not resident:
        raise ValueError(f"steps_per_execution={count} expects resident=True")
    if resident and not isinstance(data, RowData):
        got = "an iterable of batches" if isinstance(data, StreamData) else "augment, which works on the host"
        raise ValueError(f"resident=True expects arrays x and y as they are, got {got}")
    if isinstance(data, RowData) and resident and data.sampler is not None:
        raise ValueError("resident=True expects every row once in an epoch, got a sampler")
    if resident and accumulate > 1:
        raise ValueError(f"resident=True expects accumulate=1, got {accumulate}")
    slow = [name for name in network.scores.names if name not in network.sums.names]
    if count > 1 and slow:
        raise ValueError(f"steps_per_execution={count} expects metrics that steps can add up, got {', '.join(slow)}")
