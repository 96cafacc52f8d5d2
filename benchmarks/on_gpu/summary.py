"""What follows from all that was found: ratios to other libraries and to the machine, and whether targets are met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convolution_workloads import CONVOLUTIONS
from image_workloads import IMAGE_NETWORKS
from workloads import ADAM, CROSS_ENTROPY, LAUNCH_BOUND, OPERATIONS, PERCEPTRONS, WIDE

from on_gpu.plan import OWN, PEERS

Found = dict[str, list[dict[str, Any]]]
ALLOWED = {"float32": 1e-5, "tf32": 1e-3, "bfloat16": 4e-3}  # between first losses, relative
NETWORKS = [*PERCEPTRONS, *IMAGE_NETWORKS]
WORKS = {str(work): work for work in (*NETWORKS, *OPERATIONS, *CONVOLUTIONS)}
TIMED = *OWN, "convolutions"  # the sections of ours that others have rows of
COMPILED = "torch-compile", "torch-reduce-overhead", "torch-max-autotune"


def by_name(found: Found, section: str) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in found.get(section, [])}


def microseconds(found: Found, section: str, row: str) -> float | None:
    return by_name(found, section).get(row, {}).get("us")


def fastest(found: Found, sections: Any, row: str) -> float | None:
    """The least time of a row over sections; None where it was measured in none."""
    times = [time for section in sections if (time := microseconds(found, section, row))]
    return min(times, default=None)


def ratios(found: Found) -> list[dict[str, Any]]:
    """For every row and peer, how many times as long the peer takes as the fastest of ours."""
    rows = []
    for row in dict.fromkeys(item["name"] for section in TIMED for item in found.get(section, [])):
        ours = fastest(found, TIMED, row)
        theirs = {peer: microseconds(found, peer, row) for peer in PEERS}
        if ours:
            times_as_long = {peer: time / ours for peer, time in theirs.items() if time}
            facts = {"of_machine": of_machine(found, row, ours), "spread_of_losses": spread(found, row)}
            rows.append({"row": row, "us": ours, **facts, **times_as_long})
    return rows


def of_machine(found: Found, row: str, microseconds: float) -> float | None:
    """The time that products at the measured rate, or bytes at the speed of a copy, would take, by the time it took."""
    work, rates = WORKS.get(row), by_name(found, "machine")
    if work is None or rates.get("facts", {}).get("backend") == "emulated":  # which runs it shrunk
        return None
    bandwidth = rates.get("copy", {}).get("gb_per_s")
    rate = rates.get(f"product {getattr(work, 'precision', '')}", {}).get("tflop_per_s")
    floors = [work.nbytes / bandwidth / 1e3 if bandwidth else 0.0, work.flops / rate / 1e6 if rate else 0.0]
    return max(floors) / microseconds or None


def spread(found: Found, row: str) -> float | None:
    """How far apart the first losses of all libraries are, relative to the least: they are to do the same work."""
    losses = [
        item["losses"][0] for section in (*OWN, *PEERS) if "losses" in (item := by_name(found, section).get(row, {}))
    ]
    return max(losses) / min(losses) - 1 if len(losses) > 1 else None


def targets(found: Found) -> list[dict[str, Any]]:
    """Every target with what was measured, and yes, no or not measured."""
    return [
        {"target": text, "value": value, "met": "not measured" if value is None else "yes" if holds(value) else "no"}
        for text, value, holds in measured_targets(found)
    ]


def measured_targets(found: Found) -> Iterator[tuple[str, float | None, Any]]:
    for work in PERCEPTRONS:
        if work.widths == LAUNCH_BOUND.widths:
            share = quotient(fastest(found, OWN, str(work)), fastest(found, COMPILED, str(work)))
            yield f"{work}: at most 1/3 of the time of torch.compile", share, lambda value: value <= 1 / 3
    speed = quotient(fastest(found, COMPILED, str(WIDE)), fastest(found, OWN, str(WIDE)))
    yield f"{WIDE}: at least as fast as torch.compile", speed, lambda value: value >= 1
    yield f"{ADAM}: at least 90 % of the speed of a copy", of_copy(found, str(ADAM)), lambda value: value >= 0.9
    share = of_copy(found, str(CROSS_ENTROPY))
    yield f"{CROSS_ENTROPY}: at least 85 % of the speed of a copy", share, lambda value: value >= 0.85
    yield "products of bfloat16: at least 0.6 of cuBLASLt's speed", least_product(found), lambda value: value >= 0.6
    yield "all libraries compute the same first loss", furthest(found), lambda value: value <= 1
    yield "captured steps have the bits of eager ones", passed(found, ["capture"]), lambda value: value == 1
    yield "all cases of all ops are right", passed(found, ["parity", "precision"]), lambda value: value == 1


def furthest(found: Found) -> float | None:
    """The largest spread of first losses, as a share of what the precision of the row allows."""
    pairs = [(spread(found, str(work)), ALLOWED[work.precision]) for work in NETWORKS]
    return max((apart / allowed for apart, allowed in pairs if apart is not None), default=None)


def quotient(part: float | None, whole: float | None) -> float | None:
    return part / whole if part and whole else None


def of_copy(found: Found, row: str) -> float | None:
    """Bytes per second of an operation by those of a copy, in the same run."""
    rates = [by_name(found, section).get(row, {}).get("gb_per_s") for section in OWN]
    return quotient(max(filter(None, rates), default=None), by_name(found, "machine").get("copy", {}).get("gb_per_s"))


def least_product(found: Found) -> float | None:
    """The least speed of ours by that of the library, over large products in bfloat16."""
    shares = [item["by_library"] for item in found.get("gemm", []) if is_large(item["name"]) and "by_library" in item]
    return min(shares, default=None)


def is_large(name: str) -> bool:
    return "bfloat16" in name and all(int(word) >= 4096 for word in name.split()[:5:2])


def passed(found: Found, sections: list[str]) -> float | None:
    """The share of items that did not fail; None unless all sections were run."""
    if not all(found.get(section) for section in sections):
        return None
    items = [item for section in sections for item in found[section]]
    return sum("failed" not in item for item in items) / len(items)


def lines(found: Found) -> Iterator[str]:
    """What a person reads in the end."""
    for row in found["ratios"]:
        peers = ", ".join(f"{name} {row[name]:.2f}" for name in PEERS if name in row)
        share = "" if row["of_machine"] is None else f"{row['of_machine']:.0%} of the machine; "
        yield f"{row['row']:<56} {row['us']:10.1f} us; {share}times as long: {peers or 'no peer was measured'}"
    for target in found["targets"]:
        value = "" if target["value"] is None else f"{target['value']:.3g}"
        yield f"{target['met']:<13} {value:<8} {target['target']}"
