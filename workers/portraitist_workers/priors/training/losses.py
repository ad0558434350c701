"""Losses of the paired phases: a pyramid of L1, edges, and what a perceptual distance is shown."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...faces.perceptual import backbone_installed, hub_checkpoints, published_lpips
from ...precision import autocast


def load_lpips() -> nn.Module | None:
    """LPIPS-squeeze, or None where its backbone is not installed: what trains then has no perceptual term."""
    if backbone_installed("squeeze"):
        return published_lpips("squeeze")
    print(f"no squeezenet1_1-*.pth in {hub_checkpoints()}: training without LPIPS", flush=True)
    return None


def pyramid_l1(image: Tensor, target: Tensor, weight: Tensor, *, smallest: int = 16) -> Tensor:
    """Mean L1 over octaves, down to `smallest` pixels. `weight` [B, 1, R, R] says where to look.

    Coarse octaves give shape and tone a gradient long before the pixels line up.
    """
    loss = torch.zeros([])
    levels = 0
    while True:
        loss = loss + ((image - target).abs() * weight).mean() / weight.mean()
        levels += 1
        if image.shape[-1] <= smallest:
            return loss / levels
        image, target, weight = (F.avg_pool2d(x, 2) for x in (image, target, weight))


BACKGROUND_WEIGHT = 0.3  # only an 8 x 8 code describes the background; full weight would spend the capacity on it
EYES_WEIGHT = 10.0  # lids are a hundredth of the picture; without it they hardly learn to close
EYES = (0.40, 0.56), (0.25, 0.75)  # rows and columns where alignment puts the eyes, as shares of the picture
# Beyond the picture convolutions and up-sampling see zeros: without this the outermost pixels, a 128th of the side, stay a line
BORDER_WEIGHT, BORDER = 20.0, 1 / 128


def where_to_look(alpha: Tensor, *, eyes: float = EYES_WEIGHT) -> Tensor:
    """Weights [B, 1, R, R] of the pixels, from the foreground [B, 1, R, R] in [0, 1]."""
    R = alpha.shape[-1]
    weight = BACKGROUND_WEIGHT + (1 - BACKGROUND_WEIGHT) * alpha
    rows, columns = (slice(round(low * R), round(high * R)) for low, high in EYES)
    weight[:, :, rows, columns] *= eyes
    edge = round(BORDER * R)  # none below 128 px, where even one pixel would outweigh the face
    border = torch.full_like(weight, BORDER_WEIGHT)
    border[:, :, edge : R - edge, edge : R - edge] = 1.0
    return weight * border


def random_shift(*images: Tensor, pixels: int, rng: torch.Generator) -> list[Tensor]:
    """The same random translation of every tensor (reflected at the edges).

    A network with strides sees a pixel grid of its own and prints it into what is optimised through it; a new phase
    at every step averages that away.
    """
    dx, dy = torch.randint(0, 2 * pixels + 1, (2,), generator=rng).tolist()
    R = images[0].shape[-1]
    return [F.pad(x, (pixels,) * 4, mode="reflect")[:, :, dy : dy + R, dx : dx + R] for x in images]


def edges_l1(image: Tensor, target: Tensor) -> Tensor:
    """Mean L1 of the differences between neighbouring pixels. A perceptual distance prints a faint lattice into plain
    backgrounds and does not see it; here every dot of it costs."""
    across, down = ((image.diff(dim=dim) - target.diff(dim=dim)).abs().mean() for dim in (-1, -2))
    return across + down


FACE = (
    0.34,
    0.25,
)  # top and left of the square half as large as the picture that holds eyes and mouth; alignment puts them there


def enlarged_face(image: Tensor, size: int, down: int = 0, right: int = 0) -> Tensor:
    """That square of the picture [B, 3, R, R], shifted by so many pixels, at `size` pixels."""
    R = image.shape[-1]
    top, left = round(FACE[0] * R) + down, round(FACE[1] * R) + right
    return F.interpolate(
        image[:, :, top : top + R // 2, left : left + R // 2], size=(size, size), mode="bilinear", align_corners=False
    )


def person_lpips(lpips: nn.Module, fake: Tensor, image: Tensor, alpha: Tensor, rng: torch.Generator) -> Tensor:
    """LPIPS of the person before the image's own background (it prints a lattice into plain ones), seen in a random view."""
    person = image + alpha * (fake - image)
    views = random_shift(*random_view(person, image, size=128, rng=rng), pixels=8, rng=rng)
    with autocast():
        return lpips(*views).float().mean()


def random_view(*images: Tensor, size: int, rng: torch.Generator) -> list[Tensor]:
    """Pictures as a perceptual distance is shown them, at `size` pixels: whole, or by turns at random a window.

    Of pictures of `size` the window is the middle of the face, enlarged: in the whole picture, lids and teeth hardly count. Of
    larger ones it is any, at full scale; it costs a quarter of the whole.
    """
    R = images[0].shape[-1]
    if torch.rand((), generator=rng) < 0.5:
        return [F.avg_pool2d(x, R // size) for x in images] if R > size else list(images)
    if R > size:
        top, left = torch.randint(0, R - size + 1, (2,), generator=rng).tolist()
        return [x[:, :, top : top + size, left : left + size] for x in images]
    down, right = torch.randint(-4, 5, (2,), generator=rng).tolist()
    return [enlarged_face(x, size, down, right) for x in images]
