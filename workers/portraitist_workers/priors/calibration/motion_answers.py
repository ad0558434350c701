"""What the latent transformer is taught: questions about single points of a face, and their best answers.

A question is some points, and how each shall move. Its answer is the cheapest change of the latent that does it, a drag's own step:

    change = M J^T (J M J^T + noise)^-1 motion

J is how the points answer to the latent (`drag.tracking` knows it exactly), and M says which changes are cheap (`drag.space`). The
published training takes pairs of latents and the motion between them. Of what distinguishes two faces, one point's motion says next to
nothing. The rest is noise in the answer, and an hour on one core was too short to average it away.

Nothing here knows the renderer that the bundled priors learnt from. So any calibrated StyleGAN2 can be asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from portraitist.errors import FaceNotFound
from portraitist.priors.motion import SIDE

from ...drag.feature_map import feature_map
from ...drag.features import Features
from ...drag.landmarks import landmarks
from ...drag.space import ROWS, Space
from ...drag.tracking import Tracker
from ...generator.stylegan2 import StyleGAN2
from ..library import Prior

MIXED = 0.3  # of the spread of W: how far rows may differ in the faces that are asked about, as those of photos do
PLACES = 12  # of a face that are asked about: half of them near parts of the face that have a name, the others anywhere
NEAR = 0.03  # of the side: how near
RIM = 0.06  # of the side, where nothing is asked
TEXTURE = 0.06  # of a drag's tracker: less, and nothing tells a place from the next
UNITS = (1.0, 1.0, 0.02)  # px of the map of 64 px, to the right and down; expansion, which nobody is asked for
NOISE = 0.03  # of the mean diagonal of J M J^T
FORBIDDEN = 0.01  # share of what is cheap that a change of light or backdrop is
TURNS = ("yaw", "pitch", "roll")


@dataclass(frozen=True, eq=False)
class Cost:
    """M and its inverse, for changes [B, rows, D]."""

    space: Space
    inverse_rows: Tensor
    inverse_spread: Tensor

    @classmethod
    def of(cls, prior: Prior) -> Cost:
        space = Space.of(prior.steps_for(TURNS), nuisance=prior.nuisance)
        rows = space.shared * torch.ones(ROWS, ROWS) + (1 - space.shared) * torch.eye(ROWS)
        spread = space.spread + FORBIDDEN * torch.eye(len(space.spread)).to(space.spread)
        return cls(space, torch.linalg.inv(rows.to(spread)), torch.linalg.inv(spread))

    def __call__(self, change: Tensor) -> Tensor:
        """[B]: how dear it is."""
        return torch.einsum("brd,rs,bse,de->b", change, self.inverse_rows, change, self.inverse_spread)


def faces(generator: StyleGAN2, count: int, rng: torch.Generator) -> Tensor:
    """[count, num_ws, D]: faces to ask about, from plain to strange ones, whose rows differ somewhat."""

    def drawn(number: int) -> Tensor:
        return generator.mapping(torch.randn(number, generator.config.z_dim, generator=rng).to(mean))

    mean = generator.mapping.w_avg
    psi = 0.5 + 0.5 * torch.rand(count, 1, generator=rng).to(mean)
    w = generator.synthesis.as_w_plus(mean + psi * (drawn(count) - mean)).clone()
    mixed = MIXED * torch.rand(count, 1, 1, generator=rng).to(mean)
    return w + mixed * (drawn(count * w.shape[1]).view_as(w) - mean)


@dataclass(frozen=True, eq=False)
class Known:
    """Of B faces: w [B, rows, D], features [B, PLACES, C] at places [B, PLACES, 2] in shares of the side. moves [B, PLACES, 2, rows, D]:
    how they move in UNITS for one of each number of the rows."""

    w: Tensor
    features: Tensor
    places: Tensor
    moves: Tensor

    @classmethod
    def of(cls, generator: StyleGAN2, w_plus: Tensor, rng: torch.Generator) -> Known:
        """Of one face [1, num_ws, D]."""
        synthesis = generator.synthesis
        features = Features(synthesis)
        with torch.no_grad():
            maps, image = feature_map(synthesis, w_plus), synthesis(w_plus)
        places = _places(features, w_plus, image, rng)
        moves = torch.stack([_moves(features, w_plus, place[None] * features.side) for place in places])
        x, y = (places * SIDE).long().T
        return cls(w_plus[:, :ROWS].clone(), maps[:, :, y, x].mT.half(), places[None], moves[None].half())

    @classmethod
    def joined(cls, parts: list[Known]) -> Known:
        return cls(*(torch.cat([getattr(p, name) for p in parts]) for name in ("w", "features", "places", "moves")))


def _places(features: Features, w_plus: Tensor, image: Tensor, rng: torch.Generator) -> Tensor:
    """[PLACES, 2], well defined ones sooner."""
    anywhere = torch.rand(6 * PLACES, 2, generator=rng)
    try:
        named = torch.tensor(list(landmarks(image).values()))
        chosen = torch.randint(len(named), (3 * PLACES,), generator=rng)
        near = named[chosen] + NEAR * torch.randn(3 * PLACES, 2, generator=rng)
    except FaceNotFound:
        near = anywhere
    found = []
    for drawn, count in ((near, PLACES // 2), (anywhere, PLACES - PLACES // 2)):
        drawn = RIM + (1 - 2 * RIM) * drawn if drawn is anywhere else drawn.clamp(RIM, 1 - RIM)
        points = drawn.to(w_plus) * features.side
        with torch.no_grad():
            maps = features(w_plus, points)
            texture = Tracker(maps, points).texture(maps, points).cpu()
        weight = texture * (texture > TEXTURE) + 1e-6
        found.append(drawn[torch.multinomial(weight, count, generator=rng)])
    return torch.cat(found).to(w_plus)


def _moves(features: Features, w_plus: Tensor, point: Tensor) -> Tensor:
    """[2, rows, D] of one point [1, 2] in px."""
    leaf = w_plus[:, :ROWS].detach().clone().requires_grad_(True)
    maps = features(torch.cat([leaf, w_plus[:, ROWS:]], 1), point)
    tracker = Tracker(maps.detach(), point)
    values = tracker.position(maps, point)[0] * (SIDE / features.side) / torch.tensor(UNITS[:2]).to(point)
    return torch.stack([torch.autograd.grad(value, leaf, retain_graph=True)[0][0] for value in values])


@dataclass(frozen=True, eq=False)
class Questions:
    """w [B, rows, D], motion [B, N, 3] in UNITS, features [B, N, C]; and their answers [B, rows, D], with moves [B, N, 2, rows, D]."""

    w: Tensor
    motion: Tensor
    features: Tensor
    moves: Tensor
    answer: Tensor

    def missed(self, given: Tensor, cost: Cost) -> tuple[Tensor, Tensor]:
        """[B] twice, of answers [B, rows, D]: the motion that they miss, as a share of the best answer's. And what the change that they
        miss costs, as a share of what best answers cost here. 0 at best."""
        off = given - self.answer
        share = torch.einsum("bnird,brd->bni", self.moves, off).square().sum((1, 2))
        whole = torch.einsum("bnird,brd->bni", self.moves, self.answer).square().sum((1, 2))
        price = cost(self.answer)
        return share / whole.clamp(min=0.1), cost(off) / (price + price.mean())


def asked(known: Known, faces: Tensor, places: int, space: Space, rng: torch.Generator) -> Questions:
    """Questions with so many places about the `faces` [B] of `known`. Some are pulled in any direction, each by itself or all alike; the
    others stay."""
    B, there = len(faces), known.w.device
    chosen = torch.rand(B, known.features.shape[1], generator=rng).argsort(1)[:, :places].to(there)
    faces = faces.to(there)
    moves = known.moves[faces[:, None], chosen].float()

    def some(share: float, *shape: int) -> Tensor:
        return (torch.rand(*shape, generator=rng) < share).float()

    alone = F.normalize(torch.randn(B, places, 2, generator=rng), dim=2)
    alike = F.normalize(torch.randn(B, 1, 2, generator=rng), dim=2)
    way = torch.lerp(alone, alike.expand_as(alone), some(0.5, B, 1, 1)) * torch.rand(B, places, 1, generator=rng).sqrt()
    pulled = torch.maximum(some(0.3, B, places, 1), some(0.25, B, 1, 1))
    pulled[:, 0] = 1
    motion = way * pulled
    motion = (motion / motion.norm(dim=2).amax(1).clamp(min=1e-6)[:, None, None]).to(there)
    J = moves.flatten(1, 2)
    cheap = space.cheap(J.flatten(0, 1)).view_as(J)
    gram = torch.einsum("bjrd,bkrd->bjk", J, cheap)
    noise = NOISE * gram.diagonal(dim1=1, dim2=2).sum(1) / gram.shape[1] + 1e-6
    solved = torch.linalg.solve(gram + noise[:, None, None] * torch.eye(gram.shape[1]).to(gram), motion.flatten(1))
    features = known.features[faces[:, None], chosen].float()
    return Questions(
        known.w[faces], F.pad(motion, (0, 1)), features, moves, torch.einsum("bj,bjrd->brd", solved, cheap)
    )
