"""Randomness as Values of a graph; `fg.random.normal` inside a model draws anew at every training step."""

from fusegrad.graph import normal

__all__ = ["normal"]
