"""A face put together anew: its latent with parts of others in it, and where its parts go."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.errors import InvalidRequest
from portraitist.requests import PartChange
from portraitist.results import ClassMap

from ..generator import Generator
from ..generator.parts import Composition, Made, Parts, PartsConfig
from ..generator.parts.mixing import BASE

NEAR = 4 / 128  # of the side, about the parts that changed


def parts_of(generator: Generator, prior: str) -> Parts:
    """Raises InvalidRequest for a generator without parts."""
    if not isinstance(generator, Parts):
        raise InvalidRequest(
            f"this persona was made from the prior {prior!r}, which has no parts; create it with prior='default-parts'",
            param="part",
        )
    return generator


def checked(config: PartsConfig, changes: Sequence[PartChange], only: Sequence[str], likes: int) -> None:
    """Raises InvalidRequest for parts that there are not, and for photos that were not given."""
    for name in (*(change.part for change in changes), *only):
        if name not in (*config.parts, BASE):
            raise InvalidRequest(f"there is no part {name!r}; there are {', '.join(config.parts)}", param="part")
    for change in changes:
        if change.like is not None and change.like >= likes:
            raise InvalidRequest(
                f"{change.part} is to be like photo {change.like}, but {likes} were given, counted from 0", param="like"
            )
        if change.like is not None and change.draw is not None:
            raise InvalidRequest(
                f"{change.part} is to be like a photo and drawn at random: give one of both", param="like"
            )


def composition_of(generator: Parts, w: Tensor, changes: Sequence[PartChange], only: Sequence[str]) -> Composition:
    """Where the parts of w [1, D] go. A part is scaled about its own middle."""
    config, side = generator.config, generator.resolution
    gone = {change.part for change in changes if change.leave_out}
    if only:
        gone |= set(Composition.only(config, only).without)
    if len(gone) == len(config.parts):
        raise InvalidRequest("no part would be left; leave out fewer", param="part")
    moved = {c.part: (c.dx / side, c.dy / side) for c in changes if c.dx or c.dy}
    scaled = {c.part: c.scale for c in changes if c.scale != 1.0}
    centres = _middles(generator, w, scaled) if scaled else {}
    return Composition(tuple(sorted(gone, key=config.parts.index)), moved=moved, scaled=scaled, centres=centres)


@torch.no_grad()
def _middles(generator: Parts, w: Tensor, names: Iterable[str]) -> dict[str, tuple[float, float]]:
    classes, found = generator.make(w).classes[0], {}
    for name in names:
        rows, columns = torch.nonzero(classes == generator.config.part(name), as_tuple=True)
        if len(rows):
            found[name] = (
                (float(columns.float().mean()) + 0.5) / len(classes),
                (float(rows.float().mean()) + 0.5) / len(classes),
            )
    return found


def class_map(made: Made, names: Sequence[str]) -> ClassMap:
    """Of the first picture."""
    classes = made.classes[0].to("cpu", torch.uint8)
    data = base64.b64encode(zlib.compress(classes.numpy().tobytes(), 9)).decode()
    return ClassMap(names=list(names), side=len(classes), data=data)


def around(before: Made, after: Made, numbers: Sequence[int], near: float = NEAR) -> Tensor:
    """[B, 1, R, R], 1 near the numbered parts of either picture: so many of its sides from them."""
    mask = torch.zeros_like(before.image[:, :1])
    for number in numbers:
        for made in (before, after):
            mask = torch.maximum(mask, (made.classes == number).float()[:, None])
    reach = round(near * mask.shape[-1])
    return F.max_pool2d(mask, 2 * reach + 1, 1, reach)


def change_by_place(before: Made, after: Made, numbers: Sequence[int]) -> tuple[float, float]:
    """Mean absolute change (0-255) near the numbered parts, and elsewhere, over all pictures."""
    near = around(before, after, numbers)
    change = 127.5 * (after.image.clamp(-1, 1) - before.image.clamp(-1, 1)).abs().mean(1, keepdim=True)
    inside = float((change * near).sum() / near.sum().clamp(min=1))
    return inside, float((change * (1 - near)).sum() / (1 - near).sum().clamp(min=1))
