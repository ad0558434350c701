"""What may have happened to a picture before it reached us: the vocabulary of `persona.enhance`.

Sizes are in pixels of the *aligned face crop* at the prior's resolution, so that they mean the same for every photo.
A chain is a list, applied in order: `[GaussianBlur(1.5), Downsample(4), Jpeg(30)]`.
"""

from __future__ import annotations

import base64
import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import InvalidRequest


class _Degradation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **data: Any) -> None:
        """Raises InvalidRequest that names the argument."""
        try:
            super().__init__(**data)
        except ValidationError as error:
            first = error.errors()[0]
            where = f"{type(self).__name__}.{'.'.join(str(part) for part in first['loc'])}"
            raise InvalidRequest(f"{where}={first['input']!r}: {first['msg'].lower()}", param=where) from error


class Downsample(_Degradation):
    """Area downsampling by `factor` (2-16)."""

    kind: Literal["downsample"] = "downsample"
    factor: int = Field(8, ge=2, le=16)

    def __init__(self, factor: int = 8, **data: Any) -> None:
        super().__init__(factor=factor, **data)


class Mask(_Degradation):
    """Missing pixels. `image` is a black and white picture of the photo's shape: white = missing, black = keep.

    A path, an encoded picture (bytes) or a PIL image; on the wire, the digest of its blob."""

    kind: Literal["mask"] = "mask"
    image: str

    def __init__(self, image: Any = "", **data: Any) -> None:
        if isinstance(image, bytes):
            image = _INLINE + base64.b64encode(image).decode()
        elif hasattr(image, "save"):  # a PIL image
            from .photos import read_bytes

            image = _INLINE + base64.b64encode(read_bytes(image)[1]).decode()
        elif isinstance(image, os.PathLike):
            image = os.fspath(image)
        if not isinstance(image, str):
            raise InvalidRequest(
                f"the mask is a {type(image).__name__}; expected a path, an encoded picture (bytes) or a PIL image",
                param="degradation",
            )
        super().__init__(image=image, **data)

    def source(self) -> str | bytes:
        """The path, or the encoded picture."""
        return base64.b64decode(self.image.removeprefix(_INLINE)) if self.image.startswith(_INLINE) else self.image


_INLINE = "data:image;base64,"


class GaussianBlur(_Degradation):
    """Gaussian blur with `sigma` pixels."""

    kind: Literal["gaussian_blur"] = "gaussian_blur"
    sigma: float = Field(2.0, gt=0, le=20)

    def __init__(self, sigma: float = 2.0, **data: Any) -> None:
        super().__init__(sigma=sigma, **data)


class MotionBlur(_Degradation):
    """Straight motion blur: `length` pixels along `angle` degrees (0 = horizontal)."""

    kind: Literal["motion_blur"] = "motion_blur"
    length: float = Field(9.0, gt=1, le=64)
    angle: float = 0.0

    def __init__(self, length: float = 9.0, angle: float = 0.0, **data: Any) -> None:
        super().__init__(length=length, angle=angle, **data)


class Noise(_Degradation):
    """Additive Gaussian noise; `sigma` in 8-bit grey levels."""

    kind: Literal["noise"] = "noise"
    sigma: float = Field(15.0, gt=0, le=100)

    def __init__(self, sigma: float = 15.0, **data: Any) -> None:
        super().__init__(sigma=sigma, **data)


class Jpeg(_Degradation):
    """JPEG compression at `quality` (1-95)."""

    kind: Literal["jpeg"] = "jpeg"
    quality: int = Field(30, ge=1, le=95)

    def __init__(self, quality: int = 30, **data: Any) -> None:
        super().__init__(quality=quality, **data)


class Greyscale(_Degradation):
    """Colour was lost."""

    kind: Literal["greyscale"] = "greyscale"


Degradation = Annotated[
    Downsample | Mask | GaussianBlur | MotionBlur | Noise | Jpeg | Greyscale, Field(discriminator="kind")
]
DEGRADATIONS = (Downsample, Mask, GaussianBlur, MotionBlur, Noise, Jpeg, Greyscale)
