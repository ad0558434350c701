"""The kinds of generators that files may hold. Another kind is one more row."""

from __future__ import annotations

from portraitist.errors import InvalidRequest, PriorUnavailable

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


def whole(generator: Generator, impossible: str) -> StyleGAN2:
    """The generator, if it draws faces as a whole. Raises InvalidRequest, which says what is `impossible` with another one."""
    if not isinstance(generator, StyleGAN2):
        raise InvalidRequest(
            f"{impossible} with a prior of the kind {generator.kind!r}; take the prior 'default', or a persona that was made from it",
            param="persona_id",
        )
    return generator
