"""What a prior of parts can do -> docs/benchmarks/parts.md.

    python -m tests.benchmarks.bench_parts [--prior FOLDER] [--samples N] [--state parts.pt --renders DIR --canvas DIR] [--threads N]

`bench_prior --name default-parts` says how good samples and inversions are, `bench_personalize --prior default-parts` how good people are.

Pictures are random samples of the prior. The bundled parser and attribute network judge them, which took no part in its training. With
--state (of the training), --renders (a pool with class maps that no training has seen) and --canvas, masks are also compared with the
engine's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from portraitist.priors.prior import DEFAULT, bundled
from portraitist.segmentation import COLOURS
from portraitist_workers.composing.composed import change_by_place
from portraitist_workers.composing.controls import PartControls
from portraitist_workers.composing.held import concerned, held
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.parser import load_parser
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.generator import Generator
from portraitist_workers.generator.formats import native
from portraitist_workers.generator.parts import Composition, Made, Parts, taken
from portraitist_workers.inversion.optimize import refine_w
from portraitist_workers.inversion.pivotal import tune_to_photo
from portraitist_workers.inversion.reconstruction import Reconstruction
from portraitist_workers.precision import optimisation_dtype
from portraitist_workers.priors import library
from portraitist_workers.styles.drawn import clay
from portraitist_workers.styles.learning import Learning, Schedule
from portraitist_workers.styles.meaning import Meaning
from portraitist_workers.styles.pairs import drawn

from . import people
from .bench_prior import held_out
from .options import like_a_worker
from .parts_unlabelled import unlabelled
from .report import table, write
from .sheets import save, sheet

BATCH = 20
TUNED = "The generator was tuned to one held-out photo of each test person, in 60 steps. Then one part became another sample's."
STYLE = "Clay, learnt from 64 drawn faces in 200 steps, and looked at on 16 others."
LEGEND = "Rows: samples; their segmentation; changes of one part; parts of the next column's sample; a part moved; parts left out."
UNLABELLED = "Change by two standard deviations, in grey levels: near the part / elsewhere. 20 samples."
ON_SKIN = ("brows", "eyes", "nose", "lips", "mouth")
MOVED = 6 / 128  # of the side
SWEPT = {"eyes": "eyes_open", "lips": "mouth_open"}  # part -> attribute that the network at hand measures


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prior", type=Path, help="folder of a prior of parts; default: the bundled one")
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--state", type=Path, help="parts.pt of the training")
    parser.add_argument("--renders", type=Path, help="pool with class maps, of a seed of its own")
    parser.add_argument("--canvas", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--work", type=Path, default=Path(os.path.expanduser("~/.cache/portraitist/benchmarks")))
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    folder = args.prior or bundled("default-parts")
    generator, about = native.load(folder / "generator.safetensors")
    assert isinstance(generator, Parts)
    z = torch.randn(args.samples, generator.config.z_dim, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        w = generator.mapping(z)
        sections = [
            f"{generator.config.resolution} px, {about.get('images_seen')} pictures seen. {args.samples} random samples, psi 1.",
            "## Masks",
            "The generator's own segmentation against what the bundled parser sees on the same picture.",
            table(("class", "IoU"), masks(generator, w)),
            "## One part changed",
            "Mean change in grey levels of 255: within 4 px of the part's mask, before or after, and elsewhere. The control is the base.",
            table(("of another sample", "near", "elsewhere", "ratio", "elsewhere, as composed"), locality(generator, w)),
            "## Its texture changed alone",
            "How much of the part's mask stays: IoU before and after, of pictures in which the part has another sample's texture code.",
            table(("texture of", "IoU", "as composed (wanted: 0.97)", "of what the parser sees then"), kept(generator, w)),
            "## One part moved",
            table(("", ""), moving(generator, w)),
            "## Tone at the border of a part from elsewhere",
            "Step of lightness across the part's border, in grey levels, over that of the face before.",
            table(("part", "before", "after", "ratio"), borders(generator, w)),
            "## Directions",
            table(("part", "attribute", "correlation with what was asked", "near / elsewhere"), sweeps(generator, w, folder)),
            "## Directions without labels",
            UNLABELLED,
            table(("part", "direction", "here", "SeFa as published"), unlabelled(generator, w[:BATCH])),
            "## Speed",
            table(("generator", "CPU ms per picture, fp32"), speed(generator)),
        ]  # fmt: skip
        if (folder / "encoder.safetensors").exists():
            prior = library.load("parts", folder)
            sections += [
                "## After tuning to a photo",
                TUNED,
                table(("of another sample", "near", "elsewhere", "ratio"), tuned(prior, w)),
            ]
            sections += ["## A style", STYLE, table(("", ""), styled(prior))]
        sections += ["## Pictures", LEGEND, save(changes(generator, w, folder), "parts-changes", args.work)]
        if args.state:
            sections += ["## Against the engine's masks", table(("", ""), against_renders(args))]
    write("parts", "A prior of parts", sections)


def made_in_parts(generator: Parts, w: Tensor, composition: Composition | None = None) -> Made:
    return generator.make(w, composition, noise="none")


def masks(generator: Parts, w: Tensor) -> list[tuple[str, str]]:
    parser, K = load_parser(), len(generator.config.parts)
    meets, joins, shuffled, differ = torch.zeros(K), torch.zeros(K), torch.zeros(2, K), []
    for part in w.split(BATCH):
        made = made_in_parts(generator, part)
        seen = parser(made.image.clamp(-1, 1)).argmax(1)
        coarse = F.interpolate(made.masses, size=seen.shape[1:], mode="bilinear", align_corners=False).argmax(1)
        differ.append(float((coarse != made.classes).float().mean()))
        for k in range(K):
            ours, theirs, others = made.classes == k, seen == k, seen.roll(1, 0) == k
            meets[k] += (ours & theirs).sum()
            joins[k] += (ours | theirs).sum()
            shuffled += torch.stack([(ours & others).sum(), (ours | others).sum()])[:, None] * F.one_hot(
                torch.tensor(k), K
            )
    ious = meets / joins.clamp(min=1)
    rows = [(name, f"{iou:.3f}") for name, iou in zip(generator.config.parts, ious.tolist(), strict=True)]
    control = float((shuffled[0] / shuffled[1].clamp(min=1)).mean())
    return [
        ("mean", f"{float(ious.mean()):.3f}"),
        *rows,
        ("control: another sample's picture", f"{control:.3f}"),
        ("coarse and final masks differ, % of pixels", f"{100 * statistics.mean(differ):.2f}"),
    ]


def locality(generator: Parts, w: Tensor) -> list[tuple[str, str, str, str, str]]:
    config, rows = generator.config, []
    on_skin = [config.part(name) for name in (*ON_SKIN, "neck")]
    for name in (*config.parts, "texture of hair", "texture of lips", "base"):
        part = name.removeprefix("texture of ")
        near = [] if name == "base" else [config.part(part), *(on_skin if part == "skin" else [])]
        changes = []
        for own, other in zip(w.split(BATCH), w.roll(1, 0).split(BATCH), strict=True):
            swapped = taken(config, own, other, [part], shape=name == part)
            before, after = made_in_parts(generator, own), made_in_parts(generator, swapped)
            composed = after if name == "base" else held(before, after, near)
            changes.append((*change_by_place(before, after, near), change_by_place(before, composed, near)[1]))
        inside, outside, left = (statistics.mean(values) for values in zip(*changes, strict=True))
        ratio = "" if name == "base" else f"{inside / max(outside, 1e-6):.0f}"
        rows.append((name, f"{inside:.1f}", f"{outside:.2f}", ratio, "" if name == "base" else f"{left:.2f}"))
    return rows


def kept(generator: Parts, w: Tensor) -> list[tuple[str, str, str, str]]:
    config, parser, rows = generator.config, load_parser(), []

    def seen(made: Made) -> Tensor:
        return parser(made.image.clamp(-1, 1)).argmax(1)

    for k, name in enumerate(config.parts):
        both, either = torch.zeros(3), torch.zeros(3)
        for own, other in zip(w.split(BATCH), w.roll(1, 0).split(BATCH), strict=True):
            before = made_in_parts(generator, own)
            after = made_in_parts(generator, taken(config, own, other, [name], shape=False))
            composed = held(before, after, concerned(config, [name]))
            pairs = (
                (before.classes, after.classes),
                (before.classes, composed.classes),
                (seen(before), seen(composed)),
            )
            both += torch.stack([((was == k) & (now == k)).sum() for was, now in pairs])
            either += torch.stack([((was == k) | (now == k)).sum() for was, now in pairs])
        rows.append((name, *(f"{iou:.3f}" for iou in (both / either.clamp(min=1)).tolist())))
    return rows


def tuned(prior: library.Prior, w: Tensor) -> list[tuple[str, str, str, str]]:
    photos = torch.cat([held_out(person, prior.resolution)[:1] for person in people.NAMES])
    loss, changes = Reconstruction(load_perceptual(), seed=0), {"hair": [], "eyes": [], "lips": []}
    for number, photo in enumerate(photos.split(1)):
        pivot = prior.encoder(photo)
        with torch.enable_grad():
            pivot = refine_w(
                prior.generator, photo, pivot, loss, steps=100, w_std=prior.w_std, dtype=optimisation_dtype()
            )
            generator = tune_to_photo(prior.generator, photo, pivot, loss, steps=60, dtype=optimisation_dtype())
        assert isinstance(generator, Parts)
        before = made_in_parts(generator, pivot)
        for part, found in changes.items():
            swapped = taken(generator.config, pivot, w[number : number + 1], [part])
            found.append(change_by_place(before, made_in_parts(generator, swapped), [generator.config.part(part)]))
    means = {part: [statistics.mean(values) for values in zip(*found, strict=True)] for part, found in changes.items()}
    return [(part, f"{a:.1f}", f"{b:.2f}", f"{a / b:.0f}") for part, (a, b) in means.items()]


def styled(prior: library.Prior) -> list[tuple[str, str]]:
    generator, distance = prior.generator, load_perceptual()
    taught, others = (drawn(generator, clay.draw, count, seed=seed) for count, seed in ((64, 1), (16, 77)))
    meaning, begun = Meaning.of(generator), time.process_time()
    with torch.enable_grad():
        learning = Learning(
            generator, taught, prior.w_std, Schedule(steps=200), meaning=meaning, dtype=optimisation_dtype()
        )
        after = learning.run()
    seconds = time.process_time() - begun
    before, now = (float(distance(g.images(others.w).clamp(-1, 1), others.pictures).mean()) for g in (generator, after))
    local = [torch.equal(p, after.weights()[name]) for name, p in generator.weights().items() if "local." in name]
    return [
        ("distance to the style's pictures, before and after", f"{before:.3f}, {now:.3f}"),
        ("masks agree (mean IoU; learning stops below 0.8)", f"{meaning.agreement(after):.3f}"),
        ("local generators equal to the bit", str(all(local))),
        ("processor seconds", f"{seconds:.0f}"),
    ]


def changes(generator: Parts, w: Tensor, folder: Path) -> Image.Image:
    config, controls, w = generator.config, PartControls.load(folder / "parts.safetensors"), w[:8]
    plain = made_in_parts(generator, w)
    colours = torch.tensor(list(bytes.fromhex("".join(COLOURS)))).view(-1, 3) / 127.5 - 1
    rows = [("samples", plain.image), ("segmentation", colours[plain.classes].permute(0, 3, 1, 2))]
    for label, part, values in (
        ("hair lighter", "hair", {"hair_lightness": 20.0}),
        ("eyes shut", "eyes", {"eyes_open": 0.0}),
        ("gaze", "eyes", {"gaze_right": 0.8}),
    ):
        rows.append((label, made_in_parts(generator, controls.set(config, w, part, values)).image))
    opened = w
    for part in ("lips", "mouth", "skin", "nose"):
        opened = controls.set(config, opened, part, {"mouth_open": 0.7})
    rows.append(("mouth open", made_in_parts(generator, opened).image))
    for part in ("hair", "eyes", "nose", "lips", "background"):
        rows.append((f"{part} of\nthe next", made_in_parts(generator, taken(config, w, w.roll(-1, 0), [part])).image))
    rows.append(("nose moved", made_in_parts(generator, w, Composition(moved={"nose": (0.0, MOVED)})).image))
    rows.append(
        (
            "without brows,\neyes, nose",
            made_in_parts(generator, w, Composition(without=("brows", "eyes", "nose"))).image,
        )
    )
    return sheet(rows)


def moving(generator: Parts, w: Tensor, part: str = "nose") -> list[tuple[str, str]]:
    config = generator.config
    went: list[Tensor] = []
    others: list[Tensor] = []
    ghosts: list[float] = []
    usual: list[float] = []  # some of a part is always seen beside it: a soft edge, a shadow
    for own in w.split(BATCH):
        before, after = (
            made_in_parts(generator, own),
            made_in_parts(generator, own, Composition(moved={part: (0.0, MOVED)})),
        )
        bare = made_in_parts(generator, own, Composition(without=(part,)))
        went.append(_height(after, config.part(part)) - _height(before, config.part(part)))
        others += [_height(after, config.part(name)) - _height(before, config.part(name)) for name in ("eyes", "lips")]
        left = ((before.classes == config.part(part)) & (after.classes != config.part(part)))[:, None]
        ghosts.append(_difference(after, bare, left))
        beside = left.roll(-round(MOVED * config.resolution), 2) & (before.classes == config.part("skin"))[:, None]
        usual.append(_difference(before, bare, beside))
    side = config.resolution
    return [
        (f"asked of the {part}, px down", f"{MOVED * side:.1f}"),
        ("it went, px", f"{side * float(torch.cat(went).nanmean()):.2f}"),
        ("eyes and lips went, px (mean of sizes)", f"{side * float(torch.cat(others).abs().nanmean()):.2f}"),
        ("where it was, difference from a face without it, grey levels", f"{statistics.mean(ghosts):.1f}"),
        (f"as far beside a {part} that was not moved", f"{statistics.mean(usual):.1f}"),
        ("the one over the other (wanted: 1.2)", f"{statistics.mean(ghosts) / statistics.mean(usual):.2f}"),
    ]


def _difference(one: Made, other: Made, where: Tensor) -> float:
    """Mean, grey levels."""
    return 127.5 * float(((one.image - other.image).abs() * where).sum() / (3 * where.sum()).clamp(min=1))


def _height(made: Made, part: int) -> Tensor:
    """[B]: of the middle of a part's mask, as a share of the side; NaN where it is not there."""
    mask = (made.classes == part).float()
    rows = (torch.arange(mask.shape[1]) + 0.5) / mask.shape[1]
    count = mask.sum((1, 2))
    return (mask.sum(2) * rows).sum(1) / torch.where(count > 0, count, torch.nan)


