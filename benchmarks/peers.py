"""A training step and an update of Adam beside the same in PyTorch and JAX, on the CPU and the same number of cores.

    python benchmarks/peers.py --threads 2 --repeats 30 --rows 'gelu|adam' --json peers.json

All run in one process, in turn.  A ratio is the peer's time by ours: above 1 the engine is faster.  The machine should
have nothing else to do: threads that spin while they wait for one another take 100 times as long when a core is shared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from datetime import date
from pathlib import Path

PACKAGES = ("fusegrad", "numpy", "numba", "torch", "jax", "jaxlib", "optax")
THREADS = (
    "OMP_NUM_THREADS",  # PyTorch, and what it compiles
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",  # NumPy
    "NUMBA_NUM_THREADS",
    "FUSEGRAD_THREADS",
    "NPROC",  # XLA
)
QUIET = 0.1  # cores


def limit(threads):
    """Leave this process `threads` cores.  To be called before any library is imported, since they count then."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if threads > len(cores):
            raise SystemExit(f"--threads {threads}: this process may use {len(cores)} cores")
        os.sched_setaffinity(0, cores[:threads])
    os.environ |= dict.fromkeys(THREADS, str(threads))
    os.environ |= {"JAX_PLATFORMS": "cpu", "TORCHINDUCTOR_COMPILE_THREADS": "1"}  # no helpers beside what is timed


def facts(threads, repeats):
    """Where and with what the times were measured."""
    from fusegrad.backend.doctor import distribution_version

    versions = {name: distribution_version(name) for name in PACKAGES}
    return {
        "date": date.today().isoformat(),
        "cpu": cpu(),
        "load": round(os.getloadavg()[0], 2),  # of the machine, just before
        "threads": threads,
        "repeats": repeats,
        "versions": {"python": platform.python_version(), **versions},
    }


def cpu(info=Path("/proc/cpuinfo")):
    names = re.findall(r"^model name\s*: (.*)$", info.read_text(), re.M) if info.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def header(peers):
    return f"{'':<36}{'':<16}{'microseconds':>26}" + "".join(f" {name:>21}" for name in [*peers, "fastest peer"])


def lines(row, times, ours, peers):
    """One line for each of ours: its time, and how many times as long the peers take; quartiles in brackets."""
    fastest = times.fastest(peers)
    for place, name in enumerate(ours):
        line = f"{'' if place else row!s:<36}{name:<16}"
        if name not in times.microseconds:
            yield f"{line}{'-':>26}"
            continue
        cells = [
            spread(times.ratio(peer, name), 2) if peer in times.microseconds else "-" for peer in [*peers, fastest]
        ]
        yield f"{line}{spread(times.quartiles(name), 1):>26}" + "".join(f" {cell:>21}" for cell in cells)


def spread(quartiles, digits):
    low, median, high = (f"{number:.{digits}f}" for number in quartiles)
    return f"{median} ({low} .. {high})"


def record(row, times, ours, peers):
    """What `--json` writes of a row."""
    there = [name for name in ours if name in times.microseconds]
    ratios = {name: {p: times.ratio(p, name).tolist() for p in peers if p in times.microseconds} for name in there}
    quartiles = {name: times.quartiles(name).tolist() for name in times.microseconds}
    known = {key: getattr(times, key) for key in ("microseconds", "calls", "missing", "others")}
    return {"row": str(row), "quartiles": quartiles, "ratios": ratios, "fastest": times.fastest(peers), **known}


def run(rows, ours, peers, repeats, out=sys.stdout):
    """Times all rows, prints each when it is done, then why some are not there; returns the records."""
    from peer_times import compare

    print(header(peers), file=out)
    records, reasons = [], {}
    for row in rows:
        times = compare(row, ours | peers, repeats)
        print(*lines(row, times, ours, peers), sep="\n", file=out, flush=True)
        if times.others and times.others > QUIET:
            print(
                f"  not comparable: other processes kept {times.others:.1f} cores busy meanwhile", file=out, flush=True
            )
        records.append(record(row, times, ours, peers))
        reasons |= dict.fromkeys(times.missing.items())
    for name, reason in reasons:
        print(f"- {name}: {reason}", file=out)
    return records


def arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2, help="cores for each library, default 2")
    parser.add_argument("--repeats", type=int, default=30, help="default 30")
    parser.add_argument(
        "--rows", default="", metavar="PATTERN", help="only rows in which this regular expression is found"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times, with versions and the machine")
    return parser.parse_args(words)


def main():
    args = arguments()
    limit(args.threads)
    from peer_rows import ROWS
    from peer_steps import OURS, PEERS

    told = facts(args.threads, args.repeats)
    versions = [f"{name} {version}" for name, version in told["versions"].items() if version]
    print(f"{told['cpu']}, threads: {args.threads}, load before: {told['load']}", *versions, sep=", ")
    records = run([row for row in ROWS if re.search(args.rows, str(row))], OURS, PEERS, args.repeats)
    if args.json:
        told |= {"evaluators": {name: contestant.evaluator for name, contestant in OURS.items()}, "rows": records}
        args.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
