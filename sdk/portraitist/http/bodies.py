"""What may be sent to each operation, derived from the table: the words are those of the SDK's verb, the types those of the request.

A row whose verb is a method of `Persona` thereby has a route, a schema and a form. Text that a stranger sends is never taken for a path:

* A parameter is a photo when the row or its annotation says so. Then it is an address, or a file of the same form.
* Any other parameter is taken only if its type is plain data. What a verb wants as an object of Python stands in `SPOKEN`, with the JSON
  that says it. `tests/api/test_bodies.py` fails for a parameter that is neither.
"""

from __future__ import annotations

import inspect
import logging
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model

from ..consent import Consent
from ..degradations import DEGRADATIONS, Degradation
from ..errors import InvalidRequest
from ..operations import OPERATIONS, Operation
from ..parts import Part
from ..persona import Persona
from ..priors.library import Priors
from ..pulls import By
from ..requests import Handle
from ..studio import Personas, Studio
from ..styles.library import Styles
from ..webhooks.wire import ENDS, Webhook

log = logging.getLogger(__name__)

Given = Callable[[str, str], Any]  # (a photo's text, the parameter) -> the photo, as the SDK takes it
Address = Annotated[
    str,
    Field(
        max_length=2**21,
        description="https address, which the worker fetches; part:NAME, a file of the form; or data:…;base64,…",
    ),
]
Number = float | list[float] | Literal["keep"]
_FOREIGN = ("self", "wait", "name")  # `name` of a prior is in the path; `create` puts it back
_PATHS = ("PhotoLike", "PathLike", "Path")  # in an annotation: it may be a file's name
_PLAIN = (int, float, str, bool, type(None), datetime, *DEGRADATIONS)
_OF_PLAIN = (list, tuple, dict, Mapping, Sequence, Iterable, Collection, Union, types.UnionType, Annotated)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Spoken(Strict):
    """JSON in the place of an object of Python."""

    def made(self, given: Given) -> Any:
        """That object. `given` opens the photos that it names."""
        raise NotImplementedError


class ConsentBody(Spoken):
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

    def made(self, given: Given) -> Consent:
        if (self.text is None) == (self.text_hash is None):
            raise InvalidRequest("consent: give either text or text_hash", param="consent")
        return Consent(**{name: value for name, value in self if value is not None})


class WebhookBody(Spoken):
    """Whom to tell when the job is over (docs/webhooks.md)."""

    url: str = Field(max_length=2048)
    events: list[str] = Field(default=list(ENDS), min_length=1, max_length=4)

    def made(self, given: Given) -> Webhook:
        return Webhook(self.url, tuple(self.events))


class PullBody(Spoken):
    """A point or region of a drag (docs/drag.md): a handle, and where it goes, as a place or so many pixels on."""

    model_config = ConfigDict(strict=False)  # JSON has no tuples

    handle: Handle
    to: tuple[float, float] | None = None
    by: tuple[float, float] | None = None

    def made(self, given: Given) -> Any:
        if (self.to is None) == (self.by is None):
            raise InvalidRequest("points: give either to or by for each", param="points")
        return self.handle, self.to if self.by is None else By(*self.by)


class PatchBody(Spoken):
    """A patch of a variation (docs/collage.md): its box, left, top, right and bottom, and how far it goes, in px of the photo."""

    model_config = ConfigDict(strict=False)  # JSON has no tuples

    box: tuple[float, float, float, float]
    by: tuple[float, float]

    def made(self, given: Given) -> Any:
        return self.box, By(*self.by)


class PartBody(Spoken):
    """What is done to one part of a face (docs/parts.md)."""

    name: str = Field(max_length=64)
    like: Address | None = None
    shape: Address | None = None
    texture: Address | None = None
    draw: int | list[int] | None = None
    values: dict[str, float] = {}
    dx: float = 0.0
    dy: float = 0.0
    scale: float = 1.0
    leave_out: bool = False

    def made(self, given: Given) -> Part:
        photos = {"like": self.like, "shape": self.shape, "texture": self.texture}
        opened = {name: given(text, "parts") for name, text in photos.items() if text is not None}
        return Part(**self.model_dump(exclude=set(photos)), **opened)


# By the parameter's name: the type of what JSON says in its place. With a star: of one of `*parameters`.
SPOKEN: dict[str, Any] = {
    "consent": ConsentBody,
    "webhook": WebhookBody,
    "points": list[PullBody],
    "patches": list[PatchBody],
    "*parts": PartBody,
    "recipe": dict[str, Any],  # checked by what replays it
}