def borders(generator: Parts, w: Tensor) -> list[tuple[str, str, str, str]]:
    rows = []
    for part in ("nose", "eyes", "lips"):
        steps: list[tuple[float, float]] = []
        for own, other in zip(w.split(BATCH), w.roll(1, 0).split(BATCH), strict=True):
            before, after = (
                made_in_parts(generator, own),
                made_in_parts(generator, taken(generator.config, own, other, [part])),
            )
            steps.append((_step(before, generator, part), _step(after, generator, part)))
        first, second = (statistics.mean(values) for values in zip(*steps, strict=True))
        rows.append((part, f"{first:.1f}", f"{second:.1f}", f"{second / first:.2f}"))
    return rows


def _step(made: Made, generator: Parts, part: str) -> float:
    """Mean over pictures of |mean lightness of a ring outside the part - of a ring just within its border|."""
    mask = (made.classes == generator.config.part(part)).float()[:, None]
    skin = (made.classes == generator.config.part("skin")).float()[:, None]
    grown, shrunk = F.max_pool2d(mask, 5, 1, 2), 1 - F.max_pool2d(1 - mask, 3, 1, 1)
    light = made.image.mean(1, keepdim=True)
    rings = [(grown - mask) * skin, mask - shrunk]
    means = [(light * ring).sum((1, 2, 3)) / ring.sum((1, 2, 3)) for ring in rings]
    return 127.5 * float((means[0] - means[1]).abs().nanmean())


