"""Restore a degraded photo of the person: the point of the person's space whose *degraded* picture is the photo."""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.degradations import Degradation, Downsample, Greyscale, Mask
from portraitist.errors import FaceNotFound, InvalidRequest
from portraitist.requests import Enhance
from portraitist.results import Picture, Pictures, Progress

from ..faces import image_io
from ..faces.align import Frame, crop
from ..faces.paste import paste
from ..inversion.pivotal import tune_to_photo
from ..persona.axes import spread
from ..persona.judge import Judge, judge_for
from ..persona.model import PersonaModel, render
from ..persona.presets import PRESETS
from ..persona.projection import project
from ..persona.requests import resolve
from ..persona.warm import warm
from ..precision import optimisation_dtype
from ..provenance.marking import mark_part, mark_portrait
from ..provenance.origin import Origin
from ..restoration import degrade, estimate
from .context import Context
from .subject import find

ATTRIBUTE_WEIGHT = 0.15  # lambda of MyStyle++ eq. 9, per spread of the attribute
TUNE_SHARE = 0.5  # of the edit steps, spent on tuning the generator through the degradation


@dataclass(frozen=True)
class Observation:
    """What the photo tells: `observed` is its crop as degraded, `mask` [1, 1, R, R] is 1 where pixels are known."""

    photo: np.ndarray  # enlarged by the downsampling factor, so that the result has room
    frame: Frame
    observed: Tensor
    naive: Tensor  # [1, 3, R, R] the crop as it came, enlarged
    mask: Tensor | None
    others: tuple[Frame, ...]


def run(request: Enhance, context: Context) -> Pictures:
    """Raises InvalidImage, FaceNotFound, InvalidRequest, UnknownAttribute, OutOfRange."""
    begun = time.monotonic()
    record = context.persona(request.persona_id)
    model = warm.load(record, context)
    preset = PRESETS[record.preset]
    judge = judge_for(model)
    targets = resolve(request.values, record.reach, strict=request.strict)
    photo = image_io.decode(context.blob(request.photo.blob), request.photo.name)
    chain = request.degradation
    if chain == "auto":
        chain = estimate.estimate(photo, model, judge, request.photo.name)
    seen = observe(photo, chain, model, context, request.photo.name)

    def on_step(stage: str):
        return lambda step, steps, loss: context.on_step(Progress(stage=stage, step=step, steps=steps, message=f"loss {loss:.3f}"))

    dtype = optimisation_dtype()
    loss = DegradedLoss(judge.perceptual, chain, seen, request.seed)

    def objective(w_plus: Tensor, step: int) -> Tensor:
        value = loss(model.generator.synthesis(w_plus, dtype=dtype), seen.observed, step).sum()
        return value + attribute_penalty(model, w_plus, targets)

    with torch.no_grad():
        start = model.prior.encoder(seen.naive)[0] if seen.mask is None else model.anchors.mean(0)
    found = project(model.anchors, start, objective, num_ws=model.generator.config.num_ws, w_std=model.prior.w_std,
                    steps=2 * preset.project_steps, offset_weight=0.3, on_step=on_step("project"))
    tuned = tune_to_photo(model.generator, seen.observed, found.w_plus, loss, steps=int(preset.edit_steps * TUNE_SHARE),
                          lr=5e-4, anchors=model.anchors, seed=request.seed, dtype=dtype, on_step=on_step("tune"))
    image = render(tuned, found.w_plus)
    return Pictures(pictures=[finish(request, context, judge, image, seen, chain, targets, begun)],
                    seconds=round(time.monotonic() - begun, 3))


