"""`fusegrad train`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Annotated, Any

import typer

from fusegrad.cli.recipes import RECIPES, Recipe, loss_and_metrics, optimizer, perceptron
from fusegrad.training import Trainer
from fusegrad.training.callbacks import Checkpoint
from fusegrad.training.curves import plot_curves
from fusegrad.training.datasets import Split, load
from fusegrad.training.progress import ProgressBar


class Dataset(StrEnum):
    """The data sets that scikit-learn bundles."""

    digits = "digits"
    iris = "iris"
    wine = "wine"
    breast_cancer = "breast_cancer"
    diabetes = "diabetes"


class OptimizerName(StrEnum):
    sgd = "sgd"
    adam = "adam"
    adamw = "adamw"


def train(
    dataset: Annotated[Dataset, typer.Argument(help="What to train on; all come with scikit-learn.")],
    backend: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    epochs: Annotated[int | None, typer.Option(min=1, help="Times through the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples per step.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split, the first weights, shuffling and dropout.")] = 0,
    optimizer_name: Annotated[OptimizerName, typer.Option("--optimizer")] = OptimizerName.adamw,
    lr: Annotated[float | None, typer.Option(min=0, help="Highest learning rate.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.  [default: runs/DATASET-TIME]")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out, given the same options.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON at the end, and nothing else.")
    ] = False,
) -> None:
    """Train a multilayer perceptron; write a checkpoint, its history and a picture of its curves."""
    usual = RECIPES[dataset]
    recipe = replace(
        usual,
        epochs=epochs or usual.epochs,
        batch_size=batch_size or usual.batch_size,
        lr=usual.lr if lr is None else lr,
    )
    split = load(dataset, seed)
    folder = run_folder(dataset, out, resume)
    trainer = build(split, recipe, optimizer_name, backend, seed)
    if resume:
        trainer.resume(folder / "checkpoint.safetensors")
    fit(trainer, split, recipe, folder, quiet=as_json)
    figures = summary(trainer, split, folder)
    print(json.dumps(figures | {"dataset": dataset, "seed": seed}) if as_json else text(figures))


def run_folder(dataset: str, out: Path | None, resume: bool) -> Path:
    """The folder of this run, made if it is new."""
    if resume and (out is None or not (out / "checkpoint.safetensors").exists()):
        raise ValueError(f"--resume expects --out with a checkpoint.safetensors in it, got {out}")
    folder = out or Path("runs") / f"{dataset}-{datetime.now():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def build(split: Split, recipe: Recipe, optimizer_name: str, backend: str, seed: int) -> Trainer:
    steps = recipe.epochs * ceil(len(split.x_train) / recipe.batch_size)
    loss, metrics = loss_and_metrics(split.task)
    outputs = split.classes or split.y_train.shape[1]
    rule = optimizer(optimizer_name, recipe.lr, steps)
    return Trainer(perceptron(recipe, outputs), loss, rule, metrics=metrics, seed=seed, backend=backend)


def fit(trainer: Trainer, split: Split, recipe: Recipe, folder: Path, quiet: bool) -> None:
    callbacks = [Checkpoint(folder / "checkpoint.safetensors"), *([] if quiet else [ProgressBar()])]
    trainer.fit(
        split.x_train,
        split.y_train,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        validation=(split.x_test, split.y_test),
        callbacks=callbacks,
    )
    trainer.history.save(folder / "history.json")
    plot_curves(trainer.history, folder / "curves.png")


def summary(trainer: Trainer, split: Split, folder: Path) -> dict[str, Any]:
    """What the run came to."""
    last = trainer.history.epochs[-1]
    test = trainer.evaluate(split.x_test, split.y_test)
    speed = sorted(epoch["samples_per_s"] for epoch in trainer.history.epochs)[len(trainer.history.epochs) // 2]
    figures = {"loss": last["loss"]} | {f"test_{name}": value for name, value in test.items()}
    return figures | {
        "samples_per_s": speed,
        "epochs": len(trainer.history.epochs),
        "backend": trainer.arena.backend.name,
        "run": str(folder),
    }


def text(figures: dict[str, Any]) -> str:
    numbers = [f"{name} {value:.4g}" for name, value in figures.items() if name.startswith("test_")]
    files = "checkpoint.safetensors, history.json, curves.png"
    return f"{', '.join(numbers)} on {figures['backend']}\nwritten to {figures['run']}: {files}"
