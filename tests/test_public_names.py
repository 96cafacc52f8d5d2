"""The public names are a contract: listed, there, and documented."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

import fusegrad as fg

PACKAGES = [
    "fusegrad",
    *(f"fusegrad.{name}" for name in ("expr", "graph", "layers", "losses", "optimizers", "ops", "training")),
]

EXPECTED = """
Arrays GradientError GraphError Input Layer Model Module Param ParamArena Program Scalar Sequential Spec Trainer Value
callbacks check_gradients data doctor expr initializers layers losses mean metrics ops optimizers random require
schedules select stop_gradient sum to_numpy using
"""


def test_the_face_is_what_it_was():
    assert fg.__all__ == EXPECTED.split()


@pytest.mark.parametrize("name", PACKAGES)
def test_listed_names_are_there(name):
    package = importlib.import_module(name)
    assert len(package.__all__) == len(set(package.__all__)) > 0
    assert all(hasattr(package, item) for item in package.__all__)


@pytest.mark.parametrize("name", PACKAGES)
def test_public_things_have_docstrings(name):
    package = importlib.import_module(name)
    things = [getattr(package, item) for item in package.__all__]
    bare = [thing for thing in things if inspect.isclass(thing) or inspect.isroutine(thing)]
    assert [thing for thing in bare if not inspect.getdoc(thing)] == []


def test_names_of_the_field():
    names = {
        fg.layers: "Add CELU Concat Dropout ELU Elementwise Flatten GELU HardSigmoid HardSwish HardTanh Identity "
        "LeakyReLU Linear LogSigmoid Mish PReLU ReLU ReLU6 Reshape SELU Sequential SiLU Sigmoid Softplus Softsign "
        "Squareplus Swish Tanh",
        fg.expr: "clip erf erfc exp explain expm1 function log log1p maximum minimum sigmoid sign softplus sqrt tanh "
        "where",
        fg.losses: "BCEWithLogits CrossEntropy Focal Hinge Huber LogCosh MAE MSE MeanLoss Poisson Quantile SmoothL1 "
        "SquaredHinge",
        fg.optimizers: "Adadelta Adagrad Adam AdamW Adamax AMSGrad LAMB Lion NAdam RAdam RMSprop SGD",
        fg.schedules: "constant cosine cosine_restarts exponential inverse_time multi_step one_cycle polynomial step "
        "warmup",
        fg.initializers: "constant he_normal he_uniform lecun_normal lecun_uniform normal ones orthogonal "
        "truncated_normal uniform xavier_normal xavier_uniform zeros",
        fg.metrics: "Accuracy MAE R2 TopK",
        fg.callbacks: "Callback Checkpoint EarlyStopping ReduceLROnPlateau",
    }
    missing = [name for module, listed in names.items() for name in listed.split() if not hasattr(module, name)]
    assert missing == []
    assert callable(fg.data.batches)
    assert callable(fg.random.normal)


def test_importing_brings_nothing_heavy():
    """What takes long to import waits until it is used."""
    heavy = {"numba", "typer", "rich", "sklearn", "matplotlib", "cupy", "threadpoolctl"}
    code = f"import sys, fusegrad; print({heavy} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_name_that_is_nearly_there_is_suggested():
    with pytest.raises(AttributeError, match=r"module 'fusegrad.layers' has no attribute 'BatchNorm2d'; .*BatchNorm"):
        fg.layers.BatchNorm2d  # noqa: B018
    with pytest.raises(AttributeError, match=r"module 'fusegrad.training.data' has no attribute 'batch'; .*batches"):
        fg.data.batch  # noqa: B018
    with pytest.raises(AttributeError, match=r"module 'fusegrad.ops' has no attribute 'qqq'$"):
        fg.ops.qqq  # noqa: B018
