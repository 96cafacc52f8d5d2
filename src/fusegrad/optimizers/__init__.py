"""Update rules over the flat arena."""

from fusegrad.optimizers.adagrad import Adadelta, Adagrad
from fusegrad.optimizers.adam import Adam, AdamW, AMSGrad
from fusegrad.optimizers.adamax import Adamax
from fusegrad.optimizers.base import Optimizer
from fusegrad.optimizers.lamb import LAMB
from fusegrad.optimizers.lion import Lion
from fusegrad.optimizers.nadam import NAdam
from fusegrad.optimizers.radam import RAdam
from fusegrad.optimizers.rmsprop import RMSprop
from fusegrad.optimizers.sgd import SGD

__all__ = [
    "LAMB",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
]
