"""Requested against achieved: sweeps of one attribute at a time, and what else moves on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from portraitist.attributes import ATTRIBUTES
from portraitist.results import PersonaRecord
from portraitist_workers.operations.synthesize import draw, set_values
from portraitist_workers.persona.axes import SPREAD
from portraitist_workers.persona.judge import Judge
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.rendering import render

from .metrics import spearman

CONTROLLED = ("yaw", "pitch", "smile")


@dataclass
class Sweep:
    """One attribute over its whole reach, for several random draws of the person, each kept through its sweep.

    targets [T]; achieved [S, T, A] by the attribute network; images [S, T, 3, R, R]
    """

    attribute: str
    targets: Tensor
    achieved: Tensor
    images: Tensor
    names: tuple[str, ...]

    @property
    def errors(self) -> list[float]:
        """|achieved - requested| of every picture."""
        return (self.achieved[:, :, self.names.index(self.attribute)] - self.targets).abs().flatten().tolist()

    @property
    def spearman(self) -> float:
        """Mean over draws of the rank correlation of requested and achieved. (Pooled draws have ties and could not reach 1.)"""
        rows = self.achieved[:, :, self.names.index(self.attribute)].tolist()
        return sum(spearman(self.targets.tolist(), row) for row in rows) / len(rows)

    def judged_by(self, values: np.ndarray) -> tuple[list[float], float]:
        """(errors, mean rank correlation) by another judge's `values` [S * T] of the same pictures."""
        rows = np.asarray(values).reshape(len(self.achieved), -1)
        errors = np.abs(rows - self.targets.numpy())
        return errors.flatten().tolist(), sum(spearman(self.targets.tolist(), row.tolist()) for row in rows) / len(rows)

    def leakage(self, widths: dict[str, float]) -> dict[str, float]:
        """Movement (largest - smallest) of every other attribute in a sweep, as a share of its reach; mean over draws."""
        moved = self.achieved.amax(1) - self.achieved.amin(1)  # [S, A]
        return {n: float(moved[:, a].mean()) / widths[n] for a, n in enumerate(self.names) if n != self.attribute}

    def own_movement(self, widths: dict[str, float]) -> float:
        """Movement of the swept attribute itself, as a share of its reach: 1 when it does what it is asked."""
        own = self.achieved[:, :, self.names.index(self.attribute)]
        return float((own.amax(1) - own.amin(1)).mean()) / widths[self.attribute]


@torch.no_grad()
def sweep(
    model: PersonaModel,
    judge: Judge,
    record: PersonaRecord,
    attribute: str,
    *,
    draws: int,
    targets: int,
    closed_loop: bool,
) -> Sweep:
    """`closed_loop` False: coordinates are set along the persona's axes, as MyStyle and MyStyle++ do, and nothing is measured back."""
    reach = next(r for r in record.reach if r.attribute == attribute)
    low, high = max(reach.low, ATTRIBUTES[attribute].low), min(reach.high, ATTRIBUTES[attribute].high)
    values = torch.linspace(low, high, targets)
    w = torch.cat([draw(model, targets, seed, shared=True) for seed in range(draws)])
    requests = [{attribute: float(v)} for v in values] * draws
    if closed_loop:
        w = set_values(model, judge, w, requests)
    else:
        change = torch.zeros(len(w), len(model.axes.names))
        m = model.axes.names.index(attribute)
        change[:, m] = values.repeat(draws) - model.axes.coordinates(w)[:, m]
        w = model.axes.move(w, change)
    images = render(model.generator, w)
    achieved = torch.cat([judge.attributes(part)[0] for part in images.split(16)])
    shape = (draws, targets)
    return Sweep(
        attribute, values, achieved.view(*shape, -1), images.view(*shape, *images.shape[1:]), judge.attributes.names
    )


@torch.no_grad()
def widths(record: PersonaRecord, judge: Judge, photos: Tensor) -> dict[str, float]:
    """Reach of every attribute: the record's for the controlled ones, for the others the range in the photos [N, 3, R, R],
    at least the usual spread (roll is nearly constant in aligned pictures)."""
    measured = torch.cat([judge.attributes(part)[0] for part in photos.split(16)])
    found = {
        n: max(float(measured[:, a].max() - measured[:, a].min()), SPREAD[n])
        for a, n in enumerate(judge.attributes.names)
    }
    return found | {r.attribute: max(r.high - r.low, 1e-3) for r in record.reach}
