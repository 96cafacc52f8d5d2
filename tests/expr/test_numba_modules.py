"""Generated modules: written once, found by the next process, compiled to vector code."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fusegrad.expr import Function, erf, exp, function, modules, sqrt, tanh, where
from fusegrad.expr.loop import NUMBER, Loop, loop
from fusegrad.expr.modules import cache_folder, generated_module
from fusegrad.expr.node import argument
from fusegrad.expr.numba_text import numba_text

p, g, m, v, rate, x = (argument(name) for name in ("p", "g", "m", "v", "rate", "x"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "deep" / "cache"
    monkeypatch.setenv("FUSEGRAD_CACHE", str(folder))
    return folder


def own(text: str) -> str:
    """A text that no other test has loaded yet."""
    return f"number = 1\n# {os.urandom(8).hex()}\n{text}"


def test_a_module_is_written_once_under_its_hash(cache):
    text = own("loop = 2")
    first = generated_module(text)
    assert re.fullmatch(r"fusegrad_loop_[0-9a-f]{24}", first.__name__)
    assert [file.name for file in cache.glob("*.py")] == [f"{first.__name__}.py"]
    assert Path(first.__file__).read_text() == text
    assert (first.number, first.loop) == (1, 2)
    assert generated_module(text) is first
    assert generated_module(text + "\n") is not first


def test_another_process_reads_the_file_that_is_there(cache):
    text = own("")
    name = generated_module(text).__name__
    stamp = (cache / f"{name}.py").stat().st_mtime_ns
    del sys.modules[name]
    generated_module(text)
    assert (cache / f"{name}.py").stat().st_mtime_ns == stamp


def test_nothing_half_written_is_left(cache, monkeypatch):
    def no_space(*names: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(modules.os, "replace", no_space)
    with pytest.raises(OSError, match="no space left"):
        generated_module(own(""))
    assert list(cache.iterdir()) == []


def test_a_module_that_fails_is_not_kept():
    text = own("raise ValueError('from the text')")
    for _ in range(2):
        with pytest.raises(ValueError, match="from the text"):
            generated_module(text)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FUSEGRAD_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(OSError, match=r"file.below cannot be written \(.*\); set FUSEGRAD_CACHE to a folder that can"):
        generated_module(own(""))


def test_the_default_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("FUSEGRAD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "fusegrad"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "fusegrad"


RUN = """
import numpy as np
from fusegrad.expr import tanh
from fusegrad.expr.loop import loop
from fusegrad.expr.node import argument
from fusegrad.expr.numba_loop import bind_numba, compiled

x = argument("x")
work = loop("shared", {"y": tanh(x) * x})
arrays = {"x": np.full(100, 0.5, np.float32), "y": np.zeros(100, np.float32)}
bind_numba(work, arrays)()
np.testing.assert_allclose(arrays["y"], np.tanh(0.5) * 0.5, rtol=1e-6)
stats = compiled(work).stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def start() -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", RUN], env=environment, text=True, stdout=-1, stderr=-1)


def finish(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return out.strip()


def test_the_second_process_compiles_nothing(cache):
    pytest.importorskip("numba", reason="Numba is not installed")
    assert finish(start()) == "0 1"
    assert finish(start()) == "1 0"
    assert len(list(cache.glob("*.py"))) == 1


def test_two_processes_at_once(cache):
    pytest.importorskip("numba", reason="Numba is not installed")
    both = [start(), start()]
    assert {finish(process) for process in both} <= {"0 1", "1 0"}
    assert [file.suffix for file in cache.iterdir() if file.is_file()] == [".py"]
    assert finish(start()) == "1 0"


def slope(f: Function) -> Loop:
    return loop("backward", {"dx": argument("dy") * f.slope("x")})


GELU = function(lambda x: x * (0.5 * (1 + erf(x * math.sqrt(0.5)))))
MOMENT, SQUARES = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
VECTORISED = {
    "gelu": loop("gelu", {"y": GELU.output}),
    "gelu backward": slope(GELU),
    "elu": loop("elu", {"y": where(x > 0, x, exp(x) - 1)}),
    "power": loop("power", {"y": abs(x) ** 1.7}),
    "adam": loop("adam", {"m": MOMENT, "v": SQUARES, "p": p - rate * MOMENT / (sqrt(SQUARES) + 1e-8)}, rate=NUMBER),
    "swapped": loop("swapped", {"p": tanh(g), "g": tanh(p)}),
}


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads the assembly of x86")
@pytest.mark.parametrize("work", VECTORISED.values(), ids=VECTORISED)
def test_loops_are_vector_code(work):
    pytest.importorskip("numba", reason="Numba is not installed")
    compiled = generated_module(numba_text(work)).loop
    arrays = [np.ones(() if work.layout(name) == NUMBER else 64, np.float32) for name in work.names()]
    compiled(*arrays)
    (assembly,) = compiled.inspect_asm().values()
    packed = len(re.findall(r"\bv?(?:add|mul|div|fn?m(?:add|sub)\d*)ps\b", assembly))
    assert packed >= 4, "no arithmetic on whole vectors"
    assert not re.findall(r"call\w*\s+.*\b(?:expf?|tanhf?|powf?|erff?|logf?)\b", assembly), "calls the C library"
    assert not re.search(r"\bv?(?:add|mul|div)[sp]d\b", assembly), "computes in float64"


def test_the_text_brings_what_it_calls():
    text = numba_text(loop("all", {"y": tanh(x) + abs(x) ** 1.5}))
    assert "def tanh(x: np.float32)" in text
    assert text.index("def expm1_reduced") < text.index("def pow")
    assert "def sigmoid" not in text
    assert text.count("def tanh") == 1


def test_numbers_are_single_precision():
    text = numba_text(loop("numbers", {"y": where(x < 0.1, math.inf, where(x < 0.2, math.nan, -math.inf)) * 1e-3}))
    assert "np.float32(0.10000000149011612)" in text
    assert "np.float32(np.inf)" in text
    assert "np.float32(-np.inf)" in text
    assert "np.float32(np.nan)" in text