@dataclass(frozen=True)
class Verb:
    """One of the SDK's verbs, as it is called over HTTP. `photos`: parameters that hold one (False) or several (True)."""

    row: Operation
    function: Callable[..., Any]
    photos: Mapping[str, bool]
    json_body: type[BaseModel]
    part: type[BaseModel]  # beside files: the photos may be missing in it

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def summary(self) -> str:
        return " ".join((self.row.request.__doc__ or self.row.label).split())

    def needs(self, parameter: str) -> bool:
        return inspect.signature(self.function).parameters[parameter].default is inspect.Parameter.empty

    def call(self, subject: Any, given: Mapping[str, Any]) -> Any:
        """Submits the job. `subject`: the SDK's object whose verb it is."""
        signature = inspect.signature(self.function)
        whole = {"self": subject, "wait": False, **given}
        for parameter in signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                whole[parameter.name] = given.get("values", {})
        known = {name: whole[name] for name in signature.parameters if name in whole}
        bound = inspect.BoundArguments(signature, known)
        bound.apply_defaults()
        return self.function(*bound.args, **bound.kwargs)


def verb(row: Operation, function: Callable[..., Any], *, also: Mapping[str, Any] | None = None) -> Verb:
    """`also`: further fields, as pydantic's `create_model` takes them. Raises TypeError for a parameter that is no plain data."""
    photos: dict[str, bool] = {}
    fields: dict[str, Any] = dict(also or {})
    addresses: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        name, text, needed = parameter.name, str(parameter.annotation), parameter.default is inspect.Parameter.empty
        if name in _FOREIGN:
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            fields["values"] = (
                dict[str, Number],
                Field(default={}, description="Attributes: a number, or a list of them; in an edit also keep"),
            )
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL and f"*{name}" in SPOKEN:
            several_of: Any = list.__class_getitem__(SPOKEN[f"*{name}"])
            fields[name] = (several_of, Field(default=[], max_length=64))
        elif name in SPOKEN:
            fields[name] = (SPOKEN[name], ...) if needed else (SPOKEN[name] | None, None)
        elif name in row.photos or any(word in text for word in _PATHS):
            photos[name] = several = "Iterable" in text or "Sequence" in text
            kind: Any = list[Address] if several else Address
            less: Any = (kind, Field(max_length=100, default=[])) if several else (Address | None, None)
            optional[name] = less
            addresses[name] = ((kind, Field(max_length=100)) if several else (kind, ...)) if needed else less
        else:
            fields[name] = _field(row, parameter, function)
    title = row.request.__name__
    make: Any = create_model
    json_body = make(title + "Body", __base__=Strict, __doc__=row.request.__doc__, **addresses, **fields)
    part = json_body
    if photos:
        part = make(title + "Part", __base__=Strict, __doc__=row.request.__doc__, **optional, **fields)
    return Verb(row, function, photos, json_body, part)


def _field(row: Operation, parameter: inspect.Parameter, function: Callable[..., Any]) -> tuple[Any, Any]:
    """Type and default: the request's where it has such a field, else the verb's own."""
    default: Any = ... if parameter.default is inspect.Parameter.empty else parameter.default
    default = list(default) if isinstance(default, tuple) else default
    known = row.request.model_fields.get(parameter.name)
    annotation: Any
    if known is not None:
        annotation = known.annotation
        for limit in known.metadata:
            annotation = Annotated[annotation, limit]
        if parameter.name == "degradation":  # the SDK takes one alone, too
            annotation = annotation | Degradation
    else:
        try:
            annotation = eval(str(parameter.annotation), dict(vars(inspect.getmodule(function))))  # our own source's
        except (NameError, TypeError) as error:
            raise TypeError(f"{row.name}: {parameter.name}: {error}") from error
    if not is_plain(annotation) or parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        raise TypeError(
            f"{row.name}: {parameter.name} is no plain data; say in http/bodies.py (SPOKEN) how JSON says it"
        )
    return annotation, Field(default=default)


def is_plain(annotation: Any) -> bool:
    """Whether it is numbers, text and the like, alone or in lists and mappings: nothing of which a verb could make a path."""
    origin = get_origin(annotation)
    if origin is Literal:
        return True
    if origin is Annotated:
        return is_plain(get_args(annotation)[0])
    if origin is not None:
        return origin in _OF_PLAIN and all(one is Ellipsis or is_plain(one) for one in get_args(annotation))
    return annotation in _PLAIN


def persona_verbs() -> dict[str, Verb]:
    """Every operation on a persona that there is a verb for and that JSON can say, by name."""
    found = {}
    for row in OPERATIONS.values():
        function = getattr(Persona, row.name, None)
        if "persona_id" in row.request.model_fields and callable(function):
            try:
                found[row.name] = verb(row, function)
            except TypeError as error:
                log.warning("no route for %s", error)
    return found


def create_verb() -> Verb:
    name = (str, Field(min_length=1, max_length=64, description="Unique among your personas"))
    return verb(OPERATIONS["create"], Personas.create, also={"name": name})


def calibrate_verb() -> Verb:
    return verb(OPERATIONS["calibrate"], Priors.calibrate)


def style_verb() -> Verb:
    name = (str, Field(min_length=1, max_length=64, description="Unique among your styles"))
    return verb(OPERATIONS["style"], Styles.learn, also={"name": name})


def replay_verb() -> Verb:
    return verb(replace(OPERATIONS["retouch"], photos=()), Studio.replay)  # photos are at hand: none is fetched
