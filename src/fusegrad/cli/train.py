"""`fusegrad train`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from enum import StrEnum
from math import ceil, isfinite
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from fusegrad import backend as backends
from fusegrad.cli.options import CHECKPOINT, Options, begin, go_on, store
from fusegrad.cli.recipes import RECIPES, loss_and_metrics, make_optimizer, recipe_of
from fusegrad.errors import require_extra
from fusegrad.training import Trainer
from fusegrad.training.callbacks import Checkpoint
from fusegrad.training.curves import plot_curves
from fusegrad.training.datasets import Split, load
from fusegrad.training.mnist import load_mnist
from fusegrad.training.progress import ProgressBar


def usually(name: str) -> str:
    """The default of an option, which depends on the data set and the model."""
    usual = (f"{getattr(next(iter(models.values())), name)} for {key}" for key, models in RECIPES.items())
    return f"Default: {', '.join(usual)}; others for other models."


class Dataset(StrEnum):
    """The data sets that scikit-learn bundles, and MNIST."""

    digits = "digits"
    iris = "iris"
    wine = "wine"
    breast_cancer = "breast_cancer"
    diabetes = "diabetes"
    mnist = "mnist"


class ModelName(StrEnum):
    """The networks of the command line."""

    mlp = "mlp"
    lenet = "lenet"
    resnet20 = "resnet20"


class OptimizerName(StrEnum):
    """The optimizers of the command line."""

    sgd = "sgd"
    adam = "adam"
    adamw = "adamw"
    nadam = "nadam"
    radam = "radam"
    rmsprop = "rmsprop"
    lion = "lion"
    lamb = "lamb"


class Precision(StrEnum):
    """What products are computed in; parameters stay float32, or are float64."""

    float32 = "float32"
    tf32 = "tf32"
    bfloat16 = "bfloat16"
    float16 = "float16"
    float64 = "float64"


def train(
    dataset: Annotated[Dataset, typer.Argument(help="What to train on; all but mnist come with scikit-learn.")],
    model: Annotated[ModelName | None, typer.Option(help="Default: lenet for mnist, else mlp, which all have.")] = None,
    data: Annotated[Path | None, typer.Option(help="The folder with the IDX files of mnist.")] = None,
    backend: Annotated[str, typer.Option(help="auto, cpu, cuda or emulated.")] = "auto",
    epochs: Annotated[int | None, typer.Option(min=1, help=f"Times through the data.  {usually('epochs')}")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help=f"Samples per step.  {usually('batch_size')}")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the split, the first weights, shuffling and dropout.  Default: 0.")
    ] = None,
    optimizer: Annotated[OptimizerName | None, typer.Option(help="Default: adamw.")] = None,
    lr: Annotated[float | None, typer.Option(min=0, help=f"Highest learning rate.  {usually('lr')}")] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="Of products; on a CPU float32 or float64.  Default: float32.")
    ] = None,
    resident: Annotated[bool, typer.Option("--resident", help="Keep the data on the device.")] = False,
    steps_per_execution: Annotated[int, typer.Option(min=1, max=64, help="Steps of one launch, with --resident.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.  Default: runs/DATASET-TIME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON at the end, and nothing else.")
    ] = False,
) -> None:
    """Train a network; write a checkpoint, its history and a picture of its curves.

    The table shows the held-out data of the test after every epoch; nothing is chosen by it.
    """
    require_extra("matplotlib", "demo", "drawing curves")
    given: dict[str, Any] = {
        "dataset": str(dataset),
        "model": model and str(model),
        "seed": seed,
        "epochs": epochs,
        "batch_size": batch_size,
    }
    given |= {"optimizer": optimizer, "lr": lr, "precision": precision}
    check_launches(resident, steps_per_execution)
    backends.resolve(backend)
    options, folder = (go_on if resume else begin)(given, out)
    split = loaded(options, data)
    trainer = build(split, options, backend)
    if resume:
        trainer.resume(folder / CHECKPOINT)
    else:
        store(options, folder)
    launches = {"resident": resident, "steps_per_execution": steps_per_execution}
    fit(trainer, split, options, folder, quiet=as_json, launches=launches)
    figures = summary(trainer, split, options, folder)
    print(json.dumps(figures) if as_json else text(figures))


def loaded(options: Options, folder: Path | None) -> Split:
    """The data of a run, as its model takes it; ValueError where mnist lacks a folder, or another data set has one."""
    if (options.dataset == "mnist") != (folder is not None):
        expected = "--data with the folder of its IDX files" if folder is None else "no --data"
        raise ValueError(f"{options.dataset} expects {expected}, got {folder}")
    split = load(options.dataset, options.seed) if folder is None else load_mnist(folder, options.seed)
    sample = recipe_of(options.dataset, options.model).sample or split.x_train.shape[1:]
    train, test = (x.reshape(len(x), *sample) for x in (split.x_train, split.x_test))
    return replace(split, x_train=train, x_test=test)


def build(split: Split, options: Options, backend: str) -> Trainer:
    steps = options.epochs * ceil(len(split.x_train) / options.batch_size)
    loss, metrics = loss_and_metrics(split.task)
    model = recipe_of(options.dataset, options.model).build(split.classes or split.y_train.shape[1])
    rule = make_optimizer(options.optimizer, options.lr, steps)
    return Trainer(model, loss, rule, metrics=metrics, precision=options.precision, seed=options.seed, backend=backend)


def check_launches(resident: bool, steps: int) -> None:
    """ValueError for several steps in a launch without data on the device."""
    if steps > 1 and not resident:
        raise ValueError(f"--steps-per-execution {steps} expects --resident")


def fit(
    trainer: Trainer, split: Split, options: Options, folder: Path, quiet: bool, launches: Mapping[str, Any]
) -> None:
    callbacks = [Checkpoint(folder / CHECKPOINT), *([] if quiet else [ProgressBar()])]
    try:
        trainer.fit(
            split.x_train,
            split.y_train,
            epochs=options.epochs,
            batch_size=options.batch_size,
            validation=(split.x_test, split.y_test),
            callbacks=callbacks,
            augment=recipe_of(options.dataset, options.model).augment,
            **launches,
        )
    except KeyboardInterrupt:
        done = len(trainer.history.epochs)
        raise InterruptedError(f"stopped after epoch {done}; go on with --out {folder} --resume") from None
    trainer.history.save(folder / "history.json")
    plot_curves(trainer.history, folder / "curves.png")


def summary(trainer: Trainer, split: Split, options: Options, folder: Path) -> dict[str, Any]:
    """What the run came to; ValueError if it diverged."""
    epochs = trainer.history.epochs
    test = trainer.evaluate(split.x_test, split.y_test)
    figures = {"loss": epochs[-1]["loss"]} | {f"test_{name}": value for name, value in test.items()}
    if not all(map(isfinite, figures.values())):
        raise ValueError(f"training diverged in epoch {len(epochs)}: choose a lower --lr than {options.lr}")
    return {
        **figures,
        "samples_per_s": median(epoch["samples_per_s"] for epoch in epochs),
        **asdict(options),
        "skipped_steps": trainer.skipped_steps,
        "backend": trainer.arena.backend.name,
        "run": str(folder),
    }


def text(figures: dict[str, Any]) -> str:
    numbers = [f"{name} {value:.4g}" for name, value in figures.items() if name.startswith("test_")]
    files = f"{CHECKPOINT}, history.json, curves.png"
    return f"{', '.join(numbers)} on {figures['backend']}\nwritten to {figures['run']}: {files}"
