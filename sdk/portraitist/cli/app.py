"""The commands, and how errors leave."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from .. import __version__
from ..errors import InvalidRequest, PhotosUnusable, PortraitistError, printable
from . import (
    admin,
    composing,
    faces,
    fleet,
    joining,
    keys,
    make,
    priors,
    pulling,
    receipts,
    studio,
    styles,
    tenants,
    train,
    verify,
    webhooks,
)
from .words import spoken


def _version(asked: bool) -> None:
    if asked:
        print(f"portraitist {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="portraitist",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: tuple[Callable[..., None], ...] = (
    make.create,
    make.add,
    make.synthesize,
    make.edit,
    pulling.drag,
    pulling.move,
    composing.compose,
    pulling.replay,
    joining.transfer,
    joining.blend,
    joining.variations,
    joining.strip,
    joining.extend,
    joining.restyle,
    make.enhance,
    faces.faces,
    verify.verify,
    admin.personas,
    admin.jobs,
    admin.cancel,
    admin.delete,
    admin.doctor,
    admin.worker,
    studio.studio,
    fleet.workers,
    fleet.queues,
    fleet.health,
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(priors.app)
app.add_typer(styles.app)
app.add_typer(train.app)
app.add_typer(tenants.app)
app.add_typer(webhooks.app)
app.add_typer(keys.app)
app.add_typer(receipts.app)


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Learn one person from their photos, then synthesise, edit and restore portraits of them."""


_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}  # the demo reads its options itself, --help too
app.command(add_help_option=False, context_settings=_PASS_ON)(admin.demo)


def main() -> NoReturn:
    """The `portraitist` script."""
    as_json = "--json" in sys.argv
    try:
        app()
    except PortraitistError as error:
        if as_json:
            print(json.dumps({"error": {**error.to_dict(), "message": spoken(error.message)}}))
        else:
            if isinstance(error, PhotosUnusable):  # the reasons, then the line
                for photo in error.photos:
                    line = f"{photo.get('name')}: {photo.get('reason') or 'ok'}"
                    print(f"  {printable(spoken(line))}", file=sys.stderr)
            print("portraitist: " + printable(spoken(error.message), keep="\n"), file=sys.stderr)
        sys.exit(2 if isinstance(error, InvalidRequest) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `portraitist jobs | head`
        sys.stderr.close()
        sys.exit(0)
    sys.exit(0)
