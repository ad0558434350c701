"""Every error that Portraitist raises on purpose.

PortraitistError
├── InvalidRequest            the call itself is wrong: fix the arguments
│   ├── UnknownAttribute      an attribute name that this persona or SDK does not know
│   ├── OutOfRange            a value outside the attribute's range, or (strict=True) outside the person's reach
│   ├── InvalidImage          a file that is not a usable picture (`param` names the file)
│   ├── UrlRefused            an address that is not connected to: not https, malformed, or not on the public internet
│   └── LicenceNotAccepted    weights whose licence must be accepted before they are imported
├── PhotosUnusable            fewer than 3 usable photos; `.photos` holds the verdict on each
├── FaceNotFound              no face, or not this persona's face, in a picture to edit or enhance
├── NotFound                  no such persona, job or blob
│   ├── PersonaDeleted        it existed and was deleted
│   └── PersonaExpired        its consent, or the time that it was to be kept, is over
├── ConsentMissing            a persona cannot be created here without the person's recorded consent
├── ConsentExpired            the consent for a persona to create is over already
├── QuotaExceeded             as many queued jobs or personas of a tenant, or jobs of a key, as there may be; `.quota`, `.count`, `.limit`
├── Conflict                  the name or idempotency key is taken by a different request
├── PriorUnavailable          the generator's or a network's weights are missing or damaged
│   ├── PriorRefused          a file to import that is no generator, or not one that can be read safely (`param`: the file)
│   ├── PriorNotCalibrated    an imported prior whose W has not been measured yet
│   └── PriorAssetMissing     a prior that has not the asset that was asked for (`param`: the asset)
├── CertificateUnusable       the certificate that pictures are signed with, or its key, cannot be used
├── DownloadFailed            a file could not be fetched, or is not what it should be
├── SignatureInvalid          a webhook or receipt that we did not sign, that was changed, or (webhook) that is too old
├── StorageError              the store could not be read or written (`StorageFull` when the disk is full)
│   ├── StorageFull
│   └── StorageUnavailable    its server could not be reached, or refuses for now
├── QueueUnavailable          no worker process, or no Redis server, could be started or reached
├── JobError                  a job ended without a result; `.job_id` says which
│   ├── JobFailed             `.code` and `.stage` say why and where
│   ├── JobTimedOut           an attempt took longer than its time limit; `.stage`
│   └── JobCancelled
└── WaitTimeout               the wait ended, the job goes on (also a builtin TimeoutError)

Every error has `code` (stable, snake_case), a message that says what was wrong, where, and what to do, and
optionally `param` (the argument or file it is about). `to_dict` / `from_dict` carry it between processes. `status` is the HTTP status
that the API answers with.
"""

from __future__ import annotations

from typing import Any, ClassVar


def printable(text: str, *, keep: str = "") -> str:
    """For messages and terminals: control characters (but those in `keep`) and all others that cannot be printed as "?"."""
    return "".join(c if c.isprintable() or c in keep else "?" for c in text)


class PortraitistError(Exception):
    """Base class. `code` is derived from the class name."""

    status: ClassVar[int] = 500  # as an answer over HTTP; each class that differs from its parent says so

    def __init__(self, message: str, *, param: str | None = None, **details: Any) -> None:
        self.message = printable(message, keep="\n")  # it often quotes a stranger's file
        super().__init__(self.message)
        self.param = param
        self.details = details

    @property
    def code(self) -> str:
        name = type(self).__name__
        return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "param": self.param, "details": self.details}


class InvalidRequest(PortraitistError):
    """The call itself is wrong: fix the arguments."""

    status = 422


class UnknownAttribute(InvalidRequest):
    """An attribute name that this persona or SDK does not know."""


class OutOfRange(InvalidRequest):
    """A value outside the attribute's range or, with strict=True, outside the person's reach."""


class InvalidImage(InvalidRequest):
    """A file that is not a usable picture; `param` names the file."""


class UrlRefused(InvalidRequest):
    """An address that is not connected to: not https, malformed, or not on the public internet."""


class LicenceNotAccepted(InvalidRequest):
    """The weights' licence must be accepted before they are imported; the message quotes it."""


