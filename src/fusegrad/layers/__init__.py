"""Layers, under the names that PyTorch and Keras gave them."""

from fusegrad.layers.activation import ReLU, Sigmoid, Tanh
from fusegrad.layers.dropout import Dropout
from fusegrad.layers.linear import Linear
from fusegrad.layers.merge import Add, Concat
from fusegrad.layers.sequential import Sequential
from fusegrad.layers.shape import Flatten, Reshape

__all__ = ["Add", "Concat", "Dropout", "Flatten", "Linear", "ReLU", "Reshape", "Sequential", "Sigmoid", "Tanh"]
