"""verify: was this picture made here?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InvalidImage, printable
from ..provenance.credentials import Credentials
from ..provenance.search import MarkFound
from ..provenance.verify import Verdict
from ..provenance.verify import verify as verdict_on
from . import show
from .options import AsJson, photo

_TRUST = {
    "trusted": "a certificate that you trust",
    "test": "a test certificate: nobody vouches for it",
    "unknown": "a certificate that nothing here vouches for",
}
_MADE = {"created": "generated", "edited": "a photo with generated parts", "": "nothing about generating"}


def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JPEG, PNG, WebP, AVIF or HEIC pictures.")],
    json: AsJson = False,
) -> None:
    """Look for signed metadata (C2PA) and for the invisible mark. Exit code 0: every file has one of them at least.
    1: some file has neither. 2: a file is no picture, or cannot be read."""
    verdicts: dict[Path, Verdict] = {}
    refused: dict[Path, InvalidImage] = {}
    for path in files:
        try:
            verdicts[path] = verdict_on(photo(str(path)))
        except InvalidImage as error:
            refused[path] = error
    if json:
        data = {path: verdict.to_dict() for path, verdict in verdicts.items()}
        data |= {path: {"error": why.to_dict()} for path, why in refused.items()}
        show.as_json([{"file": str(path), **data[path]} for path in dict.fromkeys(files)])
    else:
        for path, verdict in verdicts.items():
            print(described(path, verdict))
        for why in refused.values():
            print(f"portraitist: {printable(why.message)}", file=sys.stderr)
    if refused:
        raise typer.Exit(2)
    if not all(verdict.generated for verdict in verdicts.values()):
        raise typer.Exit(1)


def described(path: Path, verdict: Verdict) -> str:
    told = printable(_credentials(verdict.credentials))  # a signer may call itself anything
    alone = verdict.mark.found and verdict.credentials.state != "valid"
    hint = "; a hint, no proof: a mark can be copied from another picture" if alone else ""
    return f"{printable(str(path))}\n  metadata: {told}\n  mark:     {_mark(verdict.mark)}{hint}"


def _credentials(c: Credentials) -> str:
    if c.state == "missing":
        return "none"
    if c.state == "invalid":
        return f"INVALID, the file was changed after it was signed, or is damaged ({', '.join(c.problems)})"
    by = f" by {c.tool}" if c.tool else ""
    return f"valid, says: {_MADE[c.made]}{by}; signed by {c.signer or 'an unnamed signer'}, {_TRUST[c.trust]}"


def _mark(m: MarkFound) -> str:
    chance = f"score {m.score:.1f}, a false alarm at most {m.false_positive:.1g}"
    if not m.found:
        return f"not found ({chance})"
    where = "" if m.part is None else f" in the {m.part[2]} px at ({m.part[0]}, {m.part[1]})"
    return f"found{where} ({chance})"
