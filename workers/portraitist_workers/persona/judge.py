"""What stands beside every picture: is it the person, what was achieved, is it a copy."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

import portraitist
from portraitist.results import AttributeReport, PictureReport, Reach

from ..faces.attributes import load_attribute_points, load_attributes
from ..faces.geometry import bounded
from ..faces.identity import load_identity
from ..faces.image_io import at_side
from ..faces.perceptual import load_perceptual
from ..precision import optimisation_dtype
from .axes import spread
from .model import PersonaModel
from .rendering import render


def identity_scores(embeddings: Tensor, person: Tensor) -> Tensor:
    """Mean cosine [B] of pictures' embeddings [B, E] to the person's photos [N, E] (both unit length)."""
    return (embeddings @ person.T).mean(1)


def leave_one_out(person: Tensor) -> Tensor:
    """What the person's own photos [N, E] score against each other, [N]: the scale that identities are judged on."""
    N = len(person)
    return ((person @ person.T).sum(1) - 1) / max(N - 1, 1)


def percentile(score: float, scale: Tensor) -> float:
    """Share of `scale` at or below `score`, 0-100, interpolated."""
    ordered = scale.sort().values
    below = int((ordered < score).sum())
    if below == 0 or below == len(ordered):
        return 100.0 * below / len(ordered)
    lower, upper = float(ordered[below - 1]), float(ordered[below])
    part = (score - lower) / max(upper - lower, 1e-9)
    return 100.0 * (below - 0.5 + part) / len(ordered)


def versions(dtype: torch.dtype | None = None) -> dict[str, str]:
    """What decides a result's last bits, beside request and machine; `dtype` (default: this process's) is what optimisation ran in."""
    precision = str(dtype or optimisation_dtype()).removeprefix("torch.")
    return {
        "portraitist": portraitist.__version__,
        "torch": torch.__version__,
        "precision": precision,
    }


UNKNOWN = "likeness is not known: no photos of this person were learnt. The report compares with this photo alone, and with no other one."
MADE_UP = "likeness is not known: the prior drew this face, which is nobody's."
_SEEN = 0.6  # of the way that an edit was asked to go: whoever sees less is told
CLOSEST = 3  # anchors that the copy check looks at closely, of those nearest at 16 px


