"""The double of `nvmath.bindings.cublasLt`: its functions on memory of a stand-in, computed by NumPy.

Only what a product needs is there: names, numbers and the order of arguments are those of the binding.  Results differ
from a GPU's in the order of sums, and of algorithms there is one.
"""

from __future__ import annotations

import ctypes
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from cuda_on_cpu.stand_in import cublaslt_names as names
from cuda_on_cpu.stand_in.cublaslt_checks import Layout, Problem, check, require
from cuda_on_cpu.stand_in.cublaslt_names import MatmulDescAttribute as Desc
from cuda_on_cpu.stand_in.cublaslt_names import MatmulPreferenceAttribute as Preference
from cuda_on_cpu.stand_in.cublaslt_names import MatrixLayoutAttribute as Of
from cuda_on_cpu.stand_in.cublaslt_names import Status
from cuda_on_cpu.stand_in.cublaslt_objects import Objects
from cuda_on_cpu.stand_in.cublaslt_views import launch

VERSION = 120903  # of cuBLASLt in NVIDIA's packages for CUDA 12.9
MARK = 0x6C627563  # the first word of an algorithm; then its number, its workspace, and alignments of A, B, C and D
SAME = -1  # the type of D, where a type is not set
WORKSPACE = 1 << 16  # bytes that an algorithm asks for, so that one that is too small is found

_doubles: WeakKeyDictionary[Any, CublasLt] = WeakKeyDictionary()


def double(stand_in: Any) -> CublasLt:
    """The double for a stand-in, the same each time."""
    return _doubles.setdefault(stand_in, CublasLt(stand_in))


