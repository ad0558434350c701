"""The consent of the person whom a persona shows, and until when the persona may be kept."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .errors import ConsentExpired, ConsentMissing, InvalidRequest

_FOR_EVER_DAYS = 365_000  # what calendars can count
_NOBODY_ASKED = "No consent was recorded. Whoever runs Portraitist here answers for it that the person agrees."


class Consent(BaseModel):
    """Who agreed to what, when, and until when. Of the text that was agreed to, only its SHA-256 is kept: keep the text itself.

    `Consent(subject="user-17", by="user-17", text=TERMS, expires="2027-12-31")`. Raises InvalidRequest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str = Field(min_length=1, max_length=200)  # whose face it is: your id of the person, or a name
    by: str = Field(min_length=1, max_length=200)  # who agreed: the same, or whoever may answer for them
    when: datetime
    scope: str = Field(default="portraits of the subject", max_length=1000)  # what was agreed to, in short
    text_hash: str = Field(pattern="^[0-9a-f]{64}$")
    expires: datetime | None = None
    assumed: bool = False  # nobody was asked (the embedded default)

    def __init__(self, *, text: str | None = None, **data: Any) -> None:
        """`text` instead of `text_hash`; `when` is now if it is left out. Times without a zone are local ones."""
        if text is not None:
            data["text_hash"] = hashlib.sha256(text.encode()).hexdigest()
        data.setdefault("when", datetime.now(UTC))
        try:
            super().__init__(**data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            remedy = "; give the text that was agreed to (text=…) or its SHA-256" if where == "text_hash" else ""
            raise InvalidRequest(f"consent: {where}: {first['msg'].lower()}{remedy}", param="consent") from error

    @field_validator("when", "expires")
    @classmethod
    def _zoned(cls, value: datetime | None) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    @classmethod
    def nobody_asked(cls, subject: str) -> Consent:
        """What is recorded where none was given and none is required."""
        return cls(subject=subject, by="whoever runs Portraitist here", text=_NOBODY_ASKED, assumed=True)


def check(consent: Consent | None, *, shared: bool, now: float) -> None:
    """Refuse a creation: in a cluster (`shared`) without a person's consent, anywhere with one that is over. The operator allows
    the first with PORTRAITIST_CONSENT=optional, on clients and workers. Raises ConsentMissing, ConsentExpired."""
    if shared and (consent is None or consent.assumed) and os.environ.get("PORTRAITIST_CONSENT") != "optional":
        raise ConsentMissing(
            "a cluster creates nobody without the person's consent: pass consent=portraitist.Consent(subject=…, by=…, text=…), "
            "or have the operator set PORTRAITIST_CONSENT=optional",
            param="consent",
        )
    if consent is not None and consent.expires is not None and consent.expires.timestamp() <= now:
        raise ConsentExpired(
            f"the consent of {consent.subject!r} ended on {consent.expires:%Y-%m-%d %H:%M} UTC; ask the person again",
            param="consent",
        )


def end_of(consent: Consent, retain_days: float | None, *, now: float) -> float | None:
    """When the persona expires, in seconds since the epoch: with the consent, or after so many days. None: never."""
    if retain_days is not None and not 0 < retain_days < _FOR_EVER_DAYS:
        raise InvalidRequest(
            f"retain_days={retain_days!r}: expected a number of days above 0; leave it out to keep the persona",
            param="retain_days",
        )
    ends = [consent.expires.timestamp()] if consent.expires else []
    if retain_days is not None:
        ends.append(now + timedelta(days=retain_days).total_seconds())
    return min(ends, default=None)
