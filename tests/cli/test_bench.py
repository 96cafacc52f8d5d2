"""`fusegrad bench gemm` on a CPU and on the emulated GPU, and with times that are pretended."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from fusegrad.backend import availability, resolve
from fusegrad.cli import app
from fusegrad.cli.bench_products import EPILOGUES, LAYOUTS, Case, Row, drawn, measure, rows_of
from fusegrad.ops.gemm import tuning

SMALL = "33x20x36"


def fusegrad(*words: str) -> Result:
    return CliRunner().invoke(app, ["bench", "gemm", *words])


def entries(*words: str) -> list[dict[str, Any]]:
    result = fusegrad("--json", *words)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cpu_has_one_way_with_its_time_and_error(epilogue, layout):
    (row,) = entries("--backend", "cpu", "--size", SMALL, "--epilogue", epilogue, "--layout", layout)
    assert row | {"rows": 33, "inner": 20, "columns": 36, "epilogue": epilogue, "layout": layout} == row
    assert row["candidate"].startswith("NumPy") and row["backend"] == "cpu"
    assert row["tflop_per_s"] == pytest.approx(2 * 33 * 20 * 36 / row["milliseconds"] / 1e9)
    assert (row["of_fastest"], row["of_cublaslt"], row["is_right"]) == (1, None, True)
    assert 0 < row["error"] < 1e-5


@pytest.mark.parametrize(
    ("dtype", "epilogue", "layout"),
    [
        ("float32", "bias-relu", "xwt"),
        ("tf32", "none", "dhtx"),
        ("float16", "gelu-slope", "dhw"),
        ("float16", "none", "dhtx"),
        ("bfloat16", "bias-gelu", "xwt"),
    ],
)
def test_an_emulated_gpu_has_every_way_with_its_error_and_no_time(dtype, epilogue, layout):
    pytest.importorskip("ml_dtypes", reason="ml_dtypes, which gives NumPy bfloat16, is not installed")
    rows = entries(
        "--backend", "emulated", "--size", SMALL, "--dtype", dtype, "--epilogue", epilogue, "--layout", layout
    )
    makers = {row["candidate"].partition(",")[0] for row in rows}
    assert makers == {"cuBLASLt", "matmul.cu"} | ({"tensor_matmul.cu"} if dtype != "float32" else set())
    assert all(row["is_right"] and 0 < row["error"] <= row["allowed"] for row in rows)
    assert {row[name] for row in rows for name in ("milliseconds", "tflop_per_s", "of_fastest", "of_cublaslt")} == {
        None
    }


def test_the_table_says_why_there_are_no_times():
    result = fusegrad("--backend", "emulated", "--size", SMALL, "--size", "1x1x1")
    head, names, *rows = result.stdout.strip().splitlines()
    assert head.startswith("33 x 20 x 36 of float32, xwt, epilogue none, on a CPU that stands in for")
    assert names.split() == ["error", "candidate"]
    assert rows.count("no times: those of an emulated GPU mean nothing") == 2
    assert any(line.startswith("1 x 1 x 1") for line in rows)


def off_by(monkeypatch: pytest.MonkeyPatch, change: float, where: Callable[[Any], Any]) -> None:
    """All ways, and a quick one beside them that leaves the last elements wrong in the rows of an array."""
    runnable = tuning.runnable

    def with_a_wrong_one(product: Any, cuda: Any) -> dict[str, Any]:
        runs = runnable(product, cuda)
        right = runs["matmul.cu, tiles of 64"]

        def wrong() -> None:
            right()
            where(product)[..., -1:] += change

        return runs | {"quick": wrong}

    monkeypatch.setattr(tuning, "runnable", with_a_wrong_one)


@pytest.mark.parametrize("change", [1e-3, np.nan, np.inf])
def test_a_way_that_computes_something_else_shows(monkeypatch, change):
    off_by(monkeypatch, change, lambda product: product.y.memory)
    result = fusegrad("--backend", "emulated", "--size", SMALL)
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if "WRONG" in line]
    assert "quick  WRONG: rounding explains" in line
    found = json.loads(fusegrad("--backend", "emulated", "--size", SMALL, "--json").stdout)
    (wrong,) = [row for row in found if not row["is_right"]]
    assert wrong["candidate"] == "quick"
    assert (wrong["error"] is None) == (not np.isfinite(change))


@pytest.mark.parametrize(
    ("epilogue", "where"),
    [("bias-gelu", lambda product: product.after.h), ("gelu-slope", lambda product: product.after.sums)],
)
def test_what_is_written_beside_y_counts(monkeypatch, epilogue, where):
    off_by(monkeypatch, 0.1, where)
    rows = measure(resolve("emulated"), Case(33, 20, 36, epilogue=epilogue))
    assert [row.candidate for row in rows if not row.is_right] == ["quick"]


def test_what_an_earlier_way_left_does_not_count(monkeypatch):
    runnable = tuning.runnable
    idle = {"idle": lambda: None}
    monkeypatch.setattr(tuning, "runnable", lambda product, cuda: runnable(product, cuda) | idle)
    rows = measure(resolve("emulated"), Case(33, 20, 36, epilogue="bias-gelu"))
    assert [row.candidate for row in rows if not row.is_right] == ["idle"]


def test_shares_are_of_the_fastest_and_of_the_fastest_with_cublaslt():
    times = {"ours": 2.0, "cuBLASLt": 4.0, "cuBLASLt, then bias_activation.cu": 1.0, "slow": 8.0}
    rows = rows_of(Case(1000, 1000, 1000), dict.fromkeys(times, 1e-9), times)
    assert [row.candidate for row in rows] == ["cuBLASLt, then bias_activation.cu", "ours", "cuBLASLt", "slow"]
    assert rows[1] == Row("ours", 2.0, 1.0, 0.5, 0.5, 1e-9, True)
    assert rows_of(Case(1, 1, 1), {"ours": 0.0}, {"ours": 1.0})[0].of_cublaslt is None


def test_inputs_are_the_same_each_time():
    case = Case(5, 6, 7, "float16")
    one, other = drawn(case), drawn(case)
    assert all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)
    assert np.std(one["a"].astype("float64") @ one["b"].astype("float64").T) == pytest.approx(1, rel=0.5)


@pytest.mark.parametrize("size", ["4096", "1x2", "1x2x3x4", "1x0x3", "1x-2x3", "axbxc", ""])
def test_sizes_are_three_numbers(size):
    result = fusegrad("--backend", "cpu", "--size", size)
    assert isinstance(result.exception, ValueError)
    assert f"expects ROWSxINNERxCOLUMNS, such as 512x784x10, got {size!r}" in str(result.exception)


def test_a_cpu_multiplies_float32_alone():
    result = fusegrad("--backend", "cpu", "--size", SMALL, "--dtype", "float16")
    assert isinstance(result.exception, ValueError)
    assert "the backend cpu multiplies matrices of float32, got float16" in str(result.exception)


@pytest.mark.gpu
@pytest.mark.skipif(not availability.has_gpu(), reason="needs CuPy and an NVIDIA GPU")
@pytest.mark.parametrize("dtype", ["float32", "tf32", "bfloat16", "float16"])
def test_a_gpu_has_every_way_with_time_and_error(dtype):
    rows = entries("--backend", "cuda", "--size", "300x200x130", "--dtype", dtype, "--epilogue", "bias-gelu")
    times = [row["milliseconds"] for row in rows]
    assert times == sorted(times) and times[0] > 0
    assert max(row["of_fastest"] for row in rows) == 1
