"""Where training stands."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from fusegrad.training.checks import whole_number


@dataclass
class Position:
    """The whole state of sampler and loop.

    `epoch` epochs and `batch` batches of the next one are done, `pending` of them without an update yet; the run began
    when `run_start` epochs were done.  The rest says how the unfinished epoch is made up: `batches` is its length, 0
    where unknown; of an iterable of batches, `rows` and `batch_size` are 0.
    """

    run_start: int = 0
    epoch: int = 0
    batch: int = 0
    pending: int = 0
    batches: int = 0
    rows: int = 0
    batch_size: int = 0
    shuffle: bool = False
    drop_last: bool = False
    accumulate: int = 1

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Position:
        """What `state` gave; ValueError, KeyError or TypeError where it is not that."""
        if state.keys() != {field.name for field in fields(cls)}:
            raise ValueError(f"position has {list(state)}")
        for name, number in state.items():
            whole_number(number, name, least=0)
        return cls(**state)

    def new_run(self) -> Position:
        """The start of a run at the present epoch; an epoch that was left unfinished starts anew."""
        return replace(self, run_start=self.epoch, batch=0, pending=0)

    def next_epoch(self) -> None:
        self.epoch, self.batch, self.pending = self.epoch + 1, 0, 0

    def state(self) -> dict[str, Any]:
        return asdict(self)

    def check_same_epoch(self, course: dict[str, Any]) -> None:
        """ValueError unless an unfinished epoch goes on with data cut into batches as it was."""
        known = self.state()
        differing = [f"{name} {known[name]}, now {own}" for name, own in course.items() if known[name] != own]
        if self.batch and differing:
            raise ValueError(
                f"fit expects the data and arguments of the checkpoint, which is in the middle of an epoch (batch "
                f"{self.batch}); there {'; there '.join(differing)}"
            )
