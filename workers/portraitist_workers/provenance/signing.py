"""Signed metadata (C2PA) for marked pictures: that they were generated, by what, and that nothing was changed since.

A manifest names no person, persona or job. Of an edited photo it holds the SHA-256, and of those that something was taken from. So
whoever has the photo can see that this picture was made from it, and nobody else learns anything.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from datetime import UTC, datetime

import c2pa

import portraitist
from portraitist.provenance import certificate

from ..faces.image_io import encode_png
from .origin import MarkedImage, Origin

_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"  # IPTC's vocabulary, which C2PA uses


def signed_png(picture: MarkedImage, origin: Origin) -> bytes:
    """The file to hand out. Its bytes differ from time to time (signature, date), its pixels do not. Raises CertificateUnusable."""
    file = io.BytesIO()
    with c2pa.Builder(json.dumps(_manifest(origin, picture.generated)), context=_context()) as builder:
        builder.sign(_signer(certificate.in_use()), "image/png", io.BytesIO(encode_png(picture.pixels)), file)
    return file.getvalue()


def _manifest(origin: Origin, generated: bool) -> dict:
    agent = {"name": "portraitist", "version": portraitist.__version__}
    act = {"softwareAgent": agent, "when": datetime.now(UTC).isoformat(timespec="seconds"), "description": origin.verb}
    marked = {"action": "c2pa.watermarked.unbound", "softwareAgent": agent}
    others = [_ingredient(f"other-{number}", "componentOf", file) for number, file in enumerate(origin.others, 1)]
    placed = [{"action": "c2pa.placed", "parameters": {"ingredientIds": [other["label"]]}} for other in others]
    if origin.photo is None:
        kind = "compositeWithTrainedAlgorithmicMedia" if origin.verb == "create" else "trainedAlgorithmicMedia"
        actions = [{"action": "c2pa.created", "digitalSourceType": _SOURCE + kind, **act}, *placed, marked]
        return _of(agent, actions, others)
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["photo"]}}
    if not generated:
        return _of(
            agent, [opened, {"action": "c2pa.converted", **act}], [_ingredient("photo", "parentOf", origin.photo)]
        )
    actions = [
        opened,
        *placed,
        {"action": "c2pa.edited", "digitalSourceType": _SOURCE + "compositeWithTrainedAlgorithmicMedia", **act},
        marked,
    ]
    return _of(agent, actions, [_ingredient("photo", "parentOf", origin.photo), *others])


def _ingredient(label: str, relationship: str, file: bytes) -> dict:
    """Told, not read from the file: its own metadata may hold names, or be made to do harm."""
    return {
        "title": "photo",
        "format": "application/octet-stream",
        "instance_id": f"sha256:{hashlib.sha256(file).hexdigest()}",
        "relationship": relationship,
        "label": label,
    }


def _of(agent: dict, actions: list[dict], ingredients: list[dict]) -> dict:
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": actions}}]
    return {"claim_generator_info": [agent], "title": "portrait", "assertions": assertions, "ingredients": ingredients}


@functools.cache
def _context() -> c2pa.Context:
    return c2pa.Context(
        settings=c2pa.Settings.from_dict(
            {
                "builder": {"thumbnail": {"enabled": False}},
                "verify": {"verify_after_sign": False, "remote_manifest_fetch": False},
            }
        )
    )


@functools.lru_cache(maxsize=4)
def _signer(used: certificate.Certificate) -> c2pa.Signer:
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(used.algorithm, used.chain, used.key, None))
