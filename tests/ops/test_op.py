"""An Op runs its reference on NumPy arrays and its kernel, once there is one, on others."""

from __future__ import annotations

import numpy as np

from fusegrad.ops import op


class DeviceArray:
    """Stands for an array that is not NumPy's."""


def doubling(x, *, by=2):
    """x *= by."""
    x *= by


def test_an_op_keeps_the_name_and_the_docstring():
    assert (op(doubling).__name__, op(doubling).__doc__) == ("doubling", "x *= by.")


def test_numpy_arrays_run_the_reference_and_others_the_kernel():
    double, launched = op(doubling), []
    double.cuda(lambda x, *, by=2: lambda: launched.append((x, by)))
    x, on_device = np.ones(3), DeviceArray()
    double(x)
    double(on_device, by=5)
    assert x.tolist() == [2, 2, 2]
    assert launched == [(on_device, 5)]


def test_arrays_may_be_given_by_name():
    double, launched = op(doubling), []
    double.cuda(lambda x, *, by=2: lambda: launched.append(x))
    x, on_device = np.ones(3), DeviceArray()
    double(x=x)
    double(x=on_device)
    assert x.tolist() == [2, 2, 2]
    assert launched == [on_device]


def test_without_a_kernel_every_array_runs_the_reference():
    seen = []
    remember = op(lambda x: seen.append(x))
    on_device = DeviceArray()
    remember(on_device)
    assert seen == [on_device]
