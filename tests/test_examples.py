"""Every example runs, and ends where its text says."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

EXAMPLES = Path(__file__).parents[1] / "examples"
SEEDS = range(5)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Products this small gain nothing from a second thread and lose much while other tests use the cores."""
    with threadpool_limits(1):
        yield


def main_of(name: str) -> Callable[..., Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


def test_the_readme_lists_every_example():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    scripts = sorted(path.name for path in EXAMPLES.glob("*.py"))
    assert sorted(line.split("`")[1] for line in text.splitlines() if line.startswith("| `")) == scripts


def test_linear_regression_finds_the_line():
    for w, b in main_of("linear_regression")():
        assert w == pytest.approx(2, abs=1e-3)
        assert b == pytest.approx(0, abs=1e-3)


def test_gradient_descent_finds_what_least_squares_finds():
    found, exact, apart = main_of("gradient_descent")()
    np.testing.assert_allclose(found, exact, atol=1e-6)
    assert apart <= 1e-12


def test_the_perceptron_by_hand_learns_with_the_right_gradients():
    accuracy, apart = main_of("perceptron_by_hand")()
    assert accuracy >= 0.95
    assert apart <= 1e-12


@pytest.mark.parametrize("seed", SEEDS)
def test_eight_sigmoid_units_tell_two_moons_apart(seed):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra demo)")
    assert main_of("binary_classification")(seed) >= 0.97


@pytest.mark.parametrize("seed", SEEDS)
def test_iris_by_hand_tells_species_apart(seed):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra demo)")
    easy, hard, apart = main_of("iris_by_hand")(seed)
    assert easy >= 0.95
    assert hard >= 0.95
    assert apart <= 1e-12


def test_the_gradient_vanishes_in_sigmoids_only(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra demo)")
    picture = tmp_path / "norms.png"
    ratios = main_of("vanishing_gradients")(picture)
    assert ratios["sigmoid"] < 1e-8
    assert 0.05 < ratios["ReLU, He"] < 20
    assert 0.05 < ratios["residual"] < 20
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_race_is_found_at_its_line():
    assert main_of("find_a_race")()[0] == "module.cu:7"


def test_a_layer_of_ones_own_is_right_and_learns():
    error, before, after = main_of("own_layer")()
    assert error <= 1e-6
    assert after <= before / 20


def test_gates_find_the_channel_that_counts():
    error, without, with_gates = main_of("squeeze_and_excite")()
    assert error <= 1e-6
    assert without <= 0.75
    assert with_gates >= 0.98


def test_an_optimizer_of_ones_own_is_right_and_learns():
    apart, before, after = main_of("own_optimizer")()
    assert apart <= 1e-12
    assert after <= before / 20


def test_a_loss_of_ones_own_is_right_and_finds_the_line():
    error, by_squares, by_own = main_of("own_loss")()
    assert error <= 1e-6
    assert np.abs(np.subtract(by_own, (2, -1))).max() <= 0.1
    assert np.abs(np.subtract(by_squares, (2, -1))).max() >= 1


def test_the_training_loop_learns_digits():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra demo)")
    assert main_of("training_loop")() >= 0.96


def test_a_unet_finds_discs_among_squares(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra demo)")
    assert main_of("unet")(tmp_path / "found.png") >= 0.75
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")


def test_salient_pixels_are_those_that_matter(tmp_path):
    for package in ("matplotlib", "sklearn"):
        pytest.importorskip(package, reason=f"{package} is not installed (extra demo)")
    found = main_of("looking_inside")(tmp_path / "maps.png")
    assert found["as they are"] - found["without others"] <= 0.1 <= found["as they are"] - found["without salient"]
    assert (tmp_path / "maps.png").read_bytes().startswith(b"\x89PNG")


def test_the_generator_finds_both_rings():
    before, after, outer = main_of("gan_rings")()
    assert after <= 0.1 < before
    assert 0.1 <= outer <= 0.9


@pytest.mark.parametrize("name", ["gradient_descent", "iris_by_hand", "own_layer", "perceptron_by_hand"])
def test_an_example_runs_where_arrays_lie_on_a_device(name, monkeypatch):
    monkeypatch.setenv("FUSEGRAD_BACKEND", "emulated")
    main_of(name)()
