"""What may have happened to a picture before it reached us: the vocabulary of `persona.enhance`.

Sizes are in pixels of the *aligned face crop* at the prior's resolution, so that they mean the same for every photo.
A chain is a list, applied in order: `[GaussianBlur(1.5), Downsample(4), Jpeg(30)]`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Degradation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Downsample(_Degradation):
    """Area downsampling by `factor` (2-16)."""

    kind: Literal["downsample"] = "downsample"
    factor: int = Field(8, ge=2, le=16)

    def __init__(self, factor: int = 8, **data) -> None:
        super().__init__(factor=factor, **data)


class Mask(_Degradation):
    """Missing pixels. `image` is any picture the size of the input photo: white = keep, black = missing (a blob digest on the wire)."""

    kind: Literal["mask"] = "mask"
    image: str

    def __init__(self, image: str = "", **data) -> None:
        super().__init__(image=str(image), **data)


class GaussianBlur(_Degradation):
    """Gaussian blur with `sigma` pixels."""

    kind: Literal["gaussian_blur"] = "gaussian_blur"
    sigma: float = Field(2.0, gt=0, le=20)

    def __init__(self, sigma: float = 2.0, **data) -> None:
        super().__init__(sigma=sigma, **data)


class MotionBlur(_Degradation):
    """Straight motion blur: `length` pixels along `angle` degrees (0 = horizontal)."""

    kind: Literal["motion_blur"] = "motion_blur"
    length: float = Field(9.0, gt=1, le=64)
    angle: float = 0.0

    def __init__(self, length: float = 9.0, angle: float = 0.0, **data) -> None:
        super().__init__(length=length, angle=angle, **data)


class Noise(_Degradation):
    """Additive Gaussian noise; `sigma` in 8-bit grey levels."""

    kind: Literal["noise"] = "noise"
    sigma: float = Field(15.0, gt=0, le=100)

    def __init__(self, sigma: float = 15.0, **data) -> None:
        super().__init__(sigma=sigma, **data)


class Jpeg(_Degradation):
    """JPEG compression at `quality` (1-95)."""

    kind: Literal["jpeg"] = "jpeg"
    quality: int = Field(30, ge=1, le=95)

    def __init__(self, quality: int = 30, **data) -> None:
        super().__init__(quality=quality, **data)


class Greyscale(_Degradation):
    """Colour was lost."""

    kind: Literal["greyscale"] = "greyscale"


Degradation = Annotated[
    Downsample | Mask | GaussianBlur | MotionBlur | Noise | Jpeg | Greyscale, Field(discriminator="kind")
]
