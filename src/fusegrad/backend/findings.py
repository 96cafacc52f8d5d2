"""What was found out about this machine by measuring, on disk: one small file for each question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusegrad.expr.modules import cache_folder, write_atomically


def known(topic: str, kind: str) -> dict[str, Any] | None:
    """What was kept for this kind of question; None where there is no file, or a damaged one."""
    try:
        entry = json.loads(file_of(topic, kind).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # of JSON and of UTF-8
        return None
    return entry if isinstance(entry, dict) and entry.get("kind") == kind else None


def keep(topic: str, kind: str, finding: Mapping[str, Any]) -> None:
    """`kind` is all that the finding depends on, as a text; the finding is of what JSON has."""
    write_atomically(file_of(topic, kind), json.dumps({"kind": kind, **finding}).encode())


def file_of(topic: str, kind: str) -> Path:
    return cache_folder() / f"{topic}-{hashlib.sha256(kind.encode()).hexdigest()[:32]}.json"
