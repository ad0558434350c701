"""What a bundled prior can do -> docs/benchmarks/prior.md, prior-256.md.

    python -m tests.benchmarks.bench_prior [--name default-256] [--renders DIR] [--sources DATA] [--samples N] [--threads N]

--renders is a pool of the labelled-portrait engine (`priors.engine.render pool`); without it the comparison of distributions is left out.
--sources is the folder that the engine was built from, with london/ in it; without it nothing is said of copies.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.priors.prior import BUNDLED, DEFAULT, bundled
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.identity import load_identity
from portraitist_workers.faces.image_io import to_uint8
from portraitist_workers.faces.networks import load_network
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.inversion.optimize import refine_w
from portraitist_workers.inversion.pivotal import tune_to_photo
from portraitist_workers.inversion.reconstruction import Reconstruction
from portraitist_workers.precision import optimisation_dtype
from portraitist_workers.priors import library

from . import distribution, judges, metrics, people
from .copies import copy_check
from .options import like_a_worker
from .report import table, write
from .sheets import save, sheet

TUNING = 60, 300  # steps: as an edit of a photo, and as pivotal tuning was published (350)
SMALLER = 128  # pixels a side at which larger samples are compared with renders as well: fine grain is no more to be seen there
PER_PERSON = 4  # held-out photos; the prior saw none of any of these people


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", choices=BUNDLED, default=DEFAULT)
    parser.add_argument("--renders", type=Path, help="folder of shards of the engine")
    parser.add_argument("--sources", type=Path, help="folder with london/: the people that the prior learnt from")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--work", type=Path, default=Path(os.path.expanduser("~/.cache/portraitist/benchmarks")))
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    prior = library.load(args.name)
    page = args.name.replace(DEFAULT, "prior")
    with torch.no_grad():
        drawn = samples(prior, args.samples)
        lines = sampled(drawn, args.renders)
        copies = copy_check(drawn, args.sources) if args.sources else [("--sources was not given", "")]
    judges.distance()  # before the operations load theirs
    photos = torch.cat([held_out(person, prior.resolution) for person in ("ada", "bruno", "cora", "dario")])
    stages = invert(prior, photos)
    shown = [(f"{i + 1}-{i + 10}", drawn[i : i + 10]) for i in range(0, 40, 10)]
    inverted_rows = [("photos", photos[::2]), *((name.replace(", ", "\n"), images[::2]) for name, images in stages)]
    write(
        page,
        f"The bundled prior {args.name}",
        [
            f"{prior.reference}, {prior.resolution} px. {judges.describe()}",
            "## Random samples",
            "z ~ N(0, 1), truncation_psi 1, no selection. KID (kernel inception distance) over features of unit mean square; 0: as the "
            "renders that the prior learnt from. Precision: share of the samples that lie among renders; recall: share of the renders that "
            "lie among samples.",
            table(("", ""), lines),
            save(sheet(shown), f"{page}-samples", args.work),
            "## Copies",
            "The identity network's distance (1 - cosine) from each sample to every single person that the prior learnt from. Faces are "
            "mixes in which nobody weighs more than 70 %, so some samples resemble a source, as relatives do; none may be one.",
            table(("", ""), copies),
            "## Photos of people it never saw",
            f"{len(photos)} held-out photos of the four test people, aligned.",
            table(("", "LPIPS", "PSNR, dB", "identity: cosine to the photo"), inverted(stages, photos)),
            save(sheet(inverted_rows), f"{page}-inversion", args.work),
            *(measured_networks() if args.name == DEFAULT else ()),
        ],
    )


def held_out(person: str, side: int) -> Tensor:
    return people.stack(people.align([photo for photo in people.load(person) if photo.held_out][:PER_PERSON], side))


def samples(prior: library.Prior, count: int, seed: int = 0) -> Tensor:
    z = torch.randn(count, prior.generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    return torch.cat([prior.generator.images(prior.generator.mapping(part)).clamp(-1, 1) for part in z.split(16)])


def sampled(drawn: Tensor, renders: Path | None) -> list[tuple[str, str]]:
    found = [len(detect_faces(cv2.resize(picture, None, fx=2, fy=2))) for picture in to_uint8(drawn)]
    alone = 100 * sum(n == 1 for n in found) / len(found)
    lines = [("pictures", str(len(drawn))), ("MTCNN finds exactly one face", f"{alone:.1f} % (wanted: 99 %)")]
    if renders is None:
        return lines
    from portraitist_workers.priors.training.pool import Pool

    pool = Pool(renders)
    rendered = pool.batch(min(5000, len(pool)), drawn.shape[-1], np.random.default_rng(0))[0]
    half = len(rendered) // 2
    real, name = distribution.features(rendered)
    lines += likeness("samples", name, distribution.features(drawn)[0], real)
    lines += likeness("renders among themselves", name, real[:half], real[half:])
    if drawn.shape[-1] > SMALLER:
        shrunk, small_renders = (F.interpolate(x, size=(SMALLER, SMALLER), mode="area") for x in (drawn, rendered))
        lines += likeness(
            f"samples, both shrunk to {SMALLER} px",
            name,
            *(distribution.features(x)[0] for x in (shrunk, small_renders)),
        )
        blurred = F.interpolate(small_renders[:half], size=drawn.shape[-2:], mode="bilinear")
        lines += likeness(
            "renders without their finest octave against renders", name, distribution.features(blurred)[0], real[half:]
        )
    return lines


def likeness(label: str, name: str, ours: Tensor, real: Tensor) -> list[tuple[str, str]]:
    """Lines on features [N, D], [M, D] of the network called `name`."""
    scale = real.square().mean().sqrt()  # KID's size depends on the features'
    ours, real = ours / scale, real / scale
    value, error = distribution.kid(ours, real)
    precision, recall = distribution.precision_recall(ours[:1000], real[: len(ours[:1000])])
    return [
        (f"{label}: KID ({name})", f"{value:.4f} ± {error:.4f}"),
        (f"{label}: precision / recall", f"{precision:.2f} / {recall:.2f}"),
    ]


def invert(prior: library.Prior, photos: Tensor) -> list[tuple[str, Tensor]]:
    loss, dtype = Reconstruction(load_perceptual(), seed=0), optimisation_dtype()
    with torch.no_grad():
        w, start = prior.encoder(photos), prior.encoder.w_plus(photos)
        stages = [("encoder, W", prior.generator.images(w)), ("encoder, W+", prior.generator.images(start))]
    w_plus = refine_w(prior.generator, photos, start, loss, steps=100, w_std=prior.w_std, dtype=dtype)
    with torch.no_grad():
        stages.append(("100 steps, W+", prior.generator.images(w_plus)))
    for steps in TUNING:
        tuned = []
        for photo, pivot in zip(photos.split(1), w_plus.split(1), strict=True):
            generator = tune_to_photo(prior.generator, photo, pivot, loss, steps=steps, dtype=dtype)
            with torch.no_grad():
                tuned.append(generator.images(pivot))
        stages.append((f"{steps} steps, tuned", torch.cat(tuned)))
    return [(name, images.clamp(-1, 1)) for name, images in stages]


@torch.no_grad()
def inverted(stages: list[tuple[str, Tensor]], photos: Tensor) -> list[tuple[str, ...]]:
    identity = load_identity()
    return [
        (
            name,
            metrics.interval(judges.lpips(images, photos).tolist(), 4, np.mean),
            f"{float(metrics.psnr(images, photos).mean()):.1f}",
            f"{float((identity(images) * identity(photos)).sum(1).mean()):.3f}",
        )
        for name, images in stages
    ]


def measured_networks() -> tuple[str, ...]:
    """Of the one set that serves every prior."""
    return (
        "## Networks",
        "As measured on people that no training saw; the figures are in each file's header.",
        table(("network", "figure", "value"), networks()),
    )


def networks() -> list[tuple[str, str, str]]:
    """(network, figure, value), as the files' headers have them."""
    rows = []
    for kind in ("attributes", "identity", "parser", "perceptual"):
        size = (bundled() / f"{kind}.safetensors").stat().st_size / 1e6
        rows.append((kind, "size", f"{size:.1f} MB"))
        for figure, value in load_network(kind)[1].items():
            parts = value.items() if isinstance(value, dict) else [("", value)]
            rows.append(("", figure.replace("_", " "), ", ".join(f"{name} {_short(v)}".strip() for name, v in parts)))
    return rows


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
