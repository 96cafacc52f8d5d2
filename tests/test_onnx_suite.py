"""The conformance suite of ONNX: the tests that `onnx_suite/included.txt` lists, on the CPU and on the emulated GPU."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest
from onnx_suite import lists

INCLUDED, LEFT_OUT, NOT_EMULATED = "included.txt", "left_out.txt", "not_emulated.txt"


def installed_release() -> str:
    try:
        return version("onnx")
    except PackageNotFoundError:
        return "none"


pytestmark = pytest.mark.skipif(
    installed_release() != lists.RELEASE, reason=f"needs ONNX {lists.RELEASE}, of the extra `dev`"
)


@pytest.fixture(scope="module")
def suite():
    """All tests of ONNX, which are made in seconds."""
    from onnx_suite.cases import Suite

    return Suite()


@pytest.fixture(scope="module")
def operators() -> dict[str, str]:
    from onnx_suite.cases import installed

    return dict(installed())


@pytest.fixture
def onnx_home(tmp_path, monkeypatch):
    """Where ONNX writes the inputs of whole networks, instead of the home of who runs this."""
    monkeypatch.setenv("ONNX_HOME", str(tmp_path))


@pytest.mark.parametrize("name", lists.names(INCLUDED))
def test_on_the_cpu(name, suite, onnx_home):
    suite.run(name, "cpu")


@pytest.mark.parametrize("name", sorted(set(lists.names(INCLUDED)) - set(lists.names(NOT_EMULATED))))
def test_on_the_emulated_gpu(name, suite, onnx_home):
    suite.run(name, "cuda")


def test_an_operator_that_computes_something_else_is_found(suite, monkeypatch):
    from onnx_suite.node import OPERATORS

    monkeypatch.setitem(OPERATORS, "Relu", lambda m, node, x: x)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        suite.run("test_relu", "cpu")


def test_every_test_of_onnx_is_in_exactly_one_list(operators):
    listed = Counter([*lists.names(INCLUDED), *lists.names(LEFT_OUT)])
    assert [name for name, count in listed.items() if count > 1] == []
    assert set(listed) == set(operators)


def test_what_is_included_is_sorted_and_counted(operators):
    included = lists.names(INCLUDED)
    assert included == sorted(included)
    assert lists.counts(INCLUDED) == Counter(operators[name] for name in included)


@pytest.mark.parametrize("file", [LEFT_OUT, NOT_EMULATED])
def test_what_is_not_run_has_a_reason_for_its_operator(file, operators):
    for group in lists.groups(file):
        assert group.reason
        assert group.count == len(group.names)
        assert {operators[name] for name in group.names} == {group.title}


def test_what_is_not_emulated_is_included():
    assert set(lists.names(NOT_EMULATED)) <= set(lists.names(INCLUDED))


def test_one_node_runs_by_itself():
    from onnx.helper import make_node
    from onnx_suite.backend import FusegradBackend

    (y,) = FusegradBackend.run_node(make_node("LeakyRelu", ["x"], ["y"], alpha=0.5), [np.array([-1, 2], "float32")])
    assert y.tolist() == [-0.5, 2]


def test_a_line_of_a_list_that_is_neither_a_heading_nor_a_test_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lists, "FOLDER", tmp_path)
    (tmp_path / INCLUDED).write_text("# Relu 1\ntest_relu*\n")
    with pytest.raises(ValueError, match=r'included.txt: "test_relu\*" is neither'):
        lists.groups(INCLUDED)
