"""Finds the bug in a CUDA kernel on a machine without a GPU, by the line, the block and the threads."""

from __future__ import annotations

import numpy as np

from cuda_on_cpu import KernelError, StandIn

REVERSE = """\
// y = x with every row of 64 numbers reversed: one block per row, one thread per number.
extern "C" __global__ void __launch_bounds__(64) reverse(const float* x, float* y) {
    __shared__ float row[64];
    const int first = blockIdx.x * 64, i = threadIdx.x;
    row[i] = x[first + i];
    BARRIER;
    y[first + i] = row[63 - i];
}
"""


def run(text: str) -> np.ndarray:
    """What the kernel makes of two rows; KernelError where the checker finds something."""
    cupy = StandIn(mode="check")  # in place of `import cupy`
    x, y = cupy.asarray(np.arange(128, dtype="float32")), cupy.empty(128, "float32")
    cupy.RawModule(code=text).get_function("reverse")((2,), (64,), (x, y))
    return y.get()


def main() -> list[str]:
    """Where the checker finds something without the barrier; with it, the kernel is right."""
    right = run(REVERSE.replace("BARRIER", "__syncthreads()"))
    assert (right == np.arange(128).reshape(2, 64)[:, ::-1].reshape(-1)).all()
    wrong = REVERSE.replace("BARRIER", "// the barrier was forgotten")
    try:
        run(wrong)
    except KernelError as error:
        places = [problem.where for problem in error.problems]
        print(f"{error}\n{places[0]} is: {wrong.splitlines()[int(places[0].partition(':')[2]) - 1].strip()}")
        return places
    return []


if __name__ == "__main__":
    main()
