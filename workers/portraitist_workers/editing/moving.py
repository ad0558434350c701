"""Attributes of an opened photo changed, everything else held. A second or two, as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from portraitist.errors import InvalidRequest

from ..persona.axes import spread
from ..persona.rendering import render
from ..persona.steering import steer
from ..persona.warm import WarmPersona
from ..precision import optimisation_dtype
from .carrying import pictures
from .opening import OpenedPhoto

NEAR = 0.15  # spreads: a named attribute that is off by no more is not corrected
MOST = 0.5  # spreads: so much at most is made up for
ROUNDS = 2  # of the generator's picture: what it has beyond them is lost in the photo anyway


def absolute(person: WarmPersona, photo: OpenedPhoto, values: dict[str, float]) -> dict[str, float]:
    """Targets in absolute units for `values` that are changes: counted from what was measured on the photo. Raises InvalidRequest."""
    names, start = person.judge.attributes.names, _coordinates(person, photo)
    for name in values:
        if name not in names and name not in start:
            raise InvalidRequest(f"cannot change {name!r}: this persona has no control for it", param=name)
    return {
        name: change + (float(photo.measured[names.index(name)]) if name in names else start[name])
        for name, change in values.items()
    }


def moved(
    person: WarmPersona,
    photo: OpenedPhoto,
    targets: Sequence[dict[str, float]],
    follow: Sequence[dict[str, float]] | None = None,
    *,
    start: OpenedPhoto | None = None,
    listen: Callable[[], None] = lambda: None,
) -> Tensor:
    """Latents [B, num_ws, D] at which the photo shows `targets`, one row each, and in all that they do not name `follow` or its own values.

    start   the photo as earlier changes have left it: its `w`, `measured` and `shown` are begun from. None: as it is
    listen  is called now and then; what it raises ends the work

    The generator's pictures are steered, which is quick. What of that is lost when the photo's pixels move is measured on the face that
    they make, and once made up for.
    """
    model, judge, begun = person.model, person.judge, start or photo
    values_before = _coordinates(person, begun) | dict(zip(model.response.names, begun.measured.tolist(), strict=True))
    lost = begun.shown - begun.measured  # [A] or [B, A]: what the generator's picture has more than the photo

    def measure(latents: Tensor) -> Tensor:
        listen()
        shown = (render(photo.generator, part, dtype=optimisation_dtype()) for part in latents.split(16))
        return torch.cat([judge.attributes(part)[0] for part in shown]) - lost

    B = len(targets)
    starts = photo.w.new_tensor([[values_before[name] for name in model.axes.names]]).expand(B, -1)
    held = begun.measured.repeat(B, 1)
    for row, values in zip(held, follow or [], strict=False):
        for name, value in values.items():
            row[model.response.names.index(name)] = value
    w = steer(model, begun.w.expand(B, -1, -1), targets, starts, held, measure, rounds=ROUNDS)
    found = _measured(person, photo, w)
    off = _missed(model.response.names, targets, found)
    if bool((off > NEAR).any()):
        limit = MOST * w.new_tensor([spread(name) for name in model.response.names])
        lost = lost + torch.clamp(measure(w) - found, -limit, limit)
        again = steer(model, begun.w.expand(B, -1, -1), targets, starts, held, measure, rounds=ROUNDS)
        better = _missed(model.response.names, targets, _measured(person, photo, again)) < off
        w = torch.where(better[:, None, None], again, w)
    return w


@torch.no_grad()
def _measured(person: WarmPersona, photo: OpenedPhoto, w: Tensor) -> Tensor:
    return person.judge.attributes(pictures(photo, w))[0]


def _missed(names: Sequence[str], targets: Sequence[dict[str, float]], found: Tensor) -> Tensor:
    """How far each row's named attributes are off, in spreads, [B]."""
    return torch.stack(
        [
            max(
                (abs(row[names.index(n)] - v) / spread(n) for n, v in values.items() if n in names),
                default=row.new_zeros(()),
            )
            for values, row in zip(targets, found, strict=True)
        ]
    )


def _coordinates(person: WarmPersona, photo: OpenedPhoto) -> dict[str, float]:
    """Where the photo's latent lies on the person's axes."""
    axes = person.model.axes
    return dict(zip(axes.names, axes.coordinates(photo.w.mean(1))[0].tolist(), strict=True))