class Judge:
    """Judges pictures of one persona; the anchors' own pictures stand for the photos, which are not kept. Where nobody is `known`, there
    are none."""

    def __init__(self, model: PersonaModel) -> None:
        self.known = model.known
        self.prior = "" if model.known else model.prior.name  # for sentences
        self.embeddings, self.photos, self.identity_network = model.embeddings, model.photos, model.identity_network
        self.attributes, self.identity, self.perceptual = load_attributes(), load_identity(), load_perceptual()
        self.points = load_attribute_points()
        self.scale = leave_one_out(model.embeddings)
        R = model.generator.resolution
        self.anchor_images = (
            render(model.generator, model.anchors) if self.known else model.anchors.new_zeros(0, 3, R, R)
        )

    @torch.no_grad()
    def beside(self, face: Tensor) -> Judge:
        """This judge; where nobody is known, one that compares with `face` [1, 3, R, R], by the network's own limit."""
        if self.known:
            return self
        other = copy(self)
        other.embeddings, other.scale = self.identity(face), face.new_tensor([self.identity.same_person])
        return other

    @cached_property
    @torch.no_grad()
    def anchor_values(self) -> Tensor:
        """What the attribute network sees on the anchors' pictures, [N, A]."""
        return torch.cat([self.attributes(part)[0] for part in self.anchor_images.split(16)])

    @torch.no_grad()
    def reports(
        self,
        images: Tensor,
        measured: Tensor,
        *,
        requested: Sequence[dict[str, float]],
        targets: Sequence[dict[str, float]],
        seed: int,
        before: Tensor | None = None,
        reach: Sequence[Reach] = (),
        follow: Sequence[dict[str, float]] | None = None,
        drawn: Tensor | None = None,
    ) -> list[PictureReport]:
        """images [B, 3, R, R]. measured [B, A], in the order of the attribute network. `before` [A]: an edited photo's values. `follow`:
        values to which attributes were moved that were not asked for. `drawn` [B, 3, R, R]: the pictures before their backgrounds were
        exchanged. A copy before another background is still a copy."""
        scores = identity_scores(self.identity(images), self.embeddings) if len(self.embeddings) else None
        points = bounded(torch.cat([self.points(part)[0] for part in images.split(16)]))
        measured, before = bounded(measured), None if before is None else bounded(before)
        reports = []
        for b in range(len(images)):
            report = PictureReport(
                attributes=self._attributes(measured[b], points[b], requested[b], targets[b], before),
                networks={
                    "attributes": self.attributes.name,
                    "by_points": self.points.name,
                    "identity": self.identity_network,
                    "perceptual": self.perceptual.name,
                },
                seed=seed,
                versions=versions(),
            )
            for name, value in (follow[b] if follow else {}).items():
                report.attributes[name].followed = round(value, 3)
            report.clamped = any(a.clamped for a in report.attributes.values())
            report.warnings = [
                cut for name, row in report.attributes.items() if (cut := _cut_short(name, row, self.prior))
            ]
            if scores is not None:
                report.identity = round(float(scores[b]), 4)
            if self.known and scores is not None:
                report.identity_percentile = round(percentile(float(scores[b]), self.scale), 1)
                nearest, distance = self._nearest_photo((images if drawn is None else drawn)[b : b + 1])
                report.nearest_photo, report.nearest_photo_distance = self.photos[nearest], round(distance, 4)
            else:
                report.warnings.append(MADE_UP if scores is None else UNKNOWN)
            if before is not None:
                report.warnings += [
                    short for name, row in report.attributes.items() if (short := _fell_short(name, row))
                ]
                report.leakage = self._leakage(report, targets[b], reach)
            reports.append(report)
        return reports

    def _nearest_photo(self, image: Tensor) -> tuple[int, float]:
        """Index of the training photo that `image` [1, 3, R, R] is most like, and the perceptual distance to it."""
        image = at_side(image, self.anchor_images.shape[-1])
        coarse = (
            (F.adaptive_avg_pool2d(image, 16) - F.adaptive_avg_pool2d(self.anchor_images, 16)).abs().flatten(1).mean(1)
        )
        candidates = coarse.topk(min(CLOSEST, len(coarse)), largest=False).indices
        distances = self.perceptual(image.expand(len(candidates), -1, -1, -1), self.anchor_images[candidates])
        return int(candidates[distances.argmin()]), float(distances.min())

    def _attributes(
        self, measured: Tensor, points: Tensor, requested: dict, targets: dict, before: Tensor | None
    ) -> dict[str, AttributeReport]:
        rows = {}
        for index, name in enumerate(self.attributes.names):
            asked, target = requested.get(name), targets.get(name)
            rows[name] = AttributeReport(
                requested=asked,
                target=target,
                achieved=round(float(measured[index]), 3),
                by_points=round(float(points[index]), 3),
                before=None if before is None else round(float(before[index]), 3),
                error=self.attributes.errors.get(name, 0.0),
                clamped=asked is not None and target is not None and abs(asked - target) > 1e-6,
            )
        return rows

    @staticmethod
    def _leakage(report: PictureReport, targets: dict, reach: Sequence[Reach]) -> dict[str, float]:
        """Movement of every attribute that was not asked for, beyond where it followed, as a share of its reach."""
        widths = {r.attribute: max(r.high - r.low, 1e-6) for r in reach}
        return {
            name: round(abs(row.achieved - (row.before if row.followed is None else row.followed)) / widths[name], 3)
            for name, row in report.attributes.items()
            if name not in targets and row.before is not None and name in widths
        }


def _cut_short(name: str, row: AttributeReport, prior: str = "") -> str:
    """A sentence where clamping took away more than half of what was asked; else empty. `prior`: whose reach it is, if nobody's."""
    if not row.clamped or row.requested is None or row.target is None:
        return ""
    start = 0.0 if row.before is None else row.before
    if abs(row.requested - row.target) <= 0.5 * abs(row.requested - start):
        return ""
    who = f"the prior {prior!r}" if prior else "this person"
    told = (
        f"{name}: {row.requested:g} was asked, and {row.target:g} is as far as {who} goes: less than half of the way."
    )
    return told if prior else told + " Photos that show more of it would help (see the person's reach)."


def _fell_short(name: str, row: AttributeReport) -> str:
    """A sentence where an edit's picture shows less than _SEEN of the way that it was to go; else empty."""
    if row.target is None or row.before is None:
        return ""
    way, gone = row.target - row.before, row.achieved - row.before
    if abs(way) < 0.5 * spread(name) or gone / way > _SEEN:
        return ""
    return (
        f"{name}: {row.target:g} was asked, and the picture shows {row.achieved:g}: less than {100 * _SEEN:.0f} % of the way from "
        f"{row.before:g}. Ask for less, or begin with a photo that shows more of it."
    )
