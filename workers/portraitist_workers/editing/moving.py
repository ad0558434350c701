"""Attributes of an opened photo changed, everything else held. A fraction of a second, as often as one likes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from portraitist.errors import InvalidRequest

from ..persona.rendering import render
from ..persona.steering import steer
from ..persona.warm import WarmPersona
from .opening import OpenedPhoto


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


def moved(person: WarmPersona, photo: OpenedPhoto, targets: Sequence[dict[str, float]]) -> Tensor:
    """Latents [B, num_ws, D] whose pictures show `targets` and, in all that they do not name, the photo's own values."""
    model, judge = person.model, person.judge
    start = _coordinates(person, photo) | dict(zip(model.response.names, photo.measured.tolist(), strict=True))

    def measure(latents: Tensor) -> Tensor:  # as if the picture at `photo.w` measured what the photo does
        shown = torch.cat([judge.attributes(render(photo.generator, part))[0] for part in latents.split(16)])
        return shown - photo.shown + photo.measured

    B = len(targets)
    starts = photo.w.new_tensor([[start[name] for name in model.axes.names]]).expand(B, -1)
    return steer(model, photo.w.expand(B, -1, -1), targets, starts, photo.measured.expand(B, -1), measure)


def _coordinates(person: WarmPersona, photo: OpenedPhoto) -> dict[str, float]:
    """Where the photo's latent lies on the person's axes."""
    axes = person.model.axes
    return dict(zip(axes.names, axes.coordinates(photo.w.mean(1))[0].tolist(), strict=True))
