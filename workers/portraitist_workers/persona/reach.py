"""How far this person can be moved: as far as photos show, and beyond as far as the pictures stay the person's.

What the photos show is the solid part. Beyond, the prior knows how heads turn and mouths smile; how far the person holds there is
measured, on pictures of the finished persona, by the identity network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from portraitist.attributes import ATTRIBUTES
from portraitist.results import Reach

from ..precision import optimisation_dtype
from . import hull
from .axes import spread
from .control import solve
from .judge import Judge, identity_scores
from .model import PersonaModel
from .rendering import render

# Outwards from the photos, at these values; the ends are as far as the prior has seen faces. Of yaw they are as far as learning shows
# views (`elsewhere.ENDS`): at 30 degrees heads of frontal photos were squeezed, though still like the person.
PROBED = {
    "yaw": (-25, -20, -15, -10, -5, 5, 10, 15, 20, 25),
    "pitch": (-15, -12, -9, -6, -3, 3, 6, 9, 12, 15),
    "roll": (-9, -6, -3, 3, 6, 9),
    "smile": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "mouth_open": (0.0, 0.15, 0.3, 0.45, 0.6),
    "eyes_open": (0.0, 0.25, 0.5, 0.75, 1.0),
}
PROBES = 3  # random portraits that are moved
LOSS = 0.05  # of likeness that may be lost against the same portraits unmoved, where the person's own photos differ by less
MISSED = 0.45  # of the way from the photos to the value that may be missing in what is measured


@torch.no_grad()
def measured(reach: Sequence[Reach], model: PersonaModel, judge: Judge) -> list[Reach]:
    """`reach` of the photos (of_photos), extended as far as likeness holds and the attribute answers.

    Likeness is the mean cosine to the photos. It holds down to the 5th percentile of what the photos score among each other, or to LOSS
    below what the unmoved portraits score, whichever is less. Where nobody is known, it is the cosine to the same portrait unmoved, and
    holds down to the network's own limit.
    """
    w = hull.sample(model.anchors, PROBES, torch.Generator().manual_seed(0))
    images, base = _seen(model, judge, w)
    unmoved = _embedded(judge, images)

    def likeness(moved: Tensor) -> Tensor:
        found = _embedded(judge, moved)
        if judge.known:
            return torch.cat([identity_scores(part, judge.embeddings) for part in found.split(16)])
        return (found * unmoved.repeat(len(found) // len(unmoved), 1)).sum(1)

    if judge.known:
        floor = min(float(judge.scale.quantile(0.05)), float(likeness(images).mean()) - LOSS)
    else:
        floor = judge.identity.same_person
    return [
        _extended(r, model, judge, w, base, likeness, floor)
        if r.attribute in PROBED and r.attribute in judge.attributes.names
        else r
        for r in reach
    ]


def _extended(
    reach: Reach,
    model: PersonaModel,
    judge: Judge,
    w: Tensor,
    base: Tensor,
    likeness_of: Callable[[Tensor], Tensor],
    floor: float,
) -> Reach:
    name = reach.attribute
    probed = [float(v) for v in PROBED[name] if not reach.low <= v <= reach.high]
    if not probed:
        return reach
    index = judge.attributes.names.index(name)
    values = torch.tensor(probed).to(w).repeat_interleave(len(w))  # [V * P]
    start, held = w.repeat(len(probed), 1), base.repeat(len(probed), 1)
    change = torch.zeros(len(start), len(model.axes.names)).to(w)
    change[:, model.axes.names.index(name)] = values - held[:, index]
    wanted = torch.full_like(held, float("nan"))
    wanted[:, index] = values
    found = solve(
        model.axes.move(start, change),
        wanted,
        held,
        model.response,
        lambda x: _seen(model, judge, x)[1],
        rounds=4,
        more=0,
    )
    images = render(model.generator, found.w, dtype=optimisation_dtype())
    likeness = likeness_of(images).view(len(probed), -1).mean(1).tolist()
    reached = found.measured[:, index].view(len(probed), -1).mean(1).tolist()
    low, high = reach.low, reach.high
    for side in (-1, 1):
        end = reach.low if side < 0 else reach.high
        for value, like, got in sorted(zip(probed, likeness, reached, strict=True), key=lambda row: side * row[0]):
            if side * (value - end) <= 0:
                continue
            if like < floor:
                break
            if abs(got - value) <= max(
                MISSED * abs(value - end), 0.3 * spread(name)
            ):  # small ones may be hard to see where larger are not
                low, high = (value, high) if side < 0 else (low, value)
    return reach.model_copy(update={"low": round(low, 3), "high": round(high, 3)})


def _seen(model: PersonaModel, judge: Judge, w: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures of w [B, D], and what is measured on them [B, A]."""
    images = render(model.generator, w, dtype=optimisation_dtype())
    return images, torch.cat([judge.attributes(part)[0] for part in images.split(16)])


