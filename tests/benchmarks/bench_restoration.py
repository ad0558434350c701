"""Restores held-out photos of the test people -> docs/benchmarks/restoration.md.

    python -m tests.benchmarks.bench_restoration [--quick] [--people ada,bruno]

Each photo's aligned crop is degraded, stored with 8 bits, and restored by `enhance`, by classical methods that know the
degradation, and by the untuned prior: the same loss and number of steps, but optimised freely in W from the encoder's guess.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from portraitist.degradations import Degradation, Downsample, GaussianBlur, Mask
from portraitist.requests import Enhance, Photo
from portraitist_workers import operations
from portraitist_workers.faces.align import Frame
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import decode, encode_png, to_tensor, to_uint8
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.inversion.optimize import refine_w
from portraitist_workers.operations import MemoryContext, enhance
from portraitist_workers.persona.judge import identity_scores
from portraitist_workers.persona.model import PersonaModel
from portraitist_workers.persona.presets import PRESETS
from portraitist_workers.persona.rendering import render
from portraitist_workers.precision import optimisation_dtype
from portraitist_workers.priors import library
from portraitist_workers.provenance.marking import mark_portrait
from portraitist_workers.provenance.origin import MarkedImage
from portraitist_workers.restoration import degrade, holes, observation
from portraitist_workers.restoration.loss import DegradedLoss

from . import classical, judges, metrics, people, sheets
from .methods import personalise, stored
from .options import common, to_options
from .report import table, write

HOLE = 32  # px, side of the hole over the mouth
SIGMA = 3.0  # px of blur
FACTOR = 8  # of downsampling
KINDS = ("downsample ×8", "hole 32 px over the mouth", "Gaussian blur σ 3")
LABELS = dict(zip(KINDS, ("downsample x8", "hole 32 px", "blur 3 px"), strict=True))  # the sheet's font has no × or σ
CLASSICAL = {KINDS[0]: "bicubic", KINDS[1]: "Telea inpainting", KINDS[2]: "Wiener or Richardson-Lucy"}


@dataclass
class Case:
    """One degraded photo: `picture` uint8 is what the methods get, `naive` is it in full size, for display."""

    kind: str
    person: str
    truth: Tensor  # [1, 3, R, R]
    picture: np.ndarray
    chain: list[Degradation]
    mask: np.ndarray | None  # [R, R] bool, True where missing
    naive: Tensor
    results: dict[str, Tensor] = field(default_factory=dict)  # method -> [1, 3, R, R]
    lpips: dict[str, float] = field(default_factory=dict)  # method -> distance to the truth
    seconds: float = 0.0
    mark: float = 0.0  # distance of the marked truth to the truth

    @property
    def best_classical(self) -> str:
        return min((n for n in self.results if n not in ("ours", "untuned prior")), key=lambda n: self.lpips[n])


def degraded(kind: str, photo: people.Aligned, person: str, context: MemoryContext) -> Case:
    R, truth = photo.pixels.shape[-1], photo.pixels
    if kind == KINDS[0]:
        chain: list[Degradation] = [Downsample(FACTOR)]
        picture = to_uint8(degrade.apply(chain, truth))[0]
        return Case(kind, person, truth, picture, chain, None, to_tensor(classical.bicubic(picture, R)))
    if kind == KINDS[2]:
        chain = [GaussianBlur(SIGMA)]
        picture = to_uint8(degrade.apply(chain, truth))[0]
        return Case(kind, person, truth, picture, chain, None, to_tensor(picture))
    x, y = (int(np.clip(round(v) - HOLE // 2, 0, R - HOLE)) for v in photo.mouth)
    hole = np.zeros((R, R), bool)
    hole[y : y + HOLE, x : x + HOLE] = True
    picture = to_uint8(truth)[0]
    picture[hole] = 127
    chain = [Mask(image=context.put(encode_png(np.where(hole, 255, 0).astype(np.uint8))))]
    return Case(kind, person, truth, picture, chain, hole, to_tensor(picture))


def ours(case: Case, persona_id: str, context: MemoryContext) -> Tensor:
    """The `enhance` operation on the crop as it is: the frame is given, so that no method gains or loses by the detector, and the
    picture is not marked, as the others' are not."""

    def whole(photo, model, name, missing=None):
        height, width = photo.shape[:2]
        return Frame(width / 2, height / 2, width / 2, 0.0), ()

    request = Enhance(
        persona_id=persona_id,
        photo=Photo(name="degraded.png", blob=context.put(encode_png(case.picture))),
        degradation=case.chain,
    )
    begun = time.perf_counter()
    unmarked = mock.patch.object(enhance, "mark_portrait", lambda pixels: MarkedImage(pixels, 0.0))
    with mock.patch.object(observation, "locate", whole), unmarked:
        result = operations.run(request, context)
    case.seconds = time.perf_counter() - begun
    return to_tensor(decode(context.blob(result.pictures[0].crop), "restored"))


