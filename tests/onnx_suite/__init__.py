"""The conformance suite of ONNX, `onnx.backend.test`, run on the ops of this library.

`backend.py` is a backend as ONNX defines one: it interprets a graph node by node, every node by the function that
`operators.py` finds under its name.  Those functions lie in files by family; each translates attributes and inputs, of
all versions of an operator that occur in the suite, to ops, expressions, losses or optimizers of the library, and
computes nothing itself but shapes, indices and other integers.  `machine.py` is what they compute with: arrays of one
backend, NumPy's on a CPU, those of the emulated GPU else.

`included.txt` lists the tests that run, on the CPU all of them; `left_out.txt` all others, under an operator and the
reason for it; `not_emulated.txt` the included ones that do not run on the emulated GPU, likewise.  Nothing is chosen by
a pattern: tests/test_onnx_suite.py checks that every test of the installed release of ONNX stands in exactly one list.
"""