def observe(photo: np.ndarray, chain: list[Degradation], model: PersonaModel, context: Context, name: str) -> Observation:
    """The photo's face as the degradation left it, in the prior's frame."""
    R = model.prior.resolution
    factor = 1
    for item in chain:
        factor *= item.factor if isinstance(item, Downsample) else 1
    if R // factor < 4:
        raise InvalidRequest(f"downsampling by {factor} leaves less than 4 px of a {R} px face: nothing to restore from",
                             param="degradation")
    height, width = photo.shape[:2]
    large = cv2.resize(photo, (width * factor, height * factor), interpolation=cv2.INTER_CUBIC) if factor > 1 else photo
    frame, others = locate(large, model, name)
    naive = image_io.to_tensor(crop(large, frame, R)[None])
    observed = image_io.to_tensor(crop(photo, frame.scaled(1 / factor), -(-R // factor))[None]) if factor > 1 else naive
    mask = None
    for item in chain:
        if isinstance(item, Mask):
            mask = load_mask(context.blob(item.image), large, frame, R)
            observed = observed * F.interpolate(mask, size=observed.shape[-2:], mode="area")
    if any(isinstance(item, Greyscale) for item in chain):
        observed = degrade.greyscale(observed)
    return Observation(large, frame, observed, naive, mask, others)


def locate(photo: np.ndarray, model: PersonaModel, name: str) -> tuple[Frame, tuple[Frame, ...]]:
    """The person's frame. A picture that is nearly square and shows no detectable face is taken to be an aligned crop."""
    try:
        subject = find(photo, model, name, damaged=True)
        return subject.frame, subject.others
    except FaceNotFound:
        height, width = photo.shape[:2]
        if max(height, width) > 1.1 * min(height, width):
            raise
        side = min(height, width)
        return Frame(width / 2, height / 2, side / 2, 0.0), ()


def load_mask(data: bytes, photo: np.ndarray, frame: Frame, side: int) -> Tensor:
    """[1, 1, R, R] in {0, 1}: 1 where the photo is known, that is where the mask is black. It is scaled to the photo's size first."""
    mask = image_io.decode(data, "mask")
    mask = cv2.resize(mask, (photo.shape[1], photo.shape[0]), interpolation=cv2.INTER_NEAREST)
    white = image_io.to_tensor(crop(mask, frame, side)[None]).mean(1, keepdim=True)
    return (white < 0).float()


class DegradedLoss:
    """Distance between a picture's degraded version and the observation.

    Perceptual networks are outside their range below 64 px, and see a hole as content: small observations are compared
    by an L1 pyramid alone, and missing pixels are the same in both.
    """

    def __init__(self, perceptual, chain: list[Degradation], seen: Observation, seed: int) -> None:
        self.perceptual, self.chain, self.seen = perceptual, chain, seen

    def side(self, resolution: int, step: int, steps: int) -> int:
        """In full: the degradations are given in its pixels."""
        return resolution

    def __call__(self, image: Tensor, observed: Tensor, step: int, weight: Tensor | None = None) -> Tensor:
        degraded = degrade.apply(self.chain, image, mask=self.seen.mask)
        a, b = degraded, observed
        loss = a.new_zeros(len(a))
        level = 0
        while a.shape[-1] >= 8:
            loss = loss + (a - b).abs().flatten(1).mean(1)
            a, b, level = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2), level + 1
        loss = 2 * loss / max(level, 1)
        if observed.shape[-1] >= 64:
            loss = loss + self.perceptual(degraded, observed)
        return loss


def attribute_penalty(model: PersonaModel, w_plus: Tensor, targets: dict[str, float]) -> Tensor:
    """lambda sum_m | c_m(w) - a_m | in spreads of the attribute (MyStyle++ eq. 9)."""
    penalty = w_plus.new_zeros([])
    if targets:
        coordinates = model.axes.coordinates(w_plus.mean(1))[0]
        for name, value in targets.items():
            penalty = penalty + ATTRIBUTE_WEIGHT * (coordinates[model.axes.names.index(name)] - value).abs() / spread(name)
    return penalty


def finish(request: Enhance, context: Context, judge: Judge, image: Tensor, seen: Observation, chain: list[Degradation],
           targets: dict[str, float], begun: float) -> Picture:
    """Blend, paste, judge."""
    if seen.mask is not None:
        image = blend(image, seen.naive, seen.mask)
    pixels = image_io.to_uint8(image)[0]
    restored = mark_portrait(pixels)
    image = image_io.to_tensor(restored.pixels).to(image)  # what is handed out is what is judged
    measured = judge.attributes(image)[0]
    report = judge.reports(image, measured, requested=[request.values], targets=[targets], seed=request.seed)[0]
    degraded = degrade.apply(chain, image, mask=seen.mask)
    report.consistency = round(psnr(degraded, seen.observed), 2)
    report.degradation = degrade.describe(chain)
    pasted = paste(seen.photo, seen.frame, pixels, others=seen.others)
    report.outside_change = pasted.outside_change
    delivered = mark_part(pasted.image, pasted.mask)
    report.mark = delivered.score
    report.seconds = round(time.monotonic() - begun, 3)
    origin = Origin("enhance", context.blob(request.photo.blob))
    return Picture(blob=context.put_picture(delivered, origin),
                   crop=context.put_picture(restored, origin), report=report)


def blend(image: Tensor, known: Tensor, mask: Tensor) -> Tensor:
    """Known pixels stay; the restored ones fade in over a few pixels inside the hole's rim."""
    soft = degrade.gaussian_blur(F.avg_pool2d(mask, 5, stride=1, padding=2, count_include_pad=False), 1.5)
    keep = mask * soft
    return known * keep + image * (1 - keep)


def psnr(a: Tensor, b: Tensor) -> float:
    return float(10 * torch.log10(4 / (a.clamp(-1, 1) - b).square().mean().clamp(min=1e-6)))
