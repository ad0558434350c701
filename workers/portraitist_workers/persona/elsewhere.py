"""Holding the person where no photo is.

A generator tuned to frontal photos knows the person from the front. Turned along the prior's direction by twenty degrees, it shows
somebody else. So the generator learns from views of the photos, too. In a view, a photo's face is turned on its mesh (faces/turning.py)
to where no photo reaches, or it smiles as the prior smiles at the photo's latent. A view's latent is the photo's anchor, moved along the
prior's directions by as much.

Around the face, a view is the prior's own picture there, in the photo's tones; it counts for less. Without it the head's outline stays
where it was, and a turned face sits in a head that is not.

The identity network as a loss helps beside the views. Alone, it rose above the person's own photos while noses reddened and eyes blurred.
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
from .rendering import render

MOVED = ("yaw", "pitch", "smile")
# Where views end, as values of MOVED; NaN: as in the photo. Smiles beyond 1, because the generator learns them by halves.
_AS_IT_IS = float("nan")
ENDS = (
    *(
        (-25.0, 0.0, _AS_IT_IS),
        (-17.0, 4.0, 0.5),
        (-9.0, -5.0, _AS_IT_IS),
        (0.0, -9.0, _AS_IT_IS),
        (0.0, 8.0, _AS_IT_IS),
        (9.0, 5.0, 0.0),
    ),
    *((17.0, -4.0, _AS_IT_IS), (25.0, 0.0, _AS_IT_IS)),
    *((_AS_IT_IS, _AS_IT_IS, smile) for smile in (0.0, 0.7, 1.3)),
)
_NEAR = (5.0, 5.0, 0.25)  # changes that are all smaller say nothing new
_COVERED = (4.0, 3.0, 0.15)  # an end that a photo comes as near to needs no view
_FARTHEST = 30.0  # degrees: of a view that is turned farther too little is seen
_MOST = 96  # views in all: of many photos fewer each
_AROUND = 0.25  # how much what is around the face counts
_TONE = 0.06  # of the side: blur of the difference between a photo and the prior's picture of it
_SMILES = 4.0  # how often smiles from the front are seen against the others: a mouth is small
_TURNING_COSTS = 0.02  # of likeness, in a real face at twenty degrees


@dataclass(eq=False)
class Views:
    """pictures [V, 3, R, R], and how much their pixels count [V, 1, R, R]. photo [V]: index of the one that each is made from.
    moved [V, D]: from its anchor to the view's latent."""

    pictures: Tensor
    counts: Tensor
    photo: Tensor
    moved: Tensor
    seed: int
    likeness_of: Callable[[Tensor], Tensor]  # mean cosine [B] of pictures to the photos
    often: Tensor  # [V] how often each is seen, in relation; on the CPU, where it is drawn from
    enough: float  # likeness beyond which nothing is gained
    weight: float = 1.5
    likeness: float = 0.1

    @property
    def each_update(self) -> int:
        """Pictures: where photos cover most of what views could show, there are few views, and fewer are seen at a time."""
        return min(3, -(-len(self.pictures) // 8))

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        photos: Tensor,
        values: Tensor,
        anchors: Tensor,
        prior: Generator,
        steps: Tensor,
        *,
        known: Tensor,
        counts: Tensor,
        identity: IdentityEncoder,
        embeddings: Tensor,
        seed: int,
        first: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> Views | None:
        """Views of photos [N, 3, R, R] whose MOVED are `values` [N, 3] and whose latents are `anchors` [N, D].

        `steps` [3, D] are the prior's directions per unit. `embeddings` [K, E] are of all photos of the person. These photos are those
        from the index `first` on.

        known [N, 1, R, R]: 0 where a photo's pixels are not the person's. Photos that count for little (`counts` [N]) give no views.
        `dtype`: of the prior's pictures. None: there is nothing to add.
        """
        wanted = _wanted(values.double().cpu().numpy(), counts.cpu().numpy() >= 0.5, seed)
        if not wanted:
            return None
        photo = torch.tensor([n for n, _ in wanted])
        change = torch.tensor(np.stack([c for _, c in wanted])).to(steps)  # [V, 3]
        moved = change @ steps
        face_of = known[:, 0].float().cpu().numpy()
        crops, unmoved = to_uint8(photos), render(prior, anchors, dtype=dtype)
        meshes, still = _points(photos), _points(unmoved)
        smiles = [v for v, (_, c) in enumerate(wanted) if c[2]]
        smiling: dict[int, np.ndarray] = {}
        if smiles:
            latents = anchors[photo[smiles]] + change[smiles, 2:] * steps[2:]
            smiling = dict(zip(smiles, _points(render(prior, latents, dtype=dtype)), strict=True))
        made = []
        for v, (n, (yaw, pitch, smile)) in enumerate(wanted):
            expression = _expression(still[n], smiling[v], meshes[n]) if smile else None
            made.append(turned(crops[n], meshes[n], yaw=yaw, pitch=pitch, moved=expression, known=face_of[n]))
        face = torch.from_numpy(np.stack([view.known for view in made]))[:, None].to(photos)
        tone = gaussian_blur((photos - unmoved) * known, _TONE * photos.shape[-1])[photo]
        around = (render(prior, anchors[photo] + moved, dtype=dtype) + tone).clamp(-1, 1)
        pictures = torch.lerp(around, to_tensor(np.stack([view.picture for view in made])).to(photos), face)
        often = torch.where(change[:, :2].abs().amax(1) > 0, 1.0, _SMILES).cpu()
        return cls(
            pictures,
            _AROUND + (1 - _AROUND) * face,
            first + photo,
            moved,
            seed,
            lambda x: identity_scores(identity(x), embeddings),
            often,
            float(leave_one_out(embeddings).mean()) - _TURNING_COSTS,
        )

    def loss(
        self,
        generator: Generator,
        anchors: Tensor,
        reconstruction: Reconstruction,
        step: int,
        dtype: torch.dtype,
        side: int,
    ) -> Tensor:
        """Of update `step`, in pictures of `side` px at latents beside the anchors [N, D]; which views are seen depends on the seed and the
        step alone."""
        rng = torch.Generator().manual_seed(self.seed * 15_485_863 + step)
        rows = torch.multinomial(self.often, self.each_update, generator=rng)
        image = generator.images(anchors[self.photo[rows]] + self.moved[rows], dtype=dtype, until=side)
        distance = reconstruction(image, self.pictures[rows], step, self.counts[rows])
        with reconstruction.format(image):
            likeness = self.likeness_of(image[:1])  # of one of them: it costs as much as half a picture
        return self.weight * distance.mean() + self.likeness * (self.enough - likeness).clamp(min=0).mean()


def _wanted(values: np.ndarray, usable: np.ndarray, seed: int) -> list[tuple[int, np.ndarray]]:
    """Which photo each view is made from, and by how much of MOVED it differs."""
    ends = [end for end in ENDS if not (np.isnan(gap := np.abs(values[usable] - end)) | (gap < _COVERED)).all(1).any()]
    wanted = []
    for n in np.flatnonzero(usable):
        for end in ends:
            change = np.where(np.isnan(end), 0.0, np.array(end) - values[n])
            if (np.abs(change) > _NEAR).any() and np.hypot(*change[:2]) < _FARTHEST:
                wanted.append((int(n), np.where(np.abs(change) > 0.2 * np.array(_NEAR), change, 0.0)))
    if len(wanted) > _MOST:
        chosen = np.random.default_rng(seed).choice(len(wanted), _MOST, replace=False)
        wanted = [wanted[i] for i in sorted(chosen)]
    return wanted


def _points(images: Tensor) -> np.ndarray:
    """[B, 478, 3] mesh points in shares of the side."""
    return torch.cat([load_mesh()(part).points for part in images.split(16)]).double().cpu().numpy()


def _expression(before: np.ndarray, after: np.ndarray, face: np.ndarray) -> np.ndarray:
    """[478, 3] how the mesh `face` moves by the expression that takes the mesh `before` to `after`, which are of another face.

    The three look in nearly the same direction. Only what lies below the eyes moves.
    """
    eyes, chin = [33, 133, 362, 263], 152
    size = [np.linalg.norm(mesh[33] - mesh[263]) for mesh in (before, after, face)]
    change = (after - after[eyes].mean(0)) / size[1] - (before - before[eyes].mean(0)) / size[0]
    depth = (face[:, 1] - face[eyes, 1].mean()) / (face[chin, 1] - face[eyes, 1].mean())  # 0 at the eyes, 1 at the chin
    return change * size[2] * np.clip((depth - 0.1) / 0.25, 0, 1)[:, None]
