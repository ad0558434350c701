"""The one door that pictures leave by: marked, then signed."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel

from .origin import MarkedImage, Origin


class Gallery:
    """Part of every context. `pictures`: digests of those that were marked and signed."""

    def __init__(self) -> None:
        self.pictures: set[str] = set()

    def put(self, data: bytes) -> str:
        raise NotImplementedError

    def put_picture(self, picture: MarkedImage, origin: Origin) -> str:
        """Sign and store it. Raises CertificateUnusable, StorageFull, StorageError."""
        from .signing import signed_png  # not before there is a picture: it loads a library of 20 MB

        digest = self.put(signed_png(picture, origin))
        self.pictures.add(digest)
        return digest


def refuse_unmarked(result: BaseModel, pictures: Collection[str]) -> None:
    """Raises AssertionError, a fault of ours, for a result with a picture that is not among `pictures`, which were marked and signed.

    It also does so for a result whose type does not say which pictures it carries (`handed_out()`)."""
    handed_out = getattr(result, "handed_out", None)
    if handed_out is None:
        raise AssertionError(f"{type(result).__name__} does not say which pictures it carries")
    if handed_out() - set(pictures):
        raise AssertionError("a picture was about to be handed out without its mark")
