"""Every kernel on the GPU of this machine: is it right, how fast is it, and how fast are others?  `make gpu`.

It asks for no installation: CuPy, NumPy and what fusegrad itself needs are enough; PyTorch and JAX take part where they
are there.  Work is done by child processes, since a kernel that goes astray takes its process with it; the next child
goes on after it.  Every result is printed as it comes, and written to benchmarks/results/<device>-<date>.json; sections
that are run again replace what they found before.

    python benchmarks/gpu.py [section or group ...]     see on_gpu/plan.py; without words all
    FUSEGRAD_BACKEND=emulated python benchmarks/gpu.py [...]    rehearses it without a GPU, in some minutes
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from threading import Lock
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parent))

from on_gpu import plan, summary

HERE = Path(__file__).parent
CHILD = HERE / "gpu_items.py"
SECONDS = 8.5 * 60  # for everything
PATIENCE = 90.0  # seconds for one item, compiling included
MOST_LOST = 5  # items in turn that ended their process, before a section is given up


def main(words: Sequence[str] = ()) -> int:
    sections = plan.sections_of(list(words))
    rehearsed = os.environ.get("FUSEGRAD_BACKEND") == "emulated"
    facts = presence()
    if "missing" in facts:
        print(f"no kernel can run here: {facts['missing']}", file=sys.stderr)
        return 1
    results = Results(Path(gettempdir()) if rehearsed else HERE / "results", facts["device"], sections)
    begin, ends = time.monotonic(), plan.ends_of(sections)
    for group in plan.together(sections):
        shares = [(section, part) for section in group for part in range(plan.parts_of(section))]
        with ThreadPoolExecutor(len(shares)) as threads:
            jobs = [threads.submit(results.follow, *share, begin + SECONDS * ends[share[0]]) for share in shares]
        for job in jobs:
            job.result()
    results.conclude()
    return 1 if results.failures else 0


def presence() -> dict[str, Any]:
    """The facts of the machine, or as "missing" what a child says that cannot even name it."""
    command = [sys.executable, str(CHILD), "presence", "0"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return {"missing": f"no answer within {PATIENCE:g} seconds"}
    found = {"failed": (result.stderr.strip().splitlines() or ["it ended without a word"])[-1]}
    if not result.returncode:
        found = json.loads(result.stdout)
    return {"missing": found["failed"]} if "failed" in found else found


def items(section: str, stop: float, part: int = 0) -> Iterator[dict[str, Any]]:
    """What the items of a section, or of a part of it, found; a child that dies is one item that failed."""
    done = lost = 0
    while True:
        begun = done
        with TemporaryFile() as errors:
            child = started(plan.command(section, CHILD, done, part, plan.parts_of(section)), errors)
            for item in lines(child, stop, PATIENCE * plan.patience(section)):
                done += 1
                yield item
            end(child)
            said = last_words(errors)
        if child.returncode == 0:
            return
        if time.monotonic() > stop:
            yield {"name": f"after {done} items", "failed": "no time was left"}
            return
        yield {"name": f"item {done}", "failed": f"the process ended: {said}"}
        done += 1
        lost = lost + 1 if done == begun + 1 else 0
        if lost == MOST_LOST:
            yield {"name": f"after {done} items", "failed": f"{lost} processes in turn found nothing"}
            return


def started(command: list[str], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """A child in a session of its own, so that what it starts, such as compilers, can be ended with it.

    What it says of errors goes to a file: a pipe that nobody reads would stop it when it is full.
    """
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, bufsize=0, start_new_session=True)


def end(child: subprocess.Popen[bytes]) -> None:
    """Whatever still runs of a child and its children."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def last_words(errors: IO[bytes], most: int = 500) -> str:
    errors.seek(0)
    return errors.read().decode(errors="replace").strip()[-most:]


def lines(child: subprocess.Popen[bytes], stop: float, patience: float) -> Iterator[dict[str, Any]]:
    """The JSON lines of a child, until it ends, hangs, or the time is over.

    Its output has no buffer here: a line that lay in one would not wake the selector.
    """
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while selector.select(timeout=max(0.0, min(patience, stop - time.monotonic()))):
            line = child.stdout.readline()
            if not line:
                child.wait()
                return
            if line.startswith(b"{"):  # libraries may say other things
                yield json.loads(line)


class Results:
    """What was found so far, on the screen and in the file of this device and day, which keeps other sections."""

    def __init__(self, folder: Path, device: str, sections: Sequence[str]) -> None:
        self.file = folder / f"{device.lower().replace(' ', '-')}-{date.today()}.json"
        before = json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else {}
        self.found: dict[str, list[dict[str, Any]]] = before | {section: [] for section in sections}
        self.failures, self.lock = 0, Lock()

    def follow(self, section: str, part: int, stop: float) -> None:
        for item in items(section, stop, part):
            with self.lock:
                self.add(section, item)

    def add(self, section: str, item: dict[str, Any]) -> None:
        self.failures += "failed" in item and section not in plan.PEERS
        self.found[section].append(item)
        self.write()
        facts = " ".join(f"{key} {shown(value)}" for key, value in item.items() if key not in ("name", "failed"))
        print(f"{section:<17} {item['name']:<44} {facts} {item.get('failed', '')}", flush=True)

    def write(self) -> None:
        partial = self.file.with_suffix(".part")
        partial.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, self.file)

    def conclude(self) -> None:
        self.found |= {"ratios": summary.ratios(self.found), "targets": summary.targets(self.found)}
        self.write()
        print("", *summary.lines(self.found), f"written to {self.file}", sep="\n")


def shown(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {shown(item)}" for key, item in value.items()) + ")"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
