"""Results do not depend on the order in which threads and blocks run, to the last bit."""

from __future__ import annotations

import pytest
from checks import run_case
from op_names import name_of
from ops.cases import CASES

from cuda_on_cpu.stand_in.stand_in import ORDERS
from fusegrad.backend.emulated import EmulatedBackend


@pytest.mark.parametrize("op", CASES, ids=name_of)
def test_every_order_of_threads_gives_the_same_bits(op):
    backend = EmulatedBackend("fast", orders=ORDERS)  # runs every kernel in each order, and compares
    for case in CASES[op]:
        run_case(op, case, backend)
