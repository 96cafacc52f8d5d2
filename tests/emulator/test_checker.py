"""Check mode reports each injected bug on the right line and thread, and reports nothing in correct kernels."""

from __future__ import annotations

import re

import numpy as np
import pytest
from emulator.launches import ORDERS, inline, kernel, launch, module, source

from cuda_on_cpu import KernelError, Problem

HEAD = re.compile(r"__global__ void (\w+)\(")
REPORTED = re.compile(r"// reported: (?P<kinds>[\w ]+)(?:, block (?P<block>\d+))?(?:, thread (?P<thread>\d+))?$")


def kernels(filename: str) -> dict[str, dict[int, re.Match[str]]]:
    """For each kernel of a file the lines that may be reported."""
    found: dict[str, dict[int, re.Match[str]]] = {}
    for number, line in enumerate(source(filename).splitlines(), 1):
        if head := HEAD.search(line):
            lines = found[head[1]] = {}
        if comment := REPORTED.search(line):
            lines[number] = comment
    return found


FILES = {name: filename for filename in ("bugs.cu", "races.cu", "correct.cu") for name in kernels(filename)}
BUGS, CORRECT = {**kernels("bugs.cu"), **kernels("races.cu")}, kernels("correct.cu")


def run(name: str, order: str = "forward") -> None:
    x, y = np.arange(128, dtype=np.float32), np.zeros(128, np.float32)
    written = np.repeat(np.array([1, 0], np.uint8), 64)
    grid = 2 if "blocks" in name.split("_") else 1
    launch(kernel(FILES[name], name), grid, 64, x, y, np.int32(64), valid={1: written}, dynamic_bytes=128, order=order)


