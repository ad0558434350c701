"""One step of a drag: which change of the latent brings the handles nearer to their targets.

`Adam` follows the paper (eq. 1 to 3). A loss pulls the features in a small disc one pixel towards the target, and its gradient is
divided by its own size. How far the handles get in one step depends on the rate, on the generator and on luck.

`Newton` uses that a handle's place is a smooth function of the latent. `tracking` knows its derivative J [2P, rows, D]. Of all changes
that move the handles as far as they shall go, it takes the cheapest (Gauss-Newton, least norm):

    change = M J^T (J M J^T + damping)^-1 shift

M says which changes are cheap (`space`). One row of J costs as much as one gradient of Adam, and a handle has two. Where there are more
than LINES, the rows are not formed. Conjugate gradients need J and J^T for single vectors only: J v is seen where the handles are after a
small step along v, and J^T u is one gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .features import Maps
from .space import Space
from .tracking import Tracker

DAMPING = 0.05  # of the mean diagonal of J M J^T
STILL = 1e-9  # added to it: handles that nothing moves
LINES = 12
ROUNDS = 5  # of conjugate gradients; more would follow the noise of handles that no face can obey
EVEN = 0.1  # weight, of many handles, of those that are hard to place
PROBE = 0.5  # px that handles move, on average, where J v is looked at
DISC = (
    1.5  # px: radius of the disc that the paper's loss pulls (3 px of 512, and at least the pixel and its neighbours)
)
NEAR = 0.25  # px: from here on the paper's loss pulls no more


Look = Callable[[Tensor], Tensor]  # a latent's rows [1, rows, D] -> where the handles are then, [P, 2] px


class Newton:
    """`stride`: px that a handle moves in one step at most."""

    patience = 3  # steps astray, each at half the stride, after which nothing moves any more
    retreats = True

    def __init__(self, stride: float, space: Space) -> None:
        self.stride, self.space = stride, space

    def careful(self) -> None:
        self.stride /= 2

    def __call__(
        self, tracker: Tracker, maps: Maps, points: Tensor, targets: Tensor, leaf: Tensor, look: Look
    ) -> tuple[Tensor, Tensor]:
        """The change [1, rows, D] of `leaf`, from which `maps` come, and where it should bring the points [P, 2]."""
        shift = targets - points
        shift = shift * (self.stride / shift.norm(dim=1, keepdim=True).clamp(min=self.stride))
        places = tracker.position(maps, points)
        if shift.numel() > LINES:
            texture = tracker.texture(maps.detach(), points)
            weight = (texture / texture.median()).clamp(EVEN, 1)[:, None]
            return self._by_probes(places, points, shift, weight, leaf, look)
        J = torch.stack([_gradient(place, leaf) for place in places.flatten()])
        cheap = self.space.cheap(J)
        gram = torch.einsum("ard,brd->ab", J, cheap)
        damping = (DAMPING * gram.diagonal().mean() + STILL) * torch.eye(len(gram)).to(gram)
        change = torch.einsum("a,ard->rd", torch.linalg.solve(gram + damping, shift.flatten()), cheap)
        return change[None], points + torch.einsum("prd,rd->p", J, change).view(-1, 2)

    def _by_probes(
        self, places: Tensor, points: Tensor, shift: Tensor, weight: Tensor, leaf: Tensor, look: Look
    ) -> tuple[Tensor, Tensor]:
        """Least squares by conjugate gradients (CGLS), in the measure of M. weight [P, 1]: how much each handle counts."""
        change, left, places = torch.zeros_like(leaf[0]), shift * weight, places * weight
        slope = _gradient((places * left).sum(), leaf)
        along = self.space.cheap(slope[None])[0]
        power, speed = float((slope * along).sum()), 0.0
        for _ in range(ROUNDS):
            if power <= STILL:
                break
            speed = speed or power / float(left.norm())  # px of all handles together, for one of `along`
            probe = PROBE * len(points) ** 0.5 / speed
            seen = (look(leaf.detach() + probe * along) - points) * weight / probe
            speed = float(seen.norm())
            length = power / max(speed**2, STILL)
            change, left = change + length * along, left - length * seen
            slope = _gradient((places * left).sum(), leaf)
            cheap = self.space.cheap(slope[None])[0]
            power, before = float((slope * cheap).sum()), power
            along = cheap + power / before * along
        return change[None], points  # whence they are found; what the probes say of single ones is too rough


class Adam:
    """Kingma and Ba 2015, on the paper's loss. `rate`: how far each number of the latent goes in one step."""

    patience = 15
    retreats = False  # its steps are small, and its memory is part of the way

    def __init__(self, rate: float, space: Space) -> None:
        self.rate, self.space = rate, space
        self._mean: Tensor | None = None
        self._square: Tensor | None = None
        self._count = 0

    def careful(self) -> None: ...

    def __call__(
        self, tracker: Tracker, maps: Maps, points: Tensor, targets: Tensor, leaf: Tensor, look: Look
    ) -> tuple[Tensor, Tensor]:
        """As Newton's. The points are expected to be where they are: the paper's tracking starts there."""
        (gradient,) = torch.autograd.grad(supervision(tracker, maps, points, targets), leaf)
        gradient = self.space.cheap(gradient)
        if self._mean is None or self._square is None:
            self._mean, self._square = torch.zeros_like(gradient), torch.zeros_like(gradient)
        self._count += 1
        self._mean = torch.lerp(gradient, self._mean, 0.9)
        self._square = torch.lerp(gradient.square(), self._square, 0.999)
        mean, square = self._mean / (1 - 0.9**self._count), self._square / (1 - 0.999**self._count)
        return -self.rate * mean / (square.sqrt() + 1e-8), points


def supervision(tracker: Tracker, maps: Maps, points: Tensor, targets: Tensor) -> Tensor:
    """The paper's motion supervision (eq. 1), a number: features one pixel ahead shall become those that are here now."""
    way = targets - points
    distance = way.norm(dim=1, keepdim=True)
    ahead = way / distance.clamp(min=1.0)
    here = tracker.seen(maps.detach(), points, radius=DISC)
    there = tracker.seen(maps, points + ahead, radius=DISC)
    return ((there - here).abs().mean((1, 2)) * (distance[:, 0] > NEAR)).sum()


def _gradient(value: Tensor, leaf: Tensor) -> Tensor:
    """d value / d leaf, [rows, D]; the graph stays."""
    return torch.autograd.grad(value, leaf, retain_graph=True)[0][0]
