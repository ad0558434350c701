"""Where parts are taken from: other photos, of whomever, and faces that nobody has."""

from __future__ import annotations

import torch
from torch import Tensor

from portraitist.errors import FaceNotFound, InvalidImage

from ..faces import image_io
from ..faces.align import crop, ffhq_frame, inside
from ..faces.detect import detect_faces
from ..faces.perceptual import load_perceptual
from ..generator.parts import Parts
from ..inversion.optimize import OnStep, refine_w
from ..inversion.reconstruction import Reconstruction
from ..precision import optimisation_dtype
from ..priors.library import Prior

LEAST = 0.0008  # of the picture: a part that shows less cannot be taken; an eye has twice as much


def of_photo(prior: Prior, file: bytes, name: str, *, steps: int, seed: int, on_step: OnStep | None = None) -> Tensor:
    """w [1, D] of the largest face in a photo, by the prior's own generator: not the person's, since it may be anyone.

    Raises InvalidImage, FaceNotFound."""
    photo = image_io.decode(file, name)
    faces = detect_faces(photo)
    if not faces:
        raise FaceNotFound(
            f"{name}: no face found to take a part from. Use a photo with a face of 40 px or more.", param=name
        )
    frame = ffhq_frame(faces[0].points)
    pixels = image_io.to_tensor(crop(photo, frame, prior.resolution))
    known = torch.from_numpy(inside(photo.shape[:2], frame, prior.resolution))[None, None].to(pixels)
    with torch.no_grad():
        start = prior.encoder(pixels)
    loss = Reconstruction(load_perceptual(), seed=seed)
    return refine_w(
        prior.generator, pixels, start, loss, steps=steps, w_std=prior.w_std, known=known, dtype=optimisation_dtype(), on_step=on_step
    )  # fmt: skip


@torch.no_grad()
def check_shown(generator: Parts, w: Tensor, part: str, name: str) -> None:
    """Raises InvalidImage for a part that the photo hides."""
    if part in generator.config.parts:
        share = (generator.make(w).classes == generator.config.part(part)).float().mean()
        if share < LEAST:
            raise InvalidImage(
                f"{name}: its {part} cannot be seen, so nothing can be taken from there. Use another photo.", param=name
            )


@torch.no_grad()
def nobody(generator: Parts, seed: int, w_dim: int) -> Tensor:
    """w [1, D] of a random face."""
    z = torch.randn(1, generator.config.z_dim, generator=torch.Generator().manual_seed(seed))
    mapping = generator.mapping
    return mapping.truncate(mapping(z.to(mapping.w_avg.device)), 0.8)
