"""Tables and charts of results: what pytest-benchmark wrote, and what `gpu.py` did.

    python benchmarks/report.py [file ...] --out folder [--readme README.md]

Without files all of benchmarks/results/*.json are read.  The folder gets report.md, and charts where Matplotlib is
installed.  With `--readme`, tables between `<!-- benchmarks: name -->` and `<!-- end of name -->` in that file are
written anew; those for which no file has results stay as they are.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from on_gpu.plan import PEERS, SECTIONS
from report_rows import Row, rows_of
from report_tables import contenders, gpu_tables, markdown, side_by_side

RESULTS = Path(__file__).parent / "results"


def main(words: Sequence[str] | None = None) -> int:
    args = arguments(words)
    files = args.files or sorted(RESULTS.glob("*.json"))
    if not files:
        print(f"there are no results in {RESULTS}: see `make bench` and `make gpu`", file=sys.stderr)
        return 1
    results = {file: json.loads(file.read_text(encoding="utf-8")) for file in files}
    tables, charts = gathered(results)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "report.md").write_text(page(tables, files), encoding="utf-8")
    if find_spec("matplotlib"):
        draw(charts, args.out)
    print(f"written to {args.out / 'report.md'}")
    if args.readme:
        args.readme.write_text(rewritten(args.readme.read_text(encoding="utf-8"), tables), encoding="utf-8")
    return 0


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="default: benchmarks/results/*.json")
    parser.add_argument("--out", type=Path, default=Path("build/report"), help="folder, default build/report")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="write its tables anew")
    return parser.parse_args(words)


def gathered(results: Mapping[Path, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Tables in Markdown by name, and by name what is drawn: rows of a suite, or a run on a GPU."""
    rows = [row for found in results.values() if "benchmarks" in found for row in rows_of(found)]
    tables: dict[str, str] = {}
    charts: dict[str, Any] = {}
    for suite in sorted({row.suite for row in rows}):
        of_suite = [row for row in rows if row.suite == suite]
        tables[suite], tables[f"{suite} by contender"] = (
            markdown(side_by_side(of_suite)),
            markdown(contenders(of_suite)),
        )
        charts[suite] = of_suite
    for file, found in results.items():
        if not found.keys().isdisjoint(SECTIONS):
            tables |= {f"{name} on {file.stem}": markdown(table) for name, table in gpu_tables(found).items()}
            charts[file.stem] = found
    return tables, charts


def page(tables: Mapping[str, str], files: Sequence[Path]) -> str:
    """All tables, each under its name."""
    parts = [f"# Benchmarks\n\nFrom {', '.join(file.name for file in files)}."]
    parts += [f"## {name}\n\n{table}" for name, table in tables.items()]
    return "\n\n".join(parts) + "\n"


def draw(charts: Mapping[str, list[Row] | dict[str, Any]], folder: Path) -> None:
    import report_charts

    for name, what in charts.items():
        if isinstance(what, list):
            report_charts.of_suite(what, name, folder / f"{name}.png")
        elif any(row.keys() & PEERS.keys() for row in what.get("ratios", [])):
            report_charts.of_models(what, folder / f"{name}.png")


def rewritten(text: str, tables: Mapping[str, str]) -> str:
    """The text with the tables between markers replaced, where there is one of that name."""

    def table(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- benchmarks: {name} -->\n{tables[name]}\n<!-- end of {name} -->" if name in tables else match[0]

    return re.sub(r"<!-- benchmarks: (.+?) -->.*?<!-- end of \1 -->", table, text, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
