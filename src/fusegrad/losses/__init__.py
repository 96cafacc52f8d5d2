"""Losses: layers with one scalar output."""

from fusegrad.losses.binary import BCEWithLogits, Focal
from fusegrad.losses.cross_entropy import CrossEntropy
from fusegrad.losses.margin import Hinge, SquaredHinge
from fusegrad.losses.mean import MeanLoss
from fusegrad.losses.regression import MAE, MSE, Huber, LogCosh, Poisson, Quantile, SmoothL1

__all__ = [
    "MAE",
    "MSE",
    "BCEWithLogits",
    "CrossEntropy",
    "Focal",
    "Hinge",
    "Huber",
    "LogCosh",
    "MeanLoss",
    "Poisson",
    "Quantile",
    "SmoothL1",
    "SquaredHinge",
]
