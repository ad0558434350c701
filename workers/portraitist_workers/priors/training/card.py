"""Pictures and figures of the model card, docs/priors/default.md.

    python -m portraitist_workers.priors.training.card [--name default-256] --photos tests/people/*/*-1[6-9].jpg --out docs/priors

default-samples.jpg: 32 random samples (psi 1), below them sweeps of yaw, pitch, smile and eyes_open along the prior's directions.
default-encoder.jpg: the photos, and below each what encoder and untuned generator make of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from portraitist.priors.prior import BUNDLED, DEFAULT

from ...faces.align import crop, ffhq_frame
from ...faces.attributes import load_attributes
from ...faces.detect import detect_faces
from ...faces.image_io import decode, to_tensor, to_uint8
from ...faces.perceptual import load_perceptual
from ...persona.control import measure_response
from ...persona.rendering import render
from .. import library

COLUMNS = 8
SWEEPS = {"yaw": 25.0, "pitch": 12.0, "smile": 0.5, "eyes_open": 0.9}  # to both sides, in the attribute's unit


def sheet(images: Tensor, columns: int = COLUMNS) -> np.ndarray:
    """[N, 3, R, R] -> one uint8 picture, `columns` to a row."""
    pixels = to_uint8(images)
    R = pixels.shape[1]
    return pixels.reshape(-1, columns, R, R, 3).transpose(0, 2, 1, 3, 4).reshape(-1, columns * R, 3)


@torch.no_grad()
def samples(prior: library.Prior, seed: int = 0) -> Tensor:
    """[32 + 4 * COLUMNS, 3, R, R]"""
    rng = torch.Generator().manual_seed(seed)
    w = prior.generator.mapping(torch.randn(4 * COLUMNS, prior.generator.config.z_dim, generator=rng))
    reach = torch.linspace(-1, 1, COLUMNS)[:, None]
    rows = [
        prior.generator.mapping.w_avg + reach * limit * prior.steps_for((name,))[0] for name, limit in SWEEPS.items()
    ]
    return torch.cat([prior.generator.images(part) for part in torch.cat([w, *rows]).split(16)]).clamp(-1, 1)


@torch.no_grad()
def encoded(prior: library.Prior, files: list[Path]) -> tuple[Tensor, Tensor]:
    """The aligned photos and their reproductions, [N, 3, R, R] each."""
    crops = []
    for file in files:
        photo = decode(file.read_bytes(), file.name)
        crops.append(crop(photo, ffhq_frame(detect_faces(photo)[0].points), prior.resolution))
    photos = to_tensor(np.stack(crops))
    return photos, torch.cat([prior.generator.images(prior.encoder(part)) for part in photos.split(16)]).clamp(-1, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", choices=BUNDLED, default=DEFAULT)
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="photos of people the prior never saw")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    prior = library.load(args.name)
    drawn = samples(prior)
    _write(args.out / f"{args.name}-samples.jpg", sheet(drawn))
    faces = sum(
        len(detect_faces(cv2.resize(picture, None, fx=2, fy=2))) == 1 for picture in to_uint8(drawn[: 4 * COLUMNS])
    )
    print(f"samples with exactly one detected face: {faces} of {4 * COLUMNS}")
    photos, made = encoded(prior, args.photos)
    shown = 2 * COLUMNS
    pairs = torch.cat(
        [
            torch.cat([photos[i : i + COLUMNS], made[i : i + COLUMNS]])
            for i in range(0, min(shown, len(photos)), COLUMNS)
        ]
    )
    _write(args.out / f"{args.name}-encoder.jpg", sheet(pairs))
    distance = load_perceptual()
    with torch.no_grad():
        d = torch.cat([distance(a, b) for a, b in zip(made.split(16), photos.split(16), strict=True)]).mean()
    psnr = (10 * torch.log10(4 / (made - photos).square().flatten(1).mean(1))).mean()
    estimator = load_attributes()
    with torch.no_grad():
        w = torch.cat([prior.encoder(part) for part in photos.split(16)])
        steps = prior.steps_for(estimator.names)
        response = measure_response(estimator.names, steps, w, lambda w: estimator(render(prior.generator, w))[0])
    print(
        "measured per unit asked:",
        {n: round(float(v), 2) for n, v in zip(estimator.names, response.matrix.diagonal(), strict=True)},
    )
    print(f"{len(photos)} photos by the encoder alone: {distance.name} {float(d):.4f}, PSNR {float(psnr):.1f} dB")


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    main()
