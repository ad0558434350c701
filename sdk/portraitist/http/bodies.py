"""What may be sent to each operation, derived from the table: the words are those of the SDK's verb, the types those of the request.

A row whose verb is a method of `Persona` thereby has a route, a schema and a form. Photos are addresses in JSON, or files beside it.
A parameter is a photo when the row or its annotation says so, so no text that a stranger sends is ever taken for a path.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from ..consent import Consent
from ..degradations import Degradation
from ..errors import InvalidRequest
from ..operations import OPERATIONS, Operation
from ..persona import Persona
from ..priors.library import Priors
from ..studio import Personas
from ..webhooks.wire import ENDS, Webhook

Address = Annotated[str, Field(max_length=2048, description="https address, which the worker fetches")]
Number = float | list[float]
_FOREIGN = ("self", "wait", "name")  # `name` of a prior is in the path; `create` puts it back
_PATHS = ("PhotoLike", "PathLike", "Path")  # in an annotation: it may be a file's name


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ConsentBody(Strict):
    """Who agreed to what, when, and until when (docs/tenants.md)."""

    subject: str = Field(min_length=1, max_length=200)
    by: str = Field(min_length=1, max_length=200)
    text: str | None = Field(
        default=None, max_length=100_000, description="What was agreed to; only its SHA-256 is kept"
    )
    text_hash: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", description="... or that itself")
    scope: str = Field(default="portraits of the subject", max_length=1000)
    when: datetime | None = None
    expires: datetime | None = None

    def made(self) -> Consent:
        if (self.text is None) == (self.text_hash is None):
            raise InvalidRequest("consent: give either text or text_hash", param="consent")
        return Consent(**{name: value for name, value in self if value is not None})


class WebhookBody(Strict):
    """Whom to tell when the job is over (docs/webhooks.md)."""

    url: str = Field(max_length=2048)
    events: list[str] = Field(default=list(ENDS), min_length=1, max_length=4)

    def made(self) -> Webhook:
        return Webhook(self.url, tuple(self.events))


_OWN: Mapping[str, type[ConsentBody | WebhookBody]] = {"consent": ConsentBody, "webhook": WebhookBody}


@dataclass(frozen=True)
class Verb:
    """One of the SDK's verbs, as it is called over HTTP. `photos`: parameters that hold one (False) or several (True)."""

    row: Operation
    call: Callable[..., Any]  # unbound: the first argument is the studio's part
    photos: Mapping[str, bool]
    json_body: type[BaseModel]  # photos by address
    part: type[BaseModel]  # beside files: the photos may be missing in it

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def summary(self) -> str:
        return " ".join((self.row.request.__doc__ or self.row.label).split())


def verb(row: Operation, call: Callable[..., Any], *, also: Mapping[str, Any] | None = None) -> Verb:
    """`also`: further fields, as pydantic's `create_model` takes them."""
    photos: dict[str, bool] = {}
    fields: dict[str, Any] = dict(also or {})
    for parameter in inspect.signature(call).parameters.values():
        text = str(parameter.annotation)
        if parameter.name in _FOREIGN:
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            fields["values"] = (
                dict[str, Number],
                Field(default={}, description="Attributes: a number, or a list of them"),
            )
        elif parameter.name in row.photos or any(word in text for word in _PATHS):
            photos[parameter.name] = "Iterable" in text or "Sequence" in text
        elif parameter.name in _OWN:
            fields[parameter.name] = (_OWN[parameter.name] | None, None)
        else:
            fields[parameter.name] = _field(row, parameter, call)
    addresses: dict[str, Any] = {
        name: (list[Address] if several else Address, Field(max_length=100) if several else Field())
        for name, several in photos.items()
    }
    optional: dict[str, Any] = {
        name: (list[Address] if several else Address | None, Field(max_length=100, default=[]) if several else None)
        for name, several in photos.items()
    }
    title = row.request.__name__
    make: Any = create_model
    json_body = make(title + "Body", __base__=Strict, __doc__=row.request.__doc__, **addresses, **fields)
    part = (
        json_body
        if not photos
        else make(title + "Part", __base__=Strict, __doc__=row.request.__doc__, **optional, **fields)
    )
    return Verb(row, call, photos, json_body, part)


def _field(row: Operation, parameter: inspect.Parameter, call: Callable[..., Any]) -> tuple[Any, Any]:
    """Type and default: the request's where it has such a field, else the verb's own."""
    default: Any = ... if parameter.default is inspect.Parameter.empty else parameter.default
    default = list(default) if isinstance(default, tuple) else default
    known = row.request.model_fields.get(parameter.name)
    if known is None:
        described = Field() if default is ... else Field(default=default)
        return eval(
            str(parameter.annotation), dict(vars(inspect.getmodule(call)))
        ), described  # our own source's annotation
    annotation: Any = known.annotation
    for limit in known.metadata:
        annotation = Annotated[annotation, limit]
    if parameter.name == "degradation":  # the SDK takes one alone, too
        annotation = annotation | Degradation
    return annotation, Field(default=default)


def persona_verbs() -> dict[str, Verb]:
    """Every operation on a persona that there is a verb for, by name."""
    found = {}
    for row in OPERATIONS.values():
        call = getattr(Persona, row.name, None)
        if "persona_id" in row.request.model_fields and callable(call):
            found[row.name] = verb(row, call)
    return found


def create_verb() -> Verb:
    name = (str, Field(min_length=1, max_length=64, description="Unique among your personas"))
    return verb(OPERATIONS["create"], Personas.create, also={"name": name})


def calibrate_verb() -> Verb:
    return verb(OPERATIONS["calibrate"], Priors.calibrate)
