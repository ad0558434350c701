"""What is known about a style. It stands in the header of the style's file, which holds the change of its prior's weights."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import StorageError

HEADER = "style"  # the entry of the safetensors header
_LONGEST = 2**20  # bytes of that header


class StyleRecord(BaseModel):
    """`base_sha256` is the SHA-256 of the generator that the change belongs to."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["portraitist-style-1"] = "portraitist-style-1"
    name: str
    base: str  # the prior's name
    base_sha256: str
    pictures: int  # learnt from so many
    refused: dict[str, str] = {}  # picture -> why it was not used
    steps: int = 0
    seed: int = 0
    figures: dict[str, float] = {}  # docs/styles.md explains them
    warnings: list[str] = []
    seconds: float = 0.0
    finished: str = ""  # ISO 8601
    version: str = ""  # of portraitist

    def handed_out(self) -> set[str]:
        """Blobs of the pictures that leave with this result: none."""
        return set()


def read(data: bytes, name: str) -> StyleRecord:
    """The record in a style's file. Raises StorageError."""
    length = int.from_bytes(data[:8], "little")
    try:
        if not 2 <= length <= min(len(data) - 8, _LONGEST):
            raise ValueError("it is cut off")
        return StyleRecord.model_validate_json(json.loads(data[8 : 8 + length])["__metadata__"][HEADER])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise StorageError(
            f"the file of style {name!r} cannot be read; remove the style and learn it again", param=name
        ) from error
