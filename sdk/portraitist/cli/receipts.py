"""receipts: checking that a deletion was signed."""

from __future__ import annotations

from typing import Annotated

import typer

from ..backend import open_backend
from ..vault.receipts import Receipt, public_keys
from . import show
from .options import AsJson, Home, Store, Url

app = typer.Typer(name="receipts", help="Signed receipts of deletions.", no_args_is_help=True)


@app.command()
def key(url: Url = None, store: Store = None, home: Home = None, json: AsJson = False) -> None:
    """Print the public key that this installation's receipts are signed with, to hand out."""
    public = public_keys(open_backend(url, home, store).keyring)[0]
    show.as_json({"key": public}) if json else print(public)


@app.command()
def verify(
    file: str,
    trusted: Annotated[
        list[str] | None, typer.Option("--key", help="Public keys to trust; without: this installation's own.")
    ] = None,
    url: Url = None,
    store: Store = None,
    home: Home = None,
    json: AsJson = False,
) -> None:
    """Check a receipt's signature. Ends with 1 when it is wrong."""
    receipt = Receipt.load(file)
    receipt.check(trusted or public_keys(open_backend(url, home, store).keyring))
    if json:
        return show.as_json(receipt.model_dump(mode="json"))
    print(
        f"genuine: persona {receipt.persona_id} of tenant {receipt.tenant} was deleted on {receipt.completed:%Y-%m-%d %H:%M:%S} UTC, with "
        f"{len(receipt.blobs)} objects and the traces of {len(receipt.jobs)} jobs"
    )
