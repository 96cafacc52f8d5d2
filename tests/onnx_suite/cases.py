"""The tests of the installed release of ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from onnx.backend.test import BackendTest
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

from onnx_suite.backend import FusegradBackend

MODELS = ("simple", "pytorch-converted", "pytorch-operator", "real")


def installed() -> Iterator[tuple[str, str]]:
    """Every test of the installed release, with the operator that it tests, or the kind of model."""
    with warnings.catch_warnings(action="ignore"):  # what makes the tests divides by zero
        nodes = load_model_tests(kind="node")
    for case in nodes:
        yield case.name, operator_of(case)
    for kind in MODELS:
        for case in load_model_tests(kind=kind):
            yield case.name, kind


def operator_of(case: TestCase) -> str:
    """The operator of a node, or "expanded" for the test that computes the same by the parts of an operator."""
    assert case.model is not None
    return "expanded" if "_expanded" in case.name else case.model.graph.node[0].op_type


class Suite:
    """The tests by name and device, as ONNX makes them for our backend."""

    def __init__(self) -> None:
        with warnings.catch_warnings(action="ignore"):
            classes = BackendTest(FusegradBackend).test_cases.values()
        self.owners = {name: owner for owner in classes for name in vars(owner) if name.startswith("test_")}

    def run(self, name: str, device: str) -> None:
        """Run a test, which raises where it fails."""
        self.owners[f"{name}_{device}"](f"{name}_{device}").debug()
