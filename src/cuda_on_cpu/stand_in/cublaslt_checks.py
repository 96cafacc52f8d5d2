"""What cuBLASLt refuses, from NVIDIA's documentation of cublasLtMatmul and of the attributes of its descriptors.

Where that leaves a case open the double refuses it, so that nobody comes to rely on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from cuda_on_cpu.stand_in.cublaslt_names import ComputeType, Epilogue, Status, cuBLASLtError

LEADING = {"GELU": 8, "RELU": 128}  # what the leading dimension of aux is a multiple of; for a mask in bits
AUX_BYTES = 16  # at whose multiples aux begins

# Types of A and B, of C and D, by the arithmetic between them.
HALF = [(half, d) for half in ("float16", "bfloat16") for d in (half, "float32")]
SUPPORTED: dict[tuple[int, str], list[tuple[str, str]]] = {
    (ComputeType.COMPUTE_32F, "float32"): [*HALF, ("float32", "float32")],
    (ComputeType.COMPUTE_32F_FAST_TF32, "float32"): [("float32", "float32")],
    (ComputeType.COMPUTE_64F, "float64"): [("float64", "float64")],
}


@dataclass(frozen=True)
class Layout:
    """A matrix by columns: `count` of them, `step` elements apart; `row_order` is another order than by columns."""

    dtype: str
    rows: int
    columns: int
    leading: int
    count: int
    step: int
    row_order: bool


@dataclass(frozen=True)
class Problem:
    """A call of cublasLtMatmul but for the addresses of its matrices; the types of bias and aux are D's where None."""

    compute: int
    scale: str
    transposed: tuple[int, int]
    epilogue: int
    bias: int
    bias_dtype: str | None
    aux: int
    aux_leading: int
    aux_dtype: str | None
    a: Layout
    b: Layout
    c: Layout
    d: Layout

    @property
    def name(self) -> str:
        """Of the epilogue."""
        return Epilogue(self.epilogue).name

    @property
    def inner(self) -> int:
        return self.a.rows if self.transposed[0] else self.a.columns

    @property
    def layouts(self) -> dict[str, Layout]:
        return {"A": self.a, "B": self.b, "C": self.c, "D": self.d}

    @property
    def uses_bias(self) -> bool:
        return "BIAS" in self.name or "BGRAD" in self.name

    @property
    def writes_aux(self) -> bool:
        return "AUX" in self.name

    @property
    def reads_aux(self) -> bool:
        return self.name.startswith(("DRELU", "DGELU"))


def check(problem: Problem) -> None:
    """cuBLASLtError where the library would not run the problem."""
    check_shapes(problem)
    for name, layout in problem.layouts.items():
        check_layout(name, layout, problem.d.count)
    check_types(problem)
    check_epilogue(problem)


def check_shapes(problem: Problem) -> None:
    turned = problem.transposed
    require(set(turned) <= {0, 1}, Status.NOT_SUPPORTED, f"transposition {turned} of A and B")
    a, b = (sizes(matrix, turn) for matrix, turn in zip((problem.a, problem.b), turned, strict=True))
    d = problem.d.rows, problem.d.columns
    fits = a[1] == b[0] and d == (a[0], b[1]) and (problem.c.rows, problem.c.columns) == d
    require(fits, Status.INVALID_VALUE, f"op(A) {a} times op(B) {b} into D {d}")


def sizes(matrix: Layout, transposed: int) -> tuple[int, int]:
    return (matrix.columns, matrix.rows) if transposed else (matrix.rows, matrix.columns)


def check_layout(name: str, layout: Layout, count: int) -> None:
    require(not layout.row_order, Status.NOT_SUPPORTED, f"the double knows {name} by columns only")
    found = f"{name} is {layout.rows} x {layout.columns}, leading dimension {layout.leading}"
    require(min(layout.rows, layout.columns) > 0, Status.INVALID_VALUE, found)
    require(layout.leading >= layout.rows, Status.INVALID_VALUE, found)
    require(layout.count == count, Status.INVALID_VALUE, f"{name} has a batch of {layout.count}, D of {count}")
    apart = name != "D" or count == 1 or layout.step > 0
    require(apart, Status.INVALID_VALUE, f"the {count} matrices of D lie {layout.step} elements apart")


def check_types(problem: Problem) -> None:
    a, b, c, d = (layout.dtype for layout in problem.layouts.values())
    allowed = SUPPORTED.get((problem.compute, problem.scale), [])
    found = f"A {a}, B {b}, C {c}, D {d}, compute type {problem.compute}, scale {problem.scale}"
    require(a == b and c == d and (a, d) in allowed, Status.NOT_SUPPORTED, found)


def check_epilogue(problem: Problem) -> None:
    require(problem.epilogue in list(Epilogue), Status.INVALID_VALUE, f"epilogue {problem.epilogue}")
    plain = problem.epilogue == Epilogue.DEFAULT
    require(plain or problem.d.dtype != "float64", Status.NOT_SUPPORTED, f"{problem.name} of float64")
    backward = problem.reads_aux or "BGRAD" in problem.name
    require(not backward or problem.d.count == 1, Status.NOT_SUPPORTED, f"{problem.name} of {problem.d.count} matrices")
    if problem.uses_bias:
        check_bias(problem)
    if problem.writes_aux or problem.reads_aux:
        check_aux(problem)


def check_bias(problem: Problem) -> None:
    require(problem.bias != 0, Status.INVALID_VALUE, f"{problem.name} without a bias pointer")
    same = problem.bias_dtype in (None, problem.d.dtype)
    require(same, Status.NOT_SUPPORTED, f"{problem.name} with {problem.bias_dtype} beside D of {problem.d.dtype}")


def check_aux(problem: Problem) -> None:
    mask = "RELU" in problem.name
    name, leading = problem.name, problem.aux_leading
    multiple = LEADING["RELU" if mask else "GELU"]
    require(problem.aux != 0, Status.INVALID_VALUE, f"{name} without an aux pointer")
    require(problem.aux % AUX_BYTES == 0, Status.INVALID_VALUE, f"aux of {name} at {problem.aux}, not at 16 bytes")
    fits = leading >= problem.d.rows and leading % multiple == 0
    wanted = f"a multiple of {multiple} from {problem.d.rows} on"
    require(fits, Status.INVALID_VALUE, f"leading dimension {leading} of aux of {name}, not {wanted}")
    same = problem.aux_dtype in (None, problem.d.dtype) and not (mask and problem.aux_dtype)
    require(same, Status.NOT_SUPPORTED, f"aux of {problem.aux_dtype} for {name}")
    require(problem.d.count == 1, Status.NOT_SUPPORTED, f"the double knows aux of one matrix, not {problem.d.count}")
    alone = problem.reads_aux and problem.inner == 1
    require(not alone, Status.NOT_SUPPORTED, f"{name} with an inner axis of 1")


def require(holds: bool, status: Status, reason: str) -> None:
    if not holds:
        raise cuBLASLtError(status, reason)
