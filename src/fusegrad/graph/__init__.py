"""The engine: trace, schedule, plan, bind, run."""

from fusegrad.graph.algebra import mean, normal, stop_gradient, sum
from fusegrad.graph.arena import ParamArena
from fusegrad.graph.cache import LeastRecentlyUsed
from fusegrad.graph.check import GradientError, check_gradients
from fusegrad.graph.elementwise import Elementwise
from fusegrad.graph.evaluation import flatten
from fusegrad.graph.layer import Chain, Layer, Module
from fusegrad.graph.model import Input, Model
from fusegrad.graph.optimization import Optimizer, SavedState
from fusegrad.graph.param import Param
from fusegrad.graph.program import Program
from fusegrad.graph.scalar import Scalar
from fusegrad.graph.spec import Arrays, GraphError, Spec, require
from fusegrad.graph.value import Value
from fusegrad.initializers import Initializer

__all__ = [
    "Arrays",
    "Chain",
    "Elementwise",
    "GradientError",
    "GraphError",
    "Initializer",
    "Input",
    "Layer",
    "LeastRecentlyUsed",
    "Model",
    "Module",
    "Optimizer",
    "Param",
    "ParamArena",
    "Program",
    "SavedState",
    "Scalar",
    "Spec",
    "Value",
    "check_gradients",
    "flatten",
    "mean",
    "normal",
    "require",
    "stop_gradient",
    "sum",
]
