"""A launch that is interrupted, and processes that are forked during one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from emulator.launches import inline, launch

MOST_BLOCKS = 2**31 - 1  # that a grid may have: hours of work


@pytest.fixture
def interruptible():
    """Ctrl-C raises, as it does not where a shell has started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("order", ["forward", "random"])
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_launch_between_two_blocks(order):
    kernel, y = inline("if (blockIdx.x == 0) y[0] = 1;"), np.zeros(1, np.float32)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        launch(kernel, MOST_BLOCKS, 1, y, order=order)
    timer.join()
    launch(kernel, 1, 1, y)
    assert y[0] == 1


FORK = """
import os, threading, numpy as np
from emulator.launches import inline, launch
kernel, stop = inline("y[threadIdx.x] = blockIdx.x;"), threading.Event()
def work():
    while not stop.is_set(): launch(kernel, 200, 32, np.zeros(32, np.float32), allow_interblock=True)
thread = threading.Thread(target=work)
thread.start()
for _ in range(10):
    if (child := os.fork()) == 0:
        launch(kernel, 1, 32, np.zeros(32, np.float32))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
"""


def test_a_process_forked_during_a_launch_can_launch():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
