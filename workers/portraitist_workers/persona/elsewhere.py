"""Holding the person where no photo is.

A generator tuned to frontal photos knows the person from the front; turned along the prior's direction, within twenty degrees it shows
somebody else. So each photo's face is turned on its mesh (faces/turning.py), to where the photos do not reach, and the generator learns
from these views, too: at the photo's anchor, moved along the prior's direction by as much. Around the face the view is the prior's own
picture there, in the photo's tones, which counts for less: without it the head's outline stays where it was, and a turned face sits
in a head that is not.

The identity network as a loss was tried in their place. It rose above the person's own photos while noses reddened and eyes blurred.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..faces.identity import IdentityEncoder
from ..faces.image_io import to_tensor, to_uint8
from ..faces.mesh import load_mesh
from ..faces.turning import turned
from ..generator import Generator
from ..inversion.reconstruction import Reconstruction
from ..restoration.degrade import gaussian_blur
from .judge import identity_scores, leave_one_out
from .model import render

# Yaw and pitch that views end at.
ANGLES = ((-25.0, 0.0), (-17.0, 4.0), (-9.0, -5.0), (0.0, -9.0), (0.0, 8.0), (9.0, 5.0), (17.0, -4.0), (25.0, 0.0))
_NEAR = 5.0    # degrees from the photo: a view that is nearer says nothing new
_FARTHEST = 30.0  # from the photo: of a view that is farther too little is seen
_MOST = 96     # views in all: of many photos fewer each
_AROUND = 0.25  # how much what is around the face counts
_TONE = 0.06   # of the side: blur of the difference between a photo and the prior's picture of it


@dataclass(eq=False)
class Views:
    """pictures [V, 3, R, R] and how much their pixels count [V, 1, R, R]; photo [V] index of the one each is made from; moved [V, D]: from
    its anchor to the view's latent."""

    pictures: Tensor
    known: Tensor
    photo: Tensor
    moved: Tensor
    seed: int
    who: Callable[[Tensor], Tensor]  # likeness [B] of pictures to the photos
    enough: float  # what the photos score among each other: beyond it nothing is gained
    each_update: int = 3
    weight: float = 1.5
    likeness: float = 0.15

    @classmethod
    @torch.no_grad()
    def of(cls, photos: Tensor, pose: Tensor, anchors: Tensor, prior: Generator, steps: Tensor, *, counts: Tensor,
           identity: IdentityEncoder, seed: int) -> Views | None:
        """Views of photos [N, 3, R, R] whose yaw and pitch are `pose` [N, 2] and whose latents are `anchors` [N, D]; steps [2, D]: the prior's
        directions per degree.

        Photos that count for little (`counts` [N]) give none. None: there is nothing to add.
        """
        usable = [n for n in range(len(photos)) if float(counts[n]) >= 0.5]
        wanted = [(n, yaw, pitch) for n in usable for yaw, pitch in ANGLES if _NEAR < _distance(pose[n], yaw, pitch) < _FARTHEST]
        if len(wanted) > _MOST:
            rng = np.random.default_rng(seed)
            wanted = [wanted[i] for i in sorted(rng.choice(len(wanted), _MOST, replace=False))]
        if not wanted:
            return None
        meshes = torch.cat([load_mesh()(part).points for part in photos.split(16)]).cpu().numpy().astype(np.float64)
        crops = to_uint8(photos)
        made, by = [], []
        for n, yaw, pitch in wanted:
            change = yaw - float(pose[n, 0]), pitch - float(pose[n, 1])
            made.append(turned(crops[n], meshes[n], yaw=change[0], pitch=change[1]))
            by.append(change)
        known = torch.from_numpy(np.stack([view.known for view in made]))[:, None].to(photos)
        photo, moved = torch.tensor([n for n, _, _ in wanted]), torch.tensor(by).to(steps) @ steps
        embeddings = identity(photos)
        sigma = _TONE * photos.shape[-1]
        tone = gaussian_blur(photos - render(prior, anchors), sigma)[photo]
        around = (render(prior, anchors[photo] + moved) + tone).clamp(-1, 1)
        pictures = torch.lerp(around, to_tensor(np.stack([view.picture for view in made])).to(photos), known)
        return cls(pictures, _AROUND + (1 - _AROUND) * known, photo, moved, seed,
                   lambda images: identity_scores(identity(images), embeddings), float(leave_one_out(embeddings).mean()))

    def loss(self, generator: Generator, anchors: Tensor, reconstruction: Reconstruction, step: int, dtype: torch.dtype) -> Tensor:
        """Of update `step`, at latents beside the anchors [N, D]; which views are seen depends on the seed and the step alone."""
        rng = torch.Generator().manual_seed(self.seed * 15_485_863 + step)
        rows = torch.randint(len(self.pictures), (self.each_update,), generator=rng)
        image = generator.synthesis(anchors[self.photo[rows]] + self.moved[rows], dtype=dtype)
        distance = reconstruction(image, self.pictures[rows], step, self.known[rows])
        return (self.weight * distance + self.likeness * (self.enough - self.who(image)).clamp(min=0)).mean()


def _distance(pose: Tensor, yaw: float, pitch: float) -> float:
    return float(np.hypot(yaw - float(pose[0]), pitch - float(pose[1])))

