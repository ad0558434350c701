"""How far each part's mask stayed: IoU before and after, by the generator's own class maps, or by a parser's of the pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..faces.parser import FaceParser

FEW = 0.0012  # of the picture: of fewer pixels IoU says nothing


def mask_iou(before: Tensor, after: Tensor, names: Sequence[str]) -> dict[str, float]:
    """Class maps [R, R] -> IoU of every class in 0..1, but for those that hardly show in either."""
    found = {}
    for number, name in enumerate(names):
        was, now = before == number, after == number
        either = int((was | now).sum())
        if either >= FEW * before.numel():
            found[name] = round(int((was & now).sum()) / either, 3)
    return found


@torch.no_grad()
def seen_iou(parser: FaceParser, before: Tensor, after: Tensor) -> dict[str, float]:
    """Aligned faces [1, 3, R, R] in [-1, 1] -> the same, of what the parser sees in them."""
    was, now = (parser(image.clamp(-1, 1)).argmax(1)[0] for image in (before, after))
    return mask_iou(was, now, parser.names)