class CublasLt:
    """The functions of the binding.  `proposals` is how many algorithms it knows, all of them the same."""

    Epilogue, ReductionScheme = names.Epilogue, names.ReductionScheme
    MatmulDescAttribute, MatrixLayoutAttribute = names.MatmulDescAttribute, names.MatrixLayoutAttribute
    MatmulPreferenceAttribute = names.MatmulPreferenceAttribute
    matmul_algo_dtype = names.matmul_algo_dtype
    matmul_heuristic_result_dtype = names.matmul_heuristic_result_dtype
    cuBLASLtError = names.cuBLASLtError

    def __init__(self, stand_in: Any) -> None:
        self._stand_in = ref(stand_in)  # which may go while something here is still bound
        self.proposals = 1
        self.handles, self.preferences = Objects({}), Objects(names.PREFERENCE)
        self.descriptors, self.layouts = Objects(names.DESC), Objects(names.LAYOUT)
        for kind, objects in (
            ("matmul_desc", self.descriptors),
            ("matrix_layout", self.layouts),
            ("matmul_preference", self.preferences),
        ):
            setattr(self, f"{kind}_destroy", objects.destroy)
            setattr(self, f"{kind}_set_attribute", objects.set)
            setattr(self, f"{kind}_get_attribute", objects.get)
            setattr(self, f"get_{kind}_attribute_dtype", objects.dtype_of)

    def get_version(self) -> int:
        return VERSION

    def create(self) -> int:
        return self.handles.create({})

    def destroy(self, light_handle: int) -> None:
        """As in the library, a wait for the device, which is the end of a capture."""
        self.handles.destroy(light_handle)
        if stand_in := self._stand_in():
            stand_in.refuse_wait_for_device("cublasLtDestroy", stand_in.cuda.runtime.getDevice())

    def matmul_desc_create(self, compute_type: int, scale_type: int) -> int:
        return self.descriptors.create({Desc.COMPUTE_TYPE: compute_type, Desc.SCALE_TYPE: scale_type})

    def matrix_layout_create(self, type: int, rows: int, cols: int, ld: int) -> int:
        return self.layouts.create({Of.TYPE: type, Of.ROWS: rows, Of.COLS: cols, Of.LD: ld})

    def matmul_preference_create(self) -> int:
        return self.preferences.create({})

    def matmul_algo_get_heuristic(
        self,
        light_handle: int,
        operation_desc: int,
        adesc: int,
        bdesc: int,
        cdesc: int,
        ddesc: int,
        preference: int,
        requested_algo_count: int,
        heuristic_results_array: int,
        return_algo_count: int,
    ) -> None:
        """As the library from CUDA 13.3 on, it refuses to be asked while a stream captures."""
        self.require_handle(light_handle)
        require(requested_algo_count > 0, Status.INVALID_VALUE, f"{requested_algo_count} algorithms requested")
        captures = self.stand_in.cuda.get_current_stream().is_capturing()
        require(not captures, Status.NOT_SUPPORTED, "the heuristic was asked while a stream captures")
        check(self.problem(operation_desc, adesc, bdesc, cdesc, ddesc))
        wanted = self.preferences.content(preference)
        enough = wanted[Preference.MAX_WORKSPACE_BYTES] >= WORKSPACE
        found = min(requested_algo_count, self.proposals) if enough else 0
        results = np.zeros(found, names.matmul_heuristic_result_dtype)
        for number, result in enumerate(results):
            alignments = [wanted[Preference[f"MIN_ALIGNMENT_{name}_BYTES"]] for name in "ABCD"]
            result["algo"]["data_"] = [MARK, number, WORKSPACE, *alignments, 0]
            result["workspace_size"] = WORKSPACE
        ctypes.memmove(heuristic_results_array, results.ctypes.data, results.nbytes)
        ctypes.memmove(return_algo_count, np.array([found], np.int32).ctypes.data, 4)

    def matmul_algo_check(
        self,
        light_handle: int,
        operation_desc: int,
        adesc: int,
        bdesc: int,
        cdesc: int,
        ddesc: int,
        algo: int,
        result: int,
    ) -> None:
        self.require_handle(light_handle)
        check(self.problem(operation_desc, adesc, bdesc, cdesc, ddesc))
        found = np.zeros(1, names.matmul_heuristic_result_dtype)
        found["workspace_size"] = words_of(algo)[2]
        ctypes.memmove(result, found.ctypes.data, found.nbytes)

    def matmul(
        self,
        light_handle: int,
        compute_desc: int,
        alpha: int,
        a: int,
        adesc: int,
        b: int,
        bdesc: int,
        beta: int,
        c: int,
        cdesc: int,
        d: int,
        ddesc: int,
        algo: int,
        workspace: int,
        workspace_size_in_bytes: int,
        stream: int,
    ) -> None:
        """Run the product or, where the stream captures, record it, with alpha and beta by value as in CUDA."""
        self.require_handle(light_handle)
        problem = self.problem(compute_desc, adesc, bdesc, cdesc, ddesc)
        check(problem)
        needed, *alignments = words_of(algo)[2:7]
        space = f"{workspace_size_in_bytes} bytes of workspace, the algorithm needs {needed}"
        require(workspace_size_in_bytes >= needed and workspace != 0, Status.INVALID_VALUE, space)
        addresses = dict(zip("ABCD", (a, b, c, d), strict=True))
        for (name, address), wanted in zip(addresses.items(), alignments, strict=True):
            aligned = address != 0 and address % wanted == 0
            require(aligned, Status.INVALID_VALUE, f"{name} at {address}, the algorithm was chosen for {wanted} bytes")
        scales = number_at(alpha, problem.scale), number_at(beta, problem.scale)
        launch(self.stand_in, problem, scales, addresses, (workspace, needed), stream)

    @property
    def stand_in(self) -> Any:
        found = self._stand_in()
        assert found is not None, "a stand-in lives as long as its arrays"
        return found

    def require_handle(self, handle: int) -> None:
        require(handle in self.handles.alive, Status.NOT_INITIALIZED, f"{handle} is no handle of the library")

    def problem(self, operation_desc: int, *layouts: int) -> Problem:
        of = self.descriptors.content(operation_desc)
        require(of[Desc.POINTER_MODE] == 0, Status.NOT_SUPPORTED, "the double reads alpha and beta from the host only")
        bias, aux = of[Desc.BIAS_DATA_TYPE], of[Desc.EPILOGUE_AUX_DATA_TYPE]
        return Problem(
            of[Desc.COMPUTE_TYPE],
            names.dtype_name(of[Desc.SCALE_TYPE]),
            (of[Desc.TRANSA], of[Desc.TRANSB]),
            of[Desc.EPILOGUE],
            of[Desc.BIAS_POINTER],
            None if bias == SAME else names.dtype_name(bias),
            of[Desc.EPILOGUE_AUX_POINTER],
            of[Desc.EPILOGUE_AUX_LD],
            None if aux == SAME else names.dtype_name(aux),
            *(self.layout(handle) for handle in layouts),
        )

    def layout(self, handle: int) -> Layout:
        of = self.layouts.content(handle)
        sizes = of[Of.ROWS], of[Of.COLS], of[Of.LD], of[Of.BATCH_COUNT], of[Of.STRIDED_BATCH_OFFSET]
        return Layout(names.dtype_name(of[Of.TYPE]), *sizes, of[Of.ORDER] != 0)


def number_at(address: int, dtype: str) -> float:
    kind = np.dtype(dtype)
    return float(np.frombuffer(ctypes.string_at(address, kind.itemsize), kind)[0])


def words_of(algo: int) -> list[int]:
    """The words of an algorithm at an address; cuBLASLtError unless the double made it."""
    words = np.frombuffer(ctypes.string_at(algo, names.matmul_algo_dtype.itemsize), np.uint64).tolist()
    require(words[0] == MARK, Status.INVALID_VALUE, "an algorithm that the library did not propose")
    return [int(word) for word in words]
