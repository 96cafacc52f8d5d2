"""What `make gpu` runs, in which order, and how much of the time may have passed when a section ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
TORCH, JAX = HERE / "peers_gpu_torch.py", HERE / "peers_gpu_jax.py"
PEERS = {
    "torch-compile": TORCH,
    "torch-graph": TORCH,
    "torch-convolutions": TORCH,
    "jax-jit": JAX,
    "torch-eager": TORCH,
    "torch-reduce-overhead": TORCH,
    "jax-scan": JAX,
    "torch-max-autotune": TORCH,
}
CHECKS = "primitives", "parity", "precision", "capture", "training"  # at the same time: they time nothing
OWN = "fusegrad-eager", "fusegrad-captured", "fusegrad-steps"
SECTIONS = ("machine", *CHECKS, "speed", "gemm", "convolutions", *OWN, *PEERS)
GROUPS = {"checks": CHECKS, "models": OWN, "peers": tuple(PEERS)}
ENDS = {"machine": 0.06, **dict.fromkeys(CHECKS, 0.32), "speed": 0.4, "gemm": 0.48, "convolutions": 0.54}
ENDS |= dict.fromkeys(OWN, 0.62) | dict(zip(PEERS, (0.76, 0.8, 0.83, 0.87, 0.9, 0.94, 0.96, 1.0), strict=True))
SHARES = {"parity": 4, "precision": 2}  # one process for so many cores: their time goes into compiling


def sections_of(words: list[str]) -> list[str]:
    """The sections that were asked for, in their order, groups spelled out; all without words.

    Raises SystemExit for a word that is neither.
    """
    wanted = {section for word in words for section in GROUPS.get(word, (word,))} or set(SECTIONS)
    if unknown := wanted - set(SECTIONS):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; sections are {', '.join([*SECTIONS, *GROUPS])}")
    return [section for section in SECTIONS if section in wanted]


def ends_of(sections: list[str]) -> dict[str, float]:
    """The share of the time after which each must be done; all of it where only some are asked for."""
    return {section: ENDS.get(section, 1.0) if len(sections) == len(SECTIONS) else 1.0 for section in sections}


def parts_of(section: str) -> int:
    """How many processes share the items of a section."""
    return max(1, (os.cpu_count() or 1) // SHARES[section]) if section in SHARES else 1


def patience(section: str) -> int:
    """How many times as long as for ours to wait for an item: others compile whole networks."""
    return 2 if section in PEERS else 1


def command(section: str, child: Path, first: int, part: int = 0, parts: int = 1) -> list[str]:
    """What runs the items of a section, or of one part of it, from the first on."""
    if section in PEERS:
        return [sys.executable, str(PEERS[section]), section.partition("-")[2], str(first)]
    return [sys.executable, str(child), section, *map(str, (first, part, parts))]


def together(sections: list[str]) -> list[list[str]]:
    """The sections in groups that run at the same time."""
    checks = [section for section in sections if section in CHECKS]
    groups = [[section] for section in sections if section not in CHECKS]
    place = 1 if "machine" in sections else 0
    return [*groups[:place], *([checks] if checks else []), *groups[place:]]