class PhotosUnusable(PortraitistError):
    """Fewer than 3 usable photos. `.photos` is the list of verdicts (as dictionaries)."""

    status = 422

    @property
    def photos(self) -> list[dict[str, Any]]:
        return list(self.details.get("photos", ()))


class FaceNotFound(PortraitistError):
    """No face, or not this persona's face, in a picture to edit or enhance. `.faces` are those that were found."""

    status = 422

    @property
    def faces(self) -> list[dict[str, Any]]:
        """Each with its `corners` in px of the photo, and its `likeness` to the person."""
        return list(self.details.get("faces", ()))


class NotFound(PortraitistError):
    """No such persona, job or blob."""

    status = 404


class PersonaDeleted(NotFound):
    """It existed and was deleted."""

    status = 410


class PersonaExpired(NotFound):
    """Its consent, or the time that it was to be kept, is over."""

    status = 410


class ConsentMissing(PortraitistError):
    """A persona cannot be created here without the person's recorded consent."""

    status = 422


class ConsentExpired(PortraitistError):
    """The consent for a persona to create is over already."""

    status = 422


class QuotaExceeded(PortraitistError):
    """The tenant has as many queued jobs or personas as it may have, or the API key has submitted as many jobs today as it may."""

    status = 429

    @property
    def quota(self) -> str | None:
        """Which one: "queued", "personas" or "jobs"."""
        return self.details.get("quota")

    @property
    def count(self) -> int | None:
        return self.details.get("count")

    @property
    def limit(self) -> int | None:
        return self.details.get("limit")


class Conflict(PortraitistError):
    """The name or idempotency key is taken by a different request."""

    status = 409


class PriorUnavailable(PortraitistError):
    """The generator's or a network's weights are missing or damaged."""

    status = 503


class PriorRefused(PriorUnavailable):
    """A file to import that is no generator, or not one that can be read safely; `param` names the file."""

    status = 422


class PriorNotCalibrated(PriorUnavailable):
    """An imported prior whose W has not been measured yet: calibrate it first."""

    status = 409


class PriorAssetMissing(PriorUnavailable):
    """A prior that has not the asset that was asked for; `param` names the asset."""

    status = 404


class CertificateUnusable(PortraitistError):
    """The certificate that pictures are signed with, or its key, cannot be used; `param` names the setting."""

    status = 500


class DownloadFailed(PortraitistError):
    """A file could not be fetched, or what came is not what it should be."""

    status = 502


class SignatureInvalid(PortraitistError):
    """A webhook or a receipt that we did not sign, that was changed, or (webhooks) that is too old."""

    status = 400


class StorageError(PortraitistError):
    """The store could not be read or written."""

    status = 500


class StorageFull(StorageError):
    """The disk that holds the store is full."""

    status = 507


class StorageUnavailable(StorageError):
    """The store's server could not be reached, or refuses for now."""

    status = 503


class QueueUnavailable(PortraitistError):
    """No worker process, or no Redis server, could be started or reached."""

    status = 503


class JobError(PortraitistError):
    """A job ended without a result."""

    status = 409

    @property
    def job_id(self) -> str | None:
        return self.details.get("job_id")

    @property
    def stage(self) -> str | None:
        return self.details.get("stage")


class JobFailed(JobError):
    """The job failed for a reason that has no class of its own; `.stage` says where."""


class JobTimedOut(JobError):
    """An attempt took longer than its time limit, and was stopped; `.stage` says where."""


class JobCancelled(JobError):
    """The job was cancelled."""


class WaitTimeout(PortraitistError, TimeoutError):
    """The wait ended; the job goes on."""

    status = 409


def _classes(root: type[PortraitistError]) -> list[type[PortraitistError]]:
    return [root] + [c for sub in root.__subclasses__() for c in _classes(sub)]


def from_dict(data: dict[str, Any]) -> PortraitistError:
    """The typed error that `to_dict` described; unknown codes become `JobFailed`."""
    by_code = {cls("").code: cls for cls in _classes(PortraitistError)}
    cls = by_code.get(data.get("code", ""), JobFailed)
    return cls(str(data.get("message", "")), param=data.get("param"), **data.get("details", {}))
