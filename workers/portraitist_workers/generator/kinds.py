"""The kinds of generators that files may hold. Another kind is one more row."""

from __future__ import annotations

from portraitist.errors import PriorUnavailable

from .parts import Parts
from .protocol import Generator
from .stylegan2 import StyleGAN2

FIRST = StyleGAN2.kind  # of files that do not say
KINDS: dict[str, type[Generator]] = {StyleGAN2.kind: StyleGAN2, Parts.kind: Parts}


def named(kind: str) -> type[Generator]:
    """Raises PriorUnavailable for a kind that is not known here."""
    if kind not in KINDS:
        raise PriorUnavailable(
            f"its kind is {kind[:40]!r}, which this version of portraitist does not know (it knows {', '.join(KINDS)}): "
            "update portraitist"
        )
    return KINDS[kind]
