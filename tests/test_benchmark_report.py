"""Tables and charts of benchmarks: of small files of results, whose figures of a GPU are made up."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS, RECORDED = Path(__file__).parents[1] / "benchmarks", Path(__file__).parent / "recorded"
FILES = [str(file) for file in sorted(RECORDED.glob("*.json"))]


@pytest.fixture
def report(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import report

    return report


@pytest.fixture
def page(report, tmp_path) -> str:
    assert report.main([*FILES, "--out", str(tmp_path)]) == 0
    return (tmp_path / "report.md").read_text(encoding="utf-8")


def test_cpu_and_gpu_stand_side_by_side(page):
    [line] = [line for line in page.splitlines() if line.startswith("| step 64-64-64-64") and "%" in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:5] == ["47.4 µs", "44.3", "7.55", "47 %"]
    assert cells[5:] == ["20.0 µs", "105", "17.9", "50 %", "2.37"]


def test_every_contender_has_a_column(page):
    [line] = [line for line in page.splitlines() if line.startswith("| step 64-64-64-64") and "%" not in line]
    assert line == "| step 64-64-64-64 x 32-float32, small | 47.4 µs | 100 µs | 20.0 µs |"


@pytest.mark.parametrize(
    ("number", "spelled"), [(99.94, "99.9"), (99.96, "100"), (12345.6, "12,346"), (0.01234, "0.0123")]
)
def test_figures_have_three_digits(report, number, spelled):
    from report_tables import figure

    assert figure(number) == spelled


def test_who_did_not_take_part_has_a_dash(page):
    assert "| matmul, small | 20.7 µs | 101 | 6.33 | 106 % | - | - | - | - | - |" in page


def test_a_run_on_a_gpu_has_its_own_tables(page):
    for line in (
        "| copy | 4,000 GB/s |",
        "| parity | 2 | 1 |",
        "| launch-bound: at most 1/3 of the time of torch.compile | 0.167 | yes |",
        "| all cases of all ops are right | - | not measured |",
        "| 784-512-512-10, batch 128, relu, bfloat16 | - | 40.0 µs | 240 µs | 12 % | 6.00 |",
        "| relu | 100 µs | 3,000 | 75 % | 300 |",
        "| 4096 x 4096 x 4096 bfloat16 forward | tensor: tiles of 128 | 490 | 70 % |",
    ):
        assert line in page


def test_a_run_of_some_sections_has_their_tables(report, tmp_path):
    file = tmp_path / "a-device.json"
    file.write_text(json.dumps({"capture": [{"name": "mlp", "equal": True}], "ratios": [], "targets": []}))
    assert report.main([str(file), "--out", str(tmp_path)]) == 0
    assert "## checks on a-device" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_the_same_results_give_the_same_bytes(report, tmp_path):
    pytest.importorskip("matplotlib", reason="charts need Matplotlib, the extra `demo`")
    for name in ("first", "second"):
        report.main([*FILES, "--out", str(tmp_path / name)])
    files = sorted(file.name for file in (tmp_path / "first").iterdir())
    assert files == ["a-device-2026-01-02.png", "models.png", "ops.png", "report.md"]
    for file in files:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_only_tables_between_markers_of_known_names_are_rewritten(report, tmp_path):
    known, unknown = "machine on a-device-2026-01-02", "machine on another-2026-01-02"
    readme = tmp_path / "README.md"
    parts = [f"<!-- benchmarks: {name} -->\nas it was\n<!-- end of {name} -->" for name in (known, unknown)]
    readme.write_text("before\n" + "\nbetween\n".join(parts) + "\nafter\n")
    report.main([*FILES, "--out", str(tmp_path / "out"), "--readme", str(readme)])
    text = readme.read_text()
    assert text.startswith(f"before\n<!-- benchmarks: {known} -->\n| rate | measured |\n")
    assert text.endswith(f"\n<!-- end of {known} -->\nbetween\n{parts[1]}\nafter\n")
    assert text.count("as it was") == 1


def test_without_results_it_says_so_and_writes_nothing(report, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    assert report.main(["--out", str(tmp_path / "out")]) == 1
    assert "there are no results" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