def _embedded(judge: Judge, images: Tensor) -> Tensor:
    return torch.cat([judge.identity(part) for part in images.split(16)])


MARGIN = 0.08  # how far beyond the photos a request may go, as a share of the range they cover


def of_photos(names: Sequence[str], values: Sequence[Sequence[float]]) -> list[Reach]:
    """Per attribute, from the photos' values [N][M]: their range, holes in it, and the photo to add next."""
    reach = []
    for m, name in enumerate(names):
        column = sorted(row[m] for row in values)
        attribute = ATTRIBUTES.get(name)
        unit = attribute.unit if attribute else ""
        span = max(column[-1] - column[0], 1e-6)
        low, high = column[0] - MARGIN * span, column[-1] + MARGIN * span
        if attribute:
            low, high = max(low, attribute.low), min(high, attribute.high)
        gap = 15.0 if unit == "deg" else 0.35 if attribute else span / 2
        holes = [(round(a, 3), round(b, 3)) for a, b in zip(column[:-1], column[1:], strict=True) if b - a > gap]
        low, high = round(low, 3), round(high, 3)
        reach.append(
            Reach(
                attribute=name,
                unit=unit,
                low=low,
                high=high,
                photos_low=low,
                photos_high=high,
                holes=holes,
                advice=_advice(name, unit, column, holes),
            )
        )
    return reach


_WANTED = {
    "yaw": (-20.0, 20.0),
    "pitch": (-8.0, 8.0),
    "roll": (-8.0, 8.0),
    "smile": (0.1, 0.8),
    "mouth_open": (0.1, 0.4),
    "eyes_open": (0.3, 0.9),
}
_SIDES = {
    "yaw": ("turned to the image's left", "turned to the image's right"),
    "pitch": ("looking down", "looking up"),
    "roll": ("tilted counter-clockwise", "tilted clockwise"),
    "smile": ("with a neutral mouth", "with a broad smile"),
    "mouth_open": ("with closed lips", "with the mouth open"),
    "eyes_open": ("with closed eyes", "with open eyes"),
}


def _advice(name: str, unit: str, column: list[float], holes: list[tuple[float, float]]) -> str:
    """Which photo to add next; empty when nothing is missing."""
    if name not in _WANTED:
        return ""
    low, high = _WANTED[name]
    shortfall = (column[0] - low, high - column[-1])
    if max(shortfall) > 0:
        side = shortfall[1] > shortfall[0]
        beyond = f"{(high if side else low):g}{'°' if unit == 'deg' else ''}"
        return f"add a photo {_SIDES[name][side]} ({name} about {beyond}; the photos end at {column[-1 if side else 0]:.2g})"
    if holes:
        a, b = max(holes, key=lambda h: h[1] - h[0])
        return f"add a photo with {name} near {(a + b) / 2:.2g}: there is none between {a:.2g} and {b:.2g}"
    return ""
