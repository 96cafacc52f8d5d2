"""Update rules over the flat arena."""

from fusegrad.optimizers.adam import Adam, AdamW
from fusegrad.optimizers.base import Optimizer
from fusegrad.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
