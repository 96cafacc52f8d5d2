"""Loops run as a backend runs them: overflow gives inf without a warning."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def arithmetic_of_a_gpu():
    with np.errstate(all="ignore"):
        yield
