"""What a client may ask of a live session: one model for each command. docs/http.md lists them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ..errors import InvalidRequest, printable
from ..requests import DragMethod, Pull

LARGEST = 4 * 2**20  # bytes of a command, or of a frame
_MASK = 3 * 2**20  # characters


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    tag: str | None = Field(default=None, max_length=100)  # the client's own, which comes back in what is said about it


class Set(_Command):
    """Targets of attributes. Of several for the same attributes that wait, the last one counts."""

    do: Literal["set"]
    values: dict[str, float | Literal["keep"] | None] = Field(min_length=1, max_length=64)


class DragOn(_Command):
    """Begin to pull points. `mask`: a PNG in base64. `held`: a pointer is still down, so the drag does not land yet. Meanwhile it is shown
    by the latent transformer, where the prior has one: that is quicker than the drag's method, which takes over from where it began."""

    do: Literal["drag"]
    points: list[Pull] = Field(min_length=1, max_length=64)
    mask: str | None = Field(default=None, max_length=_MASK)
    method: DragMethod = "auto"
    guarded: bool = True
    held: bool = False

    def painted(self) -> bytes | None:
        """The mask's file. Raises InvalidRequest."""
        if self.mask is None:
            return None
        try:
            return base64.b64decode(self.mask, validate=True)
        except binascii.Error:
            raise InvalidRequest("mask: expected a PNG file in base64", param="mask") from None


class Aim(_Command):
    """The drag that was begun last goes there instead: a place for each of its points. Of several that wait, the last one counts.
    `held`: as of a drag; without it the pointer has let go."""

    do: Literal["aim"]
    to: list[tuple[float, float]] = Field(min_length=1, max_length=64)
    held: bool = False


class Simple(_Command):
    do: Literal["stop", "undo", "redo", "close"]


class Compare(_Command):
    """Whether frames show the picture as it was."""

    do: Literal["compare"]
    on: bool


Command = Set | DragOn | Aim | Simple | Compare
NAMES = "set", "drag", "aim", "stop", "undo", "redo", "compare", "close"
_COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="do")])


def command(data: Any) -> Command:
    """Raises InvalidRequest that says what is wrong with it."""
    if not isinstance(data, Mapping):
        raise InvalidRequest("a command is an object with `do`, such as {'do': 'undo'}", param="do")
    try:
        return _COMMANDS.validate_python(dict(data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "do"
        said = printable(str(data.get("do"))[:40])
        if first["type"].startswith("union_tag"):
            raise InvalidRequest(f"there is no command {said!r}; there are {', '.join(NAMES)}", param="do") from None
        raise InvalidRequest(
            f"the command {said!r}: {where[:100]}: {first['msg'].lower()}", param=where[:100]
        ) from None


def superseded(earlier: Command, later: Command) -> bool:
    """Whether `earlier` need not be done, since `later` follows at once."""
    if isinstance(earlier, Set) and isinstance(later, Set):
        return set(earlier.values) <= set(later.values)
    return isinstance(earlier, Aim) and isinstance(later, Aim)
