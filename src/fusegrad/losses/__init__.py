"""Losses: layers with one scalar output."""

from fusegrad.losses.bce import BCEWithLogits
from fusegrad.losses.cross_entropy import CrossEntropy
from fusegrad.losses.mse import MSE

__all__ = ["MSE", "BCEWithLogits", "CrossEntropy"]
