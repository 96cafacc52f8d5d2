"""The house keeps its floors: what each package imports is read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "fusegrad"
EMULATOR = PACKAGE.parent / "cuda_on_cpu"
LONGEST_FILE = 300
TOP = "fusegrad"

# A package or module imports itself and what lies on lower floors, never a neighbour on its own floor.
FLOORS = {
    "errors": 0,
    "kernels": 0,
    "imports": 1,
    "expr": 1,
    "backend": 1,
    "ops": 2,
    "initializers": 2,
    "schedules": 2,
    "graph": 3,
    "layers": 4,
    "losses": 4,
    "optimizers": 4,
    "random": 4,
    "metrics": 5,
    "training": 5,
    TOP: 6,  # the public names of `import fusegrad`
    "cli": 7,
    "__main__": 8,
}
NEIGHBOURS = {("training", "metrics"), ("backend", "expr")}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Import(NamedTuple):
    target: str
    line: int
    in_function: bool


def imports(file: Path, package: Path) -> Iterator[Import]:
    """Absolute dotted names of all that a file imports, wherever the statement stands."""
    folder = (package.name, *file.relative_to(package).parent.parts)

    def targets(node: ast.AST) -> list[str]:
        match node:
            case ast.Import():
                return [alias.name for alias in node.names]
            case ast.ImportFrom():
                base = folder[: len(folder) + 1 - node.level] if node.level else ()
                origin = [*base, node.module] if node.module else base
                return [".".join([*origin, alias.name]) for alias in node.names]
            case ast.Call(func=ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module")):
                return [name.value for name in node.args[:1] if isinstance(name, ast.Constant)]
        return []

    def walk(node: ast.AST, in_function: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            yield from (Import(target, child.lineno, in_function) for target in targets(child))
            yield from walk(child, in_function or isinstance(child, FUNCTIONS))

    return walk(ast.parse(file.read_text(encoding="utf-8")), False)


def component(dotted: str) -> str:
    """The part of the house that `fusegrad.graph.plan` or `fusegrad.Trainer` belongs to."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else TOP


def import_faults(file: Path, package: Path) -> Iterator[str]:
    where = file.relative_to(package)
    importer = Path(where.parts[0]).stem
    if importer not in FLOORS:
        yield f"{where}: {importer} has no floor"
        return
    for target, line, in_function in imports(file, package):
        root = target.split(".")[0]
        if root.startswith(("cupy", EMULATOR.name)) and not (importer == "backend" and in_function):
            yield f"{where}:{line}: {target} is imported only in functions of backend"
        if root == package.name:
            imported = component(target)
            below = FLOORS[imported] < FLOORS[importer] or (importer, imported) in NEIGHBOURS
            if imported != importer and not below:
                yield f"{where}:{line}: {importer} imports {imported}"


def faults(package: Path) -> list[str]:
    """One line for every breach of the rules in a package; its own `__init__.py` may import what it likes."""
    found = []
    for file in sorted(package.rglob("*.py")):
        where = file.relative_to(package)
        if file.name == "utils.py":
            found.append(f"{where}: say what it holds")
        if (length := len(file.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE:
            found.append(f"{where}: {length} lines")
        if where != Path("__init__.py"):
            found += import_faults(file, package)
    return found


def test_the_package_keeps_the_rules():
    assert faults(PACKAGE) == []


def test_the_emulator_knows_nothing_of_the_library():
    files = sorted(EMULATOR.rglob("*.py"))
    assert files
    assert [file for file in files for target, *_ in imports(file, EMULATOR) if target.split(".")[0] == TOP] == []
    assert [file for file in files if len(file.read_text(encoding="utf-8").splitlines()) > LONGEST_FILE] == []


FAULTY = [
    ("ops/a.py", "from fusegrad.graph import plan", "ops/a.py:1: ops imports graph"),
    ("ops/a.py", "from ..graph.plan import Plan", "ops/a.py:1: ops imports graph"),
    ("ops/a.py", "from .. import graph", "ops/a.py:1: ops imports graph"),
    ("ops/deep/a.py", "from ...layers import Linear", "ops/deep/a.py:1: ops imports layers"),
    ("errors.py", "from . import backend", "errors.py:1: errors imports backend"),
    ("graph/__init__.py", "from ..training import fit", "graph/__init__.py:1: graph imports training"),
    ("layers/a.py", "import numpy\nimport fusegrad.losses.mse", "layers/a.py:2: layers imports losses"),
    ("layers/a.py", "from fusegrad import losses", "layers/a.py:1: layers imports losses"),
    ("layers/a.py", "from fusegrad import Trainer", "layers/a.py:1: layers imports fusegrad"),
    ("layers/a.py", "import fusegrad as fg", "layers/a.py:1: layers imports fusegrad"),
    ("metrics.py", "def f():\n    from fusegrad.training import fit", "metrics.py:2: metrics imports training"),
    ("graph/a.py", "if TYPE_CHECKING:\n    from fusegrad.layers import Linear", "graph/a.py:2: graph imports layers"),
    ("ops/a.py", "def f():\n    import cupy", "ops/a.py:2: cupy is imported only in functions of backend"),
    ("backend/a.py", "import cupy as cp", "backend/a.py:1: cupy is imported only in functions of backend"),
    ("backend/a.py", "from cupyx import jit", "backend/a.py:1: cupyx.jit is imported only in functions of backend"),
    ("ops/a.py", "f = lambda: import_module('cupy')", "ops/a.py:1: cupy is imported only in functions of backend"),
    ("backend/a.py", "import cuda_on_cpu", "backend/a.py:1: cuda_on_cpu is imported only in functions of backend"),
    ("attic/a.py", "import numpy", "attic/a.py: attic has no floor"),
    ("ops/utils.py", "", "ops/utils.py: say what it holds"),
    ("ops/a.py", "\n" * (LONGEST_FILE + 1), "ops/a.py: 301 lines"),
]

SOUND = [
    ("__init__.py", "from fusegrad.cli import main"),
    ("graph/a.py", "from .. import errors\nfrom . import b\nfrom ..ops.linear import forward\nimport numpy as np"),
    ("training/a.py", "from fusegrad import metrics, optimizers"),
    ("cli/a.py", "import fusegrad as fg"),
    ("backend/a.py", "def load():\n    import cupy\n    return importlib.import_module('cupy.cuda')"),
    ("ops/a.py", "\n" * LONGEST_FILE),
]


def planted(tmp_path: Path, name: str, source: str) -> Path:
    package = tmp_path / TOP
    file = package / name
    file.parent.mkdir(parents=True)
    file.write_text(source, encoding="utf-8")
    return package


@pytest.mark.parametrize(("name", "source", "fault"), FAULTY)
def test_a_planted_fault_is_found(tmp_path, name, source, fault):
    assert faults(planted(tmp_path, name, source)) == [fault]


@pytest.mark.parametrize(("name", "source"), SOUND)
def test_sound_imports_pass(tmp_path, name, source):
    assert faults(planted(tmp_path, name, source)) == []
