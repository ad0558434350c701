"""The one door that pictures leave by: marked, then signed."""

from __future__ import annotations

from pydantic import BaseModel

from portraitist.results import PersonaRecord, Pictures

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


def refuse_unmarked(result: BaseModel, context: Gallery) -> None:
    """Raises AssertionError, a fault of ours, for a result with a picture that did not pass the door."""
    handed_out: set[str | None] = set()
    if isinstance(result, Pictures):
        handed_out = {digest for picture in result.pictures for digest in (picture.blob, picture.crop)} | {result.sheet}
    elif isinstance(result, PersonaRecord):
        handed_out = {result.preview}
    if handed_out - context.pictures - {None}:
        raise AssertionError("a picture was about to be handed out without its mark")
