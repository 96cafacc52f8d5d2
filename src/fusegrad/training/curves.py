"""Pictures of how training went."""

from __future__ import annotations

from os import PathLike

from fusegrad.errors import require_extra
from fusegrad.training.history import History

NOT_DRAWN = ("epoch", "seconds", "samples_per_s")


def plot_curves(history: History, path: str | PathLike[str]) -> None:
    """Draw every figure of the epochs into a file (.png, .svg or .pdf), training beside validation.

    Raises MissingExtra without matplotlib, and ValueError if there is no epoch to draw.
    """
    require_extra("matplotlib", "demo", "drawing curves")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = dict.fromkeys(name.removeprefix("val_") for epoch in history.epochs for name in epoch)
    names = [name for name in found if name not in NOT_DRAWN]
    if not names:
        raise ValueError("history expects at least one epoch to draw, got none")
    figure = Figure(figsize=(5 * len(names), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            points = [(epoch["epoch"], epoch[key]) for epoch in history.epochs if key in epoch]
            if points:
                axes.plot(*zip(*points, strict=True), label=label, marker="." if len(points) < 20 else "")
        axes.set(xlabel="epoch", title=name)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)
