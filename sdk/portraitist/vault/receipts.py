"""A deletion's receipt: what was removed and when, signed with Ed25519 by the installation that removed it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..atomic import write_atomically
from ..errors import InvalidRequest, SignatureInvalid, StorageError
from .keyring import Keyring


class Receipt(BaseModel):
    """What `delete` gives. Times are UTC. `save` it: besides it, only the ledger knows that the persona existed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["portraitist-receipt-1"] = "portraitist-receipt-1"
    tenant: str
    persona_id: str
    requested: datetime  # from here on the persona was unusable, and its data key was gone from the ledger
    completed: datetime  # everything below was erased from the store
    workers_forget_by: datetime  # copies in workers' memory are gone by then
    blobs: list[str]  # SHA-256 of each (encrypted) object: photos, weights, latents, pictures
    jobs: list[
        str
    ]  # ids of the jobs whose requests, results, events and checkpoints were removed; running ones were stopped
    data_key: Literal["destroyed"] = "destroyed"
    signer: str  # program and host
    public_key: str  # Ed25519, base64
    signature: str = ""  # of everything else, base64

    def signed(self, keyring: Keyring) -> Receipt:
        made = self.model_copy(update={"public_key": public_keys(keyring)[0]})
        signature = keyring.signing_keys[0].sign(made._content())
        return made.model_copy(update={"signature": base64.b64encode(signature).decode()})

    def check(self, trusted: Collection[str]) -> None:
        """Raises SignatureInvalid when it was changed, or signed by another key than the `trusted` ones (base64)."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.public_key))
            key.verify(base64.b64decode(self.signature), self._content())
        except (ValueError, InvalidSignature):
            raise SignatureInvalid(
                "the receipt's signature does not belong to its content: it was changed or is no receipt",
                param="signature",
            ) from None
        if self.public_key not in trusted:
            raise SignatureInvalid(
                f"the receipt is whole, but was signed with another key ({self.public_key}); ask the operator who issued it for their "
                "public key and pass that (--key)",
                param="public_key",
            )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """As JSON. Raises StorageError."""
        target = Path(path).expanduser()
        try:
            write_atomically(target, self.model_dump_json(indent=2).encode() + b"\n")
        except OSError as error:
            raise StorageError(
                f"cannot write {target}: {error.strerror}; check that the folder exists and has room"
            ) from error
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Receipt:
        """Raises InvalidRequest when the file is no receipt."""
        try:
            return cls.model_validate_json(Path(path).expanduser().read_bytes())
        except OSError as error:
            raise InvalidRequest(f"cannot read {path}: {error.strerror}; check the path", param=str(path)) from error
        except ValidationError as error:
            raise InvalidRequest(
                f"{path} is no receipt of a deletion: {error.errors()[0]['msg']}", param=str(path)
            ) from error

    def _content(self) -> bytes:
        content = self.model_dump(mode="json", exclude={"signature"})
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def public_keys(keyring: Keyring) -> list[str]:
    """Base64, one per master key; the first is the one that signs now."""
    return [base64.b64encode(key.public_key().public_bytes_raw()).decode() for key in keyring.signing_keys]


def at(seconds: float) -> datetime:
    """Seconds since the epoch as UTC."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)