def by_classics(case: Case) -> dict[str, Tensor]:
    if case.kind == KINDS[0]:
        return {"bicubic": case.naive}
    if case.kind == KINDS[1]:
        return {"Telea": to_tensor(classical.telea(case.picture, case.mask))}
    return {
        "Wiener": to_tensor(classical.wiener(case.picture, SIGMA)),
        "Richardson-Lucy": to_tensor(classical.richardson_lucy(case.picture, SIGMA)),
    }


def by_prior(case: Case, prior: library.Prior, start_from: Tensor, steps: int) -> Tensor:
    """The untuned prior's best picture through the degradation, optimised in W from the encoder's w of `start_from`."""
    R = case.truth.shape[-1]
    frame = Frame(R / 2, R / 2, R / 2, 0.0)
    mask = None if case.mask is None else holes.known_in(case.mask, frame, R)
    observed = to_tensor(case.picture) if mask is None else to_tensor(case.picture) * mask
    seen = observation.Observation(case.picture, frame, (), observed, case.naive, mask)
    loss = DegradedLoss(load_perceptual(), case.chain, seen)
    with torch.no_grad():
        start = prior.encoder(start_from)
    w = refine_w(prior.generator, observed, start, loss, steps=steps, w_std=prior.w_std, dtype=optimisation_dtype())
    image = render(prior.generator, w)
    return image if mask is None else holes.blend(image, case.naive, mask)


def restore(case: Case, persona_id: str, context: MemoryContext, model: PersonaModel, steps: int) -> None:
    case.results = by_classics(case)
    case.results["untuned prior"] = by_prior(case, model.prior, next(iter(case.results.values())), steps)
    case.results["ours"] = ours(case, persona_id, context)
    case.results = {name: image.clamp(-1, 1) for name, image in case.results.items()}
    marked = mark_portrait(to_uint8(case.truth)[0]).pixels
    case.mark = float(judges.lpips(to_tensor(marked), case.truth))
    case.lpips = {name: float(judges.lpips(image, case.truth)) for name, image in case.results.items()}


