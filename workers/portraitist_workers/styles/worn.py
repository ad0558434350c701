"""A face in a style: the same latent drawn by two generators at once, whose features are mixed place by place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from portraitist.errors import InvalidRequest

from ..collage.interpolation import Size, Source, interpolate
from ..collage.regions import region
from ..collage.weights import of_image, second
from ..generator import Generator, StyleGAN2

SHAPE = range(6)  # positions of layers, up to the first of 16 px, that pose and shape follow; colours come later


@dataclass(frozen=True, eq=False)
class Worn:
    """plain, image [1, 3, R, R]: the face before and in the style. where [1, 1, R, R]: 1 in the region, 0 where nothing changed."""

    plain: Tensor
    image: Tensor
    where: Tensor


@torch.no_grad()
def worn(
    own: Generator,
    styled: Generator,
    w: Tensor,
    *,
    strength: float = 1.0,
    part: str | None = None,
    colours: Tensor | None = None,
) -> Worn:
    """The face at w [1, D] or [1, num_ws, D]. f <- (1 - a) f_own + a f_styled at every layer, a being `strength` within the region `part`
    (`collage.regions`; None: everywhere) and 0 elsewhere. At strength 0 it is the own generator's picture, at 1 the styled one's.
    `colours`: the latent of another face, whose styles the styled one has from 16 px on (the paper's multimodal translation).

    Of other kinds, whose features cannot be reached, weights are mixed in place of features, and pictures in place of regions. They take
    no colours. Raises InvalidRequest."""
    if not isinstance(own, StyleGAN2) or not isinstance(styled, StyleGAN2):
        if colours is not None:
            raise InvalidRequest(f"a generator of the kind {own.kind!r} takes no colours; leave like out", param="like")
        return _by_weights(own, styled, w, strength, part)
    sources = [Source(one.synthesis, one.styles(w)) for one in (own, styled)]
    if colours is not None:
        later = styled.styles(colours)[len(SHAPE) :]
        sources[1] = Source(styled.synthesis, [*sources[1].styles[: len(SHAPE)], *later])
    plain = sources[0].image()
    if part is None:
        where = torch.ones_like(plain[:, :1])

        def even(size: Size) -> Tensor:
            return torch.full((1, 1, *size), strength).to(plain)

        return Worn(plain, interpolate(sources, second(even)), where)
    where = region(torch.cat([plain, sources[1].image().clamp(-1, 1)]), part)
    mask = of_image(where)
    return Worn(plain, interpolate(sources, second(lambda size: strength * mask(size)), within=mask), where)


def _by_weights(own: Generator, styled: Generator, w: Tensor, strength: float, part: str | None) -> Worn:
    mixed = own.copy()
    for weight, towards in zip(mixed.weights().values(), styled.weights().values(), strict=True):
        weight.lerp_(towards, strength)
    plain, image = own.images(w), mixed.images(w)
    if part is None:
        return Worn(plain, image, torch.ones_like(plain[:, :1]))
    where = region(torch.cat([plain, styled.images(w)]).clamp(-1, 1), part)
    return Worn(plain, plain + where * (image - plain), where)
