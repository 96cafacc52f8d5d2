"""`fusegrad doctor`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from fusegrad import backend


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False) -> None:
    """Say which backend runs and why, what is installed, and what is missing and how to get it."""
    report = backend.doctor()
    print(json.dumps(report.as_dict()) if as_json else report)
