"""Progress on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusegrad.training.callback import Callback

if TYPE_CHECKING:
    from fusegrad.training.trainer import Trainer


class ProgressBar(Callback):
    """A bar for the present epoch, and under a table's head one row for every epoch that is done.

    Where the output is not a terminal there is no bar, only the table.  `console` is a `rich.console.Console`; default:
    one on standard output.
    """

    def __init__(self, console: Any = None) -> None:
        self.console = console
        self.bar: Any = None
        self.task: Any = None
        self.total_epochs, self.batches = 0, 0
        self.columns: list[str] = []

    def on_fit_begin(self, trainer: Trainer, total_epochs: int, batches_per_epoch: int | None) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.console = self.console or Console()
        self.total_epochs, self.columns = total_epochs, []
        if self.console.is_terminal:
            self.bar = Progress(console=self.console, transient=True)
            self.task = self.bar.add_task(self.title(trainer), total=batches_per_epoch)
            self.bar.start()

    def on_batch_end(self, trainer: Trainer) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=trainer.position.batch, description=self.title(trainer))

    def on_epoch_end(self, trainer: Trainer, logs: dict[str, Any]) -> None:
        if not self.columns:
            self.columns = [name for name in logs if name not in ("epoch", "seconds", "samples_per_s")]
            self.print(["epoch", *self.columns, "samples/s"])
        cells = [f"{logs['epoch']}/{self.total_epochs}", *(f"{logs[name]:.4g}" for name in self.columns)]
        self.print([*cells, f"{logs['samples_per_s']:,.0f}"])

    def on_fit_end(self, trainer: Trainer) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def title(self, trainer: Trainer) -> str:
        return f"epoch {min(trainer.position.epoch + 1, self.total_epochs)}/{self.total_epochs}"

    def print(self, cells: list[str]) -> None:
        """One row, in columns as wide as their names and figures need."""
        widths = [9, *(max(len(name), 9) for name in self.columns), 11]
        row = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        self.console.print(row, highlight=False, markup=False, soft_wrap=True)
