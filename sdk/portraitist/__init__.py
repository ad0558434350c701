"""Portraitist: learn one person from their photos, then synthesise, edit and restore portraits of them.

    import portraitist
    studio = portraitist.connect()
    ana = studio.personas.create("ana", photos="photos/", seed=0).wait(progress=True)
    ana.synthesize(yaw=20, smile=0.8, seed=7).save("ana.png")

The names below are the public ones. Each is imported on first use, so that `import portraitist` costs a few milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.2.0"

_HOME = {
    "studio": ("Studio", "connect"),
    "persona": ("Persona",),
    "consent": ("Consent",),
    "photos": ("Link",),
    "vault.receipts": ("Receipt",),
    "webhooks.wire": ("Webhook", "WebhookEvent"),
    "picture": ("Grid", "Picture"),
    "parts": ("Part",),
    "segmentation": ("Segmentation",),
    "jobs": ("Cancelled", "Event", "Failed", "Job", "Queued", "Running", "Status", "Succeeded"),
    "attributes": ("ATTRIBUTES", "DEFAULT_ATTRIBUTES", "Attribute"),
    "degradations": ("Downsample", "GaussianBlur", "Greyscale", "Jpeg", "Mask", "MotionBlur", "Noise"),
    "results": (
        "AttributeReport",
        "FoundFace",
        "PersonaRecord",
        "PhotoVerdict",
        "PictureReport",
        "PointReport",
        "Progress",
        "Reach",
    ),
    "priors.library": ("Priors",),
    "priors.prior": ("Prior", "PriorCheck"),
    "priors.record": ("PriorRecord",),
    "provenance.credentials": ("Credentials",),
    "provenance.search": ("MarkFound",),
    "provenance.verify": ("Verdict", "verify"),
    "pulls": ("By",),
    "errors": (
        "CertificateUnusable",
        "Conflict",
        "ConsentExpired",
        "ConsentMissing",
        "DownloadFailed",
        "FaceNotFound",
        "InvalidImage",
        "InvalidRequest",
        "JobCancelled",
        "JobError",
        "JobFailed",
        "JobTimedOut",
        "LicenceNotAccepted",
        "NotFound",
        "OutOfRange",
        "PersonaDeleted",
        "PersonaExpired",
        "PhotosUnusable",
        "PortraitistError",
        "PriorAssetMissing",
        "PriorNotCalibrated",
        "PriorRefused",
        "PriorUnavailable",
        "QueueUnavailable",
        "QuotaExceeded",
        "SignatureInvalid",
        "StorageError",
        "StorageFull",
        "StorageUnavailable",
        "UnknownAttribute",
        "UrlRefused",
        "WaitTimeout",
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "ATTRIBUTES",
    "DEFAULT_ATTRIBUTES",
    "Attribute",
    "AttributeReport",
    "By",
    "Cancelled",
    "CertificateUnusable",
    "Conflict",
    "Consent",
    "ConsentExpired",
    "ConsentMissing",
    "Credentials",
    "DownloadFailed",
    "Downsample",
    "Event",
    "FaceNotFound",
    "Failed",
    "FoundFace",
    "GaussianBlur",
    "Greyscale",
    "Grid",
    "InvalidImage",
    "InvalidRequest",
    "Job",
    "JobCancelled",
    "JobError",
    "JobFailed",
    "JobTimedOut",
    "Jpeg",
    "LicenceNotAccepted",
    "Link",
    "MarkFound",
    "Mask",
    "MotionBlur",
    "Noise",
    "NotFound",
    "OutOfRange",
    "Part",
    "Persona",
    "PersonaDeleted",
    "PersonaExpired",
    "PersonaRecord",
    "PhotoVerdict",
    "PhotosUnusable",
    "Picture",
    "PictureReport",
    "PointReport",
    "PortraitistError",
    "Prior",
    "PriorAssetMissing",
    "PriorCheck",
    "PriorNotCalibrated",
    "PriorRecord",
    "PriorRefused",
    "PriorUnavailable",
    "Priors",
    "Progress",
    "QueueUnavailable",
    "Queued",
    "QuotaExceeded",
    "Reach",
    "Receipt",
    "Running",
    "Segmentation",
    "SignatureInvalid",
    "Status",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "Studio",
    "Succeeded",
    "UnknownAttribute",
    "UrlRefused",
    "Verdict",
    "WaitTimeout",
    "Webhook",
    "WebhookEvent",
    "__version__",
    "connect",
    "verify",
]

if TYPE_CHECKING:
    from .attributes import ATTRIBUTES, DEFAULT_ATTRIBUTES, Attribute
    from .consent import Consent
    from .degradations import Downsample, GaussianBlur, Greyscale, Jpeg, Mask, MotionBlur, Noise
    from .errors import (
        CertificateUnusable,
        Conflict,
        ConsentExpired,
        ConsentMissing,
        DownloadFailed,
        FaceNotFound,
        InvalidImage,
        InvalidRequest,
        JobCancelled,
        JobError,
        JobFailed,
        JobTimedOut,
        LicenceNotAccepted,
        NotFound,
        OutOfRange,
        PersonaDeleted,
        PersonaExpired,
        PhotosUnusable,
        PortraitistError,
        PriorAssetMissing,
        PriorNotCalibrated,
        PriorRefused,
        PriorUnavailable,
        QueueUnavailable,
        QuotaExceeded,
        SignatureInvalid,
        StorageError,
        StorageFull,
        StorageUnavailable,
        UnknownAttribute,
        UrlRefused,
        WaitTimeout,
    )
    from .jobs import Cancelled, Event, Failed, Job, Queued, Running, Status, Succeeded
    from .parts import Part
    from .persona import Persona
    from .photos import Link
    from .picture import Grid, Picture
    from .priors.library import Priors
    from .priors.prior import Prior, PriorCheck
    from .priors.record import PriorRecord
    from .provenance.credentials import Credentials
    from .provenance.search import MarkFound
    from .provenance.verify import Verdict, verify
    from .pulls import By
    from .results import (
        AttributeReport,
        FoundFace,
        PersonaRecord,
        PhotoVerdict,
        PictureReport,
        PointReport,
        Progress,
        Reach,
    )
    from .segmentation import Segmentation
    from .studio import Studio, connect
    from .vault.receipts import Receipt
    from .webhooks.wire import Webhook, WebhookEvent


def __getattr__(name: str) -> object:
    if name in ("priors", "webhooks"):  # modules: portraitist.priors.add(...), portraitist.webhooks.verify(...)
        return importlib.import_module(f".{name}", __name__)
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'portraitist' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
