"""The photos that a person is learnt from, as they go into a request: with the app's own values, and what else names one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .errors import InvalidRequest
from .photos import PhotoLike, gather, stored
from .requests import Photo
from .submission import Uploads

# Arguments of the verbs, which an attribute cannot be called.
_RESERVED = {"n", "grid", "seed", "strict", "wait", "relative", "space", "photo", "degradation", "webhook", "self"}
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,31}")


def uploaded(
    uploads: Uploads,
    photos: PhotoLike | Iterable[PhotoLike],
    labels: Mapping[str, Mapping[str, float]],  # as `checked_labels` returns them
    **naming: Iterable[str],  # arguments that hold names of photos, by their own names
) -> list[Photo]:
    """All of them, uploaded. Raises InvalidRequest for a name that is no photo's, and what `gather` raises."""
    found = [stored(uploads, file, source, dict(labels.get(file, {}))) for file, source in gather(photos)]
    names = [photo.name for photo in found]
    for param, named in {"labels": labels, **naming}.items():
        for name in sorted(named):
            if name not in names:
                known = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
                raise InvalidRequest(
                    f"{param} names {name!r}, which is not among the photos ({known}); use the bare file names",
                    param=param,
                )
    return found


def checked_labels(labels: Mapping[str, Mapping[str, float]] | None) -> dict[str, dict[str, float]]:
    """A copy. Raises InvalidRequest for what cannot be an attribute's name or value."""
    result = {file: dict(values) for file, values in (labels or {}).items()}
    for file, values in result.items():
        for attribute, value in values.items():
            if not _IDENTIFIER.fullmatch(attribute) or attribute in _RESERVED:
                raise InvalidRequest(
                    f"labels of {file!r}: {attribute!r} cannot be an attribute's name; use lower-case letters, digits and _, "
                    f"none of {', '.join(sorted(_RESERVED))}",
                    param="labels",
                )
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or value != value
                or abs(value) == float("inf")
            ):
                raise InvalidRequest(f"labels of {file!r}: {attribute}={value!r} is no finite number", param="labels")
    return result