def main() -> None:
    parser = common(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    parser.add_argument("--held-out", type=int, default=None, help="photos per person (default 8; --quick: 1)")
    parser.add_argument(
        "--fresh", action="store_true", help="personalise anew instead of using bench_personalize's last personas"
    )
    parser.add_argument(
        "--steps", type=int, default=None, help="tuning steps instead of the preset's, to try the suite out"
    )
    args = parser.parse_args()
    judges.distance()
    options = to_options(args)
    count = args.held_out or (1 if args.quick else 8)
    cases: list[Case] = []
    models: dict[str, PersonaModel] = {}
    for index, person in enumerate(args.people.split(",")):
        made = (personalise if args.fresh else stored)(person, "regression", options, args.work)
        context, models[person] = made.context(), made.model()
        steps = 2 * PRESETS[made.record.preset].project_steps
        held_out = [p for p in people.load(person) if p.held_out]
        held_out = (held_out[index % 2 :: 2] + held_out[1 - index % 2 :: 2])[:count]  # other photos for other people
        for photo in people.align(held_out, models[person].prior.resolution):
            for kind in KINDS:
                case = degraded(kind, photo, person, context)
                restore(case, made.record.persona_id, context, models[person], steps)
                cases.append(case)
                print(
                    person,
                    photo.name,
                    kind,
                    {k: round(v, 4) for k, v in case.lpips.items()},
                    f"{case.seconds:.1f} s",
                    flush=True,
                )
        _page(cases, models, args)  # after every person, so that a run can be cut short


def _page(cases: list[Case], models: dict[str, PersonaModel], args: argparse.Namespace) -> None:
    kinds = [k for k in KINDS if any(c.kind == k for c in cases)]
    rows = [_row(kind, [c for c in cases if c.kind == kind], models) for kind in kinds]
    rows.append(_row("all", cases, models))
    plain = [{"kind": c.kind, "person": c.person, "lpips": c.lpips, "seconds": c.seconds} for c in cases]
    args.work.mkdir(parents=True, exist_ok=True)
    (args.work / "restoration.json").write_text(json.dumps(plain, indent=1))
    intro = (
        f"{len(cases)} cases: held-out photos of {len(models)} people, personalised from {args.photos} other photos (preset "
        f"{args.preset}); aligned 128 px crops, degraded and stored with 8 bits. *Classical* is the better of the methods named, "
        "chosen per case by the truth. *Best other* is the best of those and of the untuned prior, chosen in the same way. "
        "That makes both harder to beat. Nothing here is marked. Delivered pictures are, which by itself costs an LPIPS of "
        f"{np.mean([c.mark for c in cases]):.4f} (the truth marked against the truth).\n\n"
        f"{judges.describe()}\n\nIdentity: mean cosine to the person's own photos. Targets: ratio ≤ 0.60 on average, better in ≥ 90 % of "
        "cases, identity above both."
    )
    headings = (
        "degradation",
        "LPIPS ours [95 %]",
        "classical",
        "untuned prior",
        "ours / best other",
        "better than both, %",
        "identity ours / classical / prior / truth",
        "PSNR ours / classical / prior",
        "s",
    )
    picture = sheets.save(_sheet(cases, kinds), "restoration", args.work)
    write(
        "restoration",
        "Restoring degraded photos",
        [
            intro,
            table(headings, rows),
            "## Pictures\n\nPer row: input, the better classical method, untuned prior, ours, truth.\n\n" + picture,
        ],
    )


def _row(kind: str, cases: list[Case], models: dict[str, PersonaModel]) -> list[str]:
    picked = {
        "ours": ["ours"] * len(cases),
        "classical": [c.best_classical for c in cases],
        "prior": ["untuned prior"] * len(cases),
    }
    lpips = {who: [c.lpips[n] for c, n in zip(cases, names, strict=True)] for who, names in picked.items()}
    images = {who: [c.results[n] for c, n in zip(cases, names, strict=True)] for who, names in picked.items()}
    images["truth"] = [c.truth for c in cases]
    other = np.minimum(lpips["classical"], lpips["prior"])
    ratio, better = np.mean(lpips["ours"]) / np.mean(other), 100 * np.mean(np.asarray(lpips["ours"]) < other)
    identity = {who: _identity(models, cases, pictures) for who, pictures in images.items()}
    highest = identity["ours"] > max(identity["classical"], identity["prior"])
    psnr = [
        np.mean([float(metrics.psnr(i, c.truth)) for i, c in zip(images[who], cases, strict=True)]) for who in picked
    ]
    return [
        kind,
        metrics.interval(lpips["ours"], 4, np.mean),
        f"{np.mean(lpips['classical']):.4f} ({CLASSICAL.get(kind, 'as above')})",
        f"{np.mean(lpips['prior']):.4f}",
        f"{ratio:.2f}" + _unless(ratio <= 0.6),
        f"{better:.0f}" + _unless(better >= 90),
        " / ".join(f"{identity[who]:.3f}" for who in images) + _unless(highest),
        " / ".join(f"{v:.1f}" for v in psnr),
        f"{np.mean([c.seconds for c in cases]):.1f}",
    ]


def _unless(met: bool) -> str:
    return "" if met else " (**missed**)"


@torch.no_grad()
def _identity(models: dict[str, PersonaModel], cases: list[Case], images: list[Tensor]) -> float:
    scores = [
        float(identity_scores(load_identity()(i), models[c.person].embeddings))
        for c, i in zip(cases, images, strict=True)
    ]
    return float(np.mean(scores))


def _sheet(cases: list[Case], kinds: list[str], rows: int = 3):
    shown = []
    for kind in kinds:
        of = [c for c in cases if c.kind == kind]
        picked = list({c.person: c for c in of}.values())[:rows]
        for case in picked:
            pictures = [
                case.naive,
                case.results[case.best_classical],
                case.results["untuned prior"],
                case.results["ours"],
                case.truth,
            ]
            shown.append((f"{LABELS[kind]}\n{case.person}", torch.cat(pictures)))
    return sheets.sheet(shown, headings=("input", "classical", "untuned prior", "ours", "truth"))


if __name__ == "__main__":
    main()