def first_problem(name: str, order: str) -> Problem:
    with pytest.raises(KernelError, match=f"^{name}: ") as raised:
        run(name, order)
    return raised.value.problems[0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", BUGS)
def test_a_bug_is_reported_on_its_line(name, order):
    problem = first_problem(name, order)
    file, line = problem.where.split(":")
    assert file == FILES[name]
    assert problem.kind in BUGS[name][int(line)]["kinds"].split()


NAMED = [name for name, lines in BUGS.items() if any(comment["thread"] for comment in lines.values())]


@pytest.mark.parametrize("name", NAMED)
def test_the_first_thread_in_forward_order_is_named(name):
    problem = first_problem(name, "forward")
    comment = BUGS[name][int(problem.where.split(":")[1])]
    assert problem.thread == (int(comment["thread"]), 0, 0)
    assert problem.block == (int(comment["block"] or 0), 0, 0)


def test_every_kernel_with_a_bug_says_where_it_is_reported():
    assert all(BUGS.values())
    assert not any(CORRECT.values())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_kernel_is_not_reported(name, order):
    run(name, order)


def test_a_report_names_the_array_the_place_and_both_threads():
    with pytest.raises(KernelError) as raised:
        run("overruns_shared_memory")
    line = next(iter(BUGS["overruns_shared_memory"]))
    text = f"memcheck: bugs.cu:{line}: access outside the shared arrays of the kernel "
    text += "[shared s: byte offset 256 of 256, access of 4 bytes]; block (0, 0, 0) thread (32, 0, 0)"
    assert raised.value.problems[0].text == text
    with pytest.raises(KernelError, match=r"thread \(40, 0, 0\) against thread \(5, 0, 0\) of block 0"):
        run("lacks_a_barrier_between_writes")
    with pytest.raises(KernelError, match=r"\[argument 0: byte offset 512 of 512.*, access of 4 bytes\]"):
        run("reads_behind_the_end")


def test_messages_about_barriers_name_the_other_line_as_well():
    lines = list(BUGS["waits_at_different_barriers"])
    with pytest.raises(KernelError, match=f"thread 0 waits at races.cu:{lines[0]}, thread 32 at races.cu:{lines[1]}"):
        run("waits_at_different_barriers")


def test_one_problem_is_reported_once():
    problems = first_problems("y[threadIdx.x + 0] = y[0] + y[1];")
    assert len({(p.kind, p.where, p.message) for p in problems}) == len(problems)


def first_problems(body: str) -> list[Problem]:
    with pytest.raises(KernelError) as raised:
        launch(inline(body), 1, 64, np.zeros(64, np.float32))
    return raised.value.problems


def test_the_process_survives_and_the_kernel_runs_again():
    y = np.zeros(64, np.float32)
    broken = inline("__syncthreads(); if (threadIdx.x == 40) y[64] = 1; __syncthreads(); y[threadIdx.x] = 1;")
    correct = inline("__syncthreads(); y[threadIdx.x] = threadIdx.x;")
    for _ in range(3):
        with pytest.raises(KernelError):
            launch(broken, 1, 64, y)
        launch(correct, 1, 64, y)
        np.testing.assert_array_equal(y, np.arange(64))


def test_returned_threads_are_tolerated_if_asked():
    x, y = np.zeros(128, np.float32), np.zeros(128, np.float32)
    returning = kernel("races.cu", "returns_before_a_barrier")
    launch(returning, 1, 64, x, y, np.int32(64), strict_exit=False)
    np.testing.assert_array_equal(y[:64], np.arange(64) < 60)


def test_races_of_blocks_are_tolerated_if_asked():
    x, y = np.zeros(128, np.float32), np.zeros(128, np.float32)
    racing = kernel("races.cu", "two_blocks_write_one_element")
    launch(racing, 2, 64, x, y, np.int32(64), allow_interblock=True)
    assert y[0] == 1


def test_the_arrays_of_other_kernels_are_out_of_bounds():
    first = 'extern "C" __global__ void other(float* y) { __shared__ float b[64]; b[threadIdx.x] = 1; y[0] = b[0]; }'
    shared = inline("__shared__ float a[16]; a[threadIdx.x & 15] = 1; y[threadIdx.x] = a[0];", prefix=first)
    assert shared.static_shared_bytes == 64
    body = "__shared__ float a[16]; float* p = a; p[(int)threadIdx.x - 40] = p[0];"
    with pytest.raises(KernelError, match="outside the shared arrays of the kernel"):
        launch(inline(body, prefix=first), 1, 64, np.zeros(64, np.float32))


def test_fast_mode_reports_nothing():
    x, y = np.arange(128, dtype=np.float32), np.zeros(128, np.float32)
    launch(kernel("races.cu", "mixes_atomic_and_plain_access", mode="fast"), 1, 64, x, y, np.int32(64))
    assert y[63] == x[:64].sum()


def test_accesses_of_earlier_launches_are_forgotten():
    body = "int t = blockIdx.x * blockDim.x + threadIdx.x; y[n - 1 - t] = x[t];"
    reverse = inline(body, "const float* x, float* y, int n")
    for blocks in (1, 40, 2000, 40, 1):  # many elements, then few: records are kept from launch to launch
        n = 64 * blocks
        x, y, z = np.arange(n, dtype=np.float32), np.zeros(n, np.float32), np.zeros(n, np.float32)
        launch(reverse, blocks, 64, x, y, np.int32(n))
        launch(reverse, blocks, 64, y, z, np.int32(n))
        np.testing.assert_array_equal(z, x)


BARRIER = re.compile(r"__sync(threads|warp)\(.*\);")


def without_one_barrier() -> list[tuple[str, str]]:
    """For each barrier of the correct kernels the name and the text of its kernel without it."""
    found = []
    for text in source("correct.cu").split('extern "C" ')[1:]:
        name = HEAD.search(text)[1]
        for barrier in BARRIER.finditer(text):
            found.append((name, f"{text[: barrier.start()]};{text[barrier.end() :]}"))
    return found


@pytest.mark.parametrize(("name", "text"), without_one_barrier(), ids=lambda text: text.partition("(")[0])
def test_each_barrier_of_the_correct_kernels_is_needed(name, text):
    x, y = np.arange(128, dtype=np.float32), np.zeros(128, np.float32)
    changed = module(f'#define FULL 0xffffffffu\nextern "C" {text}').kernels[name]
    with pytest.raises(KernelError) as raised:
        launch(changed, 1, 64, x, y, np.int32(64), dynamic_bytes=128)
    assert {problem.kind for problem in raised.value.problems} <= {"racecheck", "initcheck"}


def test_a_finding_in_a_helper_names_who_called_it():
    helper = "__device__ __forceinline__ void put(float* y, int i) { y[i] = 1; }\n"
    code = helper + "__global__ void outer(float* y) {\n    put(y, threadIdx.x + 1);\n}\n"
    with pytest.raises(KernelError, match=r"memcheck: kernel\.cu:1: .*; called from kernel\.cu:3") as error:
        launch(module(code).kernels["outer"], 1, 4, np.zeros(4, "float32"))
    assert error.value.problems[0].where == "kernel.cu:1"


def test_an_overrun_into_a_neighbour_names_the_array_that_ended():
    memory = np.zeros(8, "float32")
    kernel = inline("y[threadIdx.x + 1] = x[0];", "const float* x, float* y")
    with pytest.raises(KernelError, match=r"argument 0: byte offset 0 of 16, 0 bytes past the end of argument 1"):
        launch(kernel, 1, 4, memory[4:], memory[:4])
