"""Every kernel on the GPU of this machine: is it right, and how fast is it?  `make gpu`.

It asks for no installation: CuPy, NumPy and what fusegrad itself needs are enough.  Work is done by child processes,
since a kernel that goes astray takes its process with it; the next child goes on after it.  Every result is printed as
it comes, and written to benchmarks/results/<device>-<date>.json.

`FUSEGRAD_BACKEND=emulated python benchmarks/gpu.py [section ...]` rehearses it without a GPU, in some minutes.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from tempfile import gettempdir
from typing import Any

HERE = Path(__file__).parent
CHILD = HERE / "gpu_items.py"
SECTIONS = "machine", "primitives", "parity", "training", "speed"
SECONDS = 8.5 * 60  # for everything
PATIENCE = 90.0  # seconds for one item, compiling included
MOST_LOST = 5  # items in turn that ended their process, before a section is given up


def main(sections: Sequence[str] = SECTIONS) -> int:
    rehearsed = os.environ.get("FUSEGRAD_BACKEND") == "emulated"
    missing = obstacle()
    if missing:
        print(f"no kernel can run here: {missing}", file=sys.stderr)
        return 1
    folder = Path(gettempdir()) if rehearsed else HERE / "results"
    stop, results = time.monotonic() + SECONDS, Results(folder)
    for section in sections:
        for item in items(section, stop):
            results.add(section, item)
    print(f"written to {results.file}")
    return 1 if results.failures else 0


def obstacle() -> str | None:
    """What a child says that cannot even name the machine; None where it can."""
    result = subprocess.run([sys.executable, str(CHILD), "machine", "0"], capture_output=True, text=True, check=False)
    return (result.stderr.strip().splitlines() or ["it ended without a word"])[-1] if result.returncode else None


def items(section: str, stop: float) -> Iterator[dict[str, Any]]:
    """What the items of a section found; a child that dies is one item that failed."""
    done = lost = 0
    while True:
        begun = done
        command = [sys.executable, str(CHILD), section, str(done)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        for item in lines(child, stop):
            done += 1
            yield item
        child.kill()
        _, errors = child.communicate()
        if child.returncode == 0:
            return
        if time.monotonic() > stop:
            yield {"name": f"after {done} items", "failed": "no time was left"}
            return
        yield {"name": f"item {done}", "failed": f"the process ended: {errors.decode(errors='replace').strip()[-500:]}"}
        done += 1
        lost = lost + 1 if done == begun + 1 else 0
        if lost == MOST_LOST:
            yield {"name": f"after {done} items", "failed": f"{lost} processes in turn found nothing"}
            return


def lines(child: subprocess.Popen[bytes], stop: float) -> Iterator[dict[str, Any]]:
    """The JSON lines of a child, until it ends, hangs, or the time is over.

    Its output has no buffer here: a line that lay in one would not wake the selector.
    """
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while selector.select(timeout=max(0.0, min(PATIENCE, stop - time.monotonic()))):
            line = child.stdout.readline()
            if not line:
                child.wait()
                return
            yield json.loads(line)


class Results:
    """What was found so far, on the screen and in a file."""

    def __init__(self, folder: Path) -> None:
        self.found: dict[str, list[dict[str, Any]]] = {section: [] for section in SECTIONS}
        self.failures = 0
        self.file = folder / f"gpu-{date.today()}.json"

    def add(self, section: str, item: dict[str, Any]) -> None:
        if section == "machine" and "device" in item:
            device = item["device"].lower().replace(" ", "-")
            self.file = self.file.with_name(f"{device}-{date.today()}.json")
        self.failures += "failed" in item
        self.found[section].append(item)
        partial = self.file.with_suffix(".part")
        partial.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, self.file)
        facts = " ".join(f"{key} {shown(value)}" for key, value in item.items() if key not in ("name", "failed"))
        print(f"{section:<10} {item['name']:<32} {facts} {item.get('failed', '')}", flush=True)


def shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or SECTIONS))
