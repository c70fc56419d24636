"""`blemish`: the command groups, each in a file of its own."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="blemish",
    help="Few defects in, a line-ready inspector out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def run() -> None:
    """Entry point of the console script."""
    app()
