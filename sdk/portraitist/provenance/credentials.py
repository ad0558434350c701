"""Reading a file's C2PA metadata: is the signature good, who signed, and what do they say was done?"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ..errors import CertificateUnusable
from .certificate import TEST_ISSUER


@dataclass(frozen=True)
class Credentials:
    """What the signed metadata says. `state` is "valid" when signature, metadata and pixels belong together. `trust` is about the
    signer: "trusted" when their certificate leads to one that you trust, "test" when it says itself that it proves nothing."""

    state: Literal["valid", "invalid", "missing"]
    signer: str = ""
    trust: Literal["trusted", "test", "unknown"] = "unknown"
    made: Literal["created", "edited", ""] = ""  # generated as a whole, or a photo with generated parts
    tool: str = ""  # the program that says so, and its version
    problems: tuple[str, ...] = ()  # C2PA's codes


def read(data: bytes, kind: str) -> Credentials:
    """Of a file of MIME type `kind`. Nothing is fetched. Raises CertificateUnusable when $PORTRAITIST_C2PA_TRUST cannot be read."""
    import c2pa

    try:
        with c2pa.Reader(kind, io.BytesIO(data), context=_context(_anchors())) as reader:
            state = reader.get_validation_state()
            manifests = json.loads(reader.json())
    except c2pa.C2paError as error:
        if isinstance(error, c2pa.C2paError.ManifestNotFound):
            return Credentials("missing")
        if str(error).startswith("Remote"):  # an address that a stranger chose is not asked
            return Credentials("missing", problems=("said to be elsewhere, not fetched",))
        return Credentials("invalid", problems=(str(error),))
    manifest = manifests["manifests"][manifests["active_manifest"]]
    problems = tuple(s["code"] for s in manifests.get("validation_status", ()))
    if state not in ("Valid", "Trusted"):
        return Credentials("invalid", problems=problems)
    signature = manifest.get("signature_info", {})
    issuer = signature.get("issuer", "")
    made, tool = _made(manifest)
    return Credentials(
        "valid",
        signer=", ".join(n for n in (issuer, signature.get("common_name", "")) if n),
        trust="test" if issuer == TEST_ISSUER else "trusted" if state == "Trusted" else "unknown",
        made=made,
        tool=tool,
        problems=problems,
    )


def _made(manifest: dict[str, Any]) -> tuple[Literal["created", "edited", ""], str]:
    for assertion in manifest.get("assertions", ()):
        for action in assertion["data"].get("actions", ()) if assertion["label"].startswith("c2pa.actions") else ():
            source, agent = action.get("digitalSourceType", ""), action.get("softwareAgent")
            tool = (
                f"{agent.get('name', '')} {agent.get('version', '')}".strip()
                if isinstance(agent, dict)
                else agent or ""
            )
            if source.endswith("/trainedAlgorithmicMedia"):
                return "created", tool
            if source.endswith("/compositeWithTrainedAlgorithmicMedia"):
                return "edited", tool
    return "", ""


def _anchors() -> str:
    """PEM of the certificates whose signatures are trusted: the operator's own chain, and $PORTRAITIST_C2PA_TRUST."""
    pem = ""
    for name in ("PORTRAITIST_C2PA_TRUST", "PORTRAITIST_C2PA_CERT"):
        if path := os.environ.get(name):
            try:
                pem += Path(path).expanduser().read_text() + "\n"
            except (OSError, UnicodeDecodeError) as error:
                raise CertificateUnusable(
                    f"{name}={path} cannot be read: {error}; name a PEM file", param=name
                ) from error
    return pem


@cache
def _context(anchors: str) -> Any:
    import c2pa

    # A manifest elsewhere, or an OCSP server, would be an address that a stranger's file chooses.
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    if anchors:
        settings["trust"] = {"user_anchors": anchors}
    return c2pa.Context(settings=c2pa.Settings.from_dict(settings))
