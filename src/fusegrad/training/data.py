"""Data for training, public as `fusegrad.data`; what a script does not use is not loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusegrad.imports import on_demand

if TYPE_CHECKING:
    from fusegrad.training.augmentation import Crop, Cutout, Draws, Flip, Shift
    from fusegrad.training.background import background
    from fusegrad.training.batches import batches
    from fusegrad.training.idx import read_idx
    from fusegrad.training.mixup import Mixup
    from fusegrad.training.mnist import load_mnist
    from fusegrad.training.sampling import Balanced, class_weights

__all__ = [
    "Balanced",
    "Crop",
    "Cutout",
    "Draws",
    "Flip",
    "Mixup",
    "Shift",
    "background",
    "batches",
    "class_weights",
    "load_mnist",
    "read_idx",
]

__getattr__ = on_demand(
    __name__,
    __all__,
    {
        "augmentation": ("Crop", "Cutout", "Draws", "Flip", "Shift"),
        "background": ("background",),
        "batches": ("batches",),
        "idx": ("read_idx",),
        "mixup": ("Mixup",),
        "mnist": ("load_mnist",),
        "sampling": ("Balanced", "class_weights"),
    },
    package="fusegrad.training",
)
