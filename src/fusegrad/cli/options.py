"""The options of a run: given, usual, or those with which the run in a folder began."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from fusegrad.cli.recipes import RECIPES, recipe_of

FILE = "options.json"
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Options:
    """What decides the numbers of a run, whatever the machine."""

    dataset: str
    seed: int
    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    precision: str = "float32"
    model: str = "mlp"


def usual(dataset: str, model: str | None) -> Options:
    """The options of a data set for one of its models, usually its first."""
    name = model or next(iter(RECIPES[dataset]))
    recipe = recipe_of(dataset, name)
    return Options(dataset, 0, recipe.epochs, recipe.batch_size, "adamw", recipe.lr, model=name)


def begin(given: Mapping[str, Any], out: Path | None) -> tuple[Options, Path]:
    """The options of a new run and its folder; ValueError where the folder holds a run already."""
    dataset = given["dataset"]
    folder = out or Path("runs") / f"{dataset}-{datetime.now():%Y%m%d-%H%M%S}"
    if (folder / CHECKPOINT).exists():
        raise ValueError(f"{folder} holds a run already: go on with it by --resume, or choose another --out")
    return Options(**(asdict(usual(dataset, given["model"])) | chosen(given))), folder


def store(options: Options, folder: Path) -> None:
    """Make the folder of a run and write its options there, for who goes on with it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(asdict(options), indent=1) + "\n")


def go_on(given: Mapping[str, Any], out: Path | None) -> tuple[Options, Path]:
    """The options with which the run in `out` began; ValueError where there is none, or where others were given."""
    if out is None or not (out / CHECKPOINT).exists() or not (out / FILE).exists():
        raise ValueError(f"--resume expects --out with the {CHECKPOINT} and {FILE} of a run in it, got {out}")
    stored = json.loads((out / FILE).read_text())
    options = Options(**{field.name: stored[field.name] for field in fields(Options) if field.name in stored})
    for name, value in chosen(given).items():
        if value != getattr(options, name):
            raise ValueError(f"--resume expects {name} {getattr(options, name)}, with which the run began, got {value}")
    return options, out


def chosen(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
