"""What all tests share: loops run by NumPy unless a test, or the environment, asks for Numba, which takes its time."""

from __future__ import annotations

import os

os.environ.setdefault("FUSEGRAD_EVALUATOR", "numpy")
