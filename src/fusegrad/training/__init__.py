"""Training: the loop, its data, callbacks, checkpoints and history."""

from fusegrad.training.callbacks import Callback, Checkpoint, EarlyStopping, ReduceLROnPlateau
from fusegrad.training.checkpoint import CheckpointError
from fusegrad.training.curves import plot_curves
from fusegrad.training.history import History
from fusegrad.training.progress import ProgressBar
from fusegrad.training.trainer import Trainer

__all__ = [
    "Callback",
    "Checkpoint",
    "CheckpointError",
    "EarlyStopping",
    "History",
    "ProgressBar",
    "ReduceLROnPlateau",
    "Trainer",
    "plot_curves",
]
