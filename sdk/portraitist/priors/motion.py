"""Whether points of a prior's pictures can be moved by a latent transformer."""

from __future__ import annotations

from ..errors import InvalidRequest
from .record import PriorRecord

SIDE = 64  # px of the generator's features that the transformer is told


def movable(record: PriorRecord) -> None:
    """Raises InvalidRequest for a generator that is no StyleGAN2, or a small one."""
    if record.num_ws == 1:
        raise InvalidRequest(
            f"prior {record.name!r} draws faces part by part, and points of its pictures cannot be moved; use a StyleGAN2, or leave "
            "motion out",
            param="motion",
        )
    if record.resolution < SIDE:
        raise InvalidRequest(
            f"prior {record.name!r} draws {record.resolution} px, and points are moved by features of {SIDE} px; use a larger "
            "generator, or leave motion out",
            param="motion",
        )
