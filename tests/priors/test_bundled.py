"""The priors that come with the package."""

from pathlib import Path

import numpy as np
import pytest
import torch

from portraitist_workers.faces.align import crop, ffhq_frame
from portraitist_workers.faces.attributes import load_attributes
from portraitist_workers.faces.detect import detect_faces
from portraitist_workers.faces.image_io import decode, to_tensor, to_uint8
from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.priors import library

PHOTO = Path(__file__).parents[1] / "people" / "bruno" / "bruno-16.jpg"


@pytest.mark.parametrize(("name", "side"), [("default", 128), ("default-256", 256), ("default-parts", 128)])
@torch.no_grad()
def test_a_bundled_prior_knows_faces(name, side):
    prior = library.load(name)
    assert (
        prior.resolution == side and prior.nuisance.shape[0] > 0 and set(prior.attributes) >= {"yaw", "pitch", "smile"}
    )
    picture = decode(PHOTO.read_bytes(), PHOTO.name)
    photo = to_tensor(crop(picture, ffhq_frame(detect_faces(picture)[0].points), side)[None])
    images, distance = prior.generator.images, load_perceptual()
    mean = float(distance(images(prior.generator.mapping.w_avg[None]), photo))
    eyes = load_attributes().names.index("eyes_open")
    w = prior.encoder(photo)
    opened, closed = (
        float(load_attributes()(images(at).clamp(-1, 1))[0][0, eyes]) for at in (w, w - prior.steps_for(("eyes_open",)))
    )
    assert opened - closed > 0.35  # 0.18 and 0.33 before training.eyelids
    in_w, in_w_plus = (float(distance(images(at), photo)) for at in (w, prior.encoder.w_plus(photo)))
    assert max(in_w, in_w_plus) < 0.6 * mean  # the average face is no inversion
    z = torch.randn(8, prior.generator.config.z_dim, generator=torch.Generator().manual_seed(0))
    w = prior.generator.mapping(z)
    drawn = to_uint8(images(w).clamp(-1, 1))
    assert all(len(detect_faces(np.ascontiguousarray(one.repeat(2, 0).repeat(2, 1)))) == 1 for one in drawn)
    spread = w.std(0) / prior.w_std
    assert 0.5 < float(spread.mean()) < 1.5
