"""The `fusegrad` command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import fusegrad
from fusegrad.cli.bench import bench
from fusegrad.cli.doctor import doctor
from fusegrad.cli.kernels import kernels
from fusegrad.cli.train import train
from fusegrad.errors import MissingExtra

app = typer.Typer(
    help="Train neural networks on NVIDIA GPUs, or with NumPy where there is none.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def version(
    show: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    if show:
        print(fusegrad.__version__)
        raise typer.Exit


app.command()(train)
app.command()(doctor)
app.command()(kernels)
app.add_typer(bench, name="bench")


def main() -> None:
    """Run the command line; what the user can mend ends with one line and exit status 1."""
    try:
        app()
    except (MissingExtra, ValueError, RuntimeError, OSError) as error:
        print(f"fusegrad: {error}", file=sys.stderr)
        sys.exit(1)


__all__ = ["app", "main"]
