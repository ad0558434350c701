"""portraitist train parts."""

from __future__ import annotations

import typer

from .admin import become

app = typer.Typer(
    name="train",
    help="Train a generator on your own pictures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


# The training reads its options itself, --help too.
@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def parts(context: typer.Context) -> None:
    """A generator cut by meaning, from pictures with class maps: DATA --out DIR [--size 128]. Goes on where it was cut off."""
    become(["portraitist_workers.priors.training.parts.own", *context.args])
