"""By what the loops over elements run on a CPU."""

from __future__ import annotations

import os
from importlib.util import find_spec

from fusegrad.errors import MissingExtra, perhaps

VARIABLE = "FUSEGRAD_EVALUATOR"
NAMES = ("auto", "numpy", "numba")


def evaluator() -> str:
    """What FUSEGRAD_EVALUATOR says, else "numba" where it is installed, else "numpy".

    Raises ValueError for another name, and MissingExtra for "numba" where that is not installed.
    """
    wanted = os.environ.get(VARIABLE) or "auto"
    if wanted not in NAMES:
        raise ValueError(f'{VARIABLE} names an unknown evaluator "{wanted}"{perhaps(wanted, NAMES)}')
    there = find_spec("numba") is not None
    if wanted == "numba" and not there:
        raise MissingExtra(f'{VARIABLE}=numba needs numba: pip install "fusegrad[fast]"', name="numba")
    return wanted if wanted != "auto" else "numba" if there else "numpy"