def sweeps(generator: Parts, w: Tensor, folder: Path) -> list[tuple[str, str, str, str]]:
    """What the attribute network measures when a part is set to five values, or of hair how light its pixels are."""
    controls, config, estimator = PartControls.load(folder / "parts.safetensors"), generator.config, load_attributes()
    w, rows = w[: 5 * BATCH], []

    def measured(name: str) -> Callable[[Made], Tensor]:
        return lambda made: estimator(made.image.clamp(-1, 1))[0][:, estimator.names.index(name)]

    def light(made: Made) -> Tensor:
        hair = (made.classes == config.part("hair")).float()
        return (made.image.mean(1) * hair).sum((1, 2)) / hair.sum((1, 2)).clamp(min=1)

    asked = [
        ("eyes", "eyes_open", measured("eyes_open"), (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("lips", "mouth_open", measured("mouth_open"), (0.0, 0.2, 0.4, 0.6, 0.8)),
        ("brows", "brows_raised", lambda made: -_height(made, config.part("brows")), (-1.0, -0.5, 0.0, 0.5, 1.0)),
        ("hair", "hair_lightness", light, (-20.0, -10.0, 0.0, 10.0, 20.0)),
    ]
    for part, name, measure, values in asked:
        parts = ("lips", "mouth") if part == "lips" else (part,)
        found, changes = [], []
        before = made_in_parts(generator, w)
        for value in values:
            after = w
            for each in parts:
                after = controls.set(config, after, each, {name: value})
            made = made_in_parts(generator, after)
            found.append(measure(made))
            changes.append(change_by_place(before, made, [config.part(each) for each in parts]))
        curves = torch.stack(found, 1)
        curves = curves[~curves.isnan().any(1)]  # brows that hair hides have no height
        wanted = torch.tensor(values).expand_as(curves)
        together = np.corrcoef(
            (curves - curves.mean(1, keepdim=True)).flatten(), (wanted - wanted.mean(1, keepdim=True)).flatten()
        )
        inside, outside = (sum(column) for column in zip(*changes, strict=True))
        rows.append((part, name, f"{together[0, 1]:.3f}", f"{inside / max(outside, 1e-6):.0f}"))
    return rows


def speed(generator: Parts) -> list[tuple[str, str]]:
    rows: list[tuple[str, Generator]] = [(DEFAULT, library.load().generator), ("this one", generator)]
    found = []
    for name, one in rows:
        w = one.mapping(torch.randn(1, one.config.z_dim))
        times = []
        for _ in range(12):
            begun = time.process_time()
            one.images(w)
            times.append(1000 * (time.process_time() - begun))
        found.append((name, f"{statistics.median(times[2:]):.1f}"))
    return found


def against_renders(args: argparse.Namespace) -> list[tuple[str, str]]:
    from portraitist_workers.priors.engine.canvas import Canvas
    from portraitist_workers.priors.training.parts.figures import measure
    from portraitist_workers.priors.training.parts.frames import Zooms
    from portraitist_workers.priors.training.parts.pictures import LabelledPool
    from portraitist_workers.priors.training.parts.taught import Taught

    taught = Taught(args.state)
    config = taught.generator_ema.config
    pool = LabelledPool(args.renders, Zooms(Canvas.load(args.canvas)))
    found = measure(taught, pool, count=args.samples, until=config.resolution, coarse=config.coarse)
    return [(name, f"{value:.3g}") for name, value in found.items()]


if __name__ == "__main__":
    main()
