"""labels -> codes of all parts: one small network per code, which sees the labels that concern its part and no others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ....generator.layers import SQRT2
from ...engine.labels import label_fields, normalisation
from .looks import OF_DONOR, ON_FACE

ZOOM = 0.035  # usual size of the label `zoom`


class Router(nn.Module):
    """forward(labels [B, L + 1]: `engine.labels`, then zoom) -> w [B, codes * code_dim].

    An input that is not routed to a code never meets its weights. So a label cannot move other codes, whatever was learnt.
    """

    mean: Tensor
    spread: Tensor
    inputs: Tensor
    used: Tensor
    gain: Tensor
    on_face: Tensor
    of_donor: Tensor

    def __init__(self, people: int, routes: Sequence[Sequence[str]], code_dim: int, *, hidden: int = 128) -> None:
        super().__init__()
        self.fields = label_fields(people)
        mean, spread = normalisation()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("spread", torch.from_numpy(spread))
        self.register_buffer("on_face", torch.zeros(2 * people, sum(ON_FACE.values())))
        self.register_buffer("of_donor", torch.zeros(2 * people, sum(OF_DONOR.values())))
        places = _places(self.fields, len(mean))
        lists = [
            np.concatenate([np.arange(places[name].start, places[name].stop) for name in route]) for route in routes
        ]
        longest = max(map(len, lists))
        self.register_buffer("inputs", torch.tensor(np.stack([np.pad(x, (0, longest - len(x))) for x in lists])))
        self.register_buffer(
            "used", torch.tensor(np.stack([np.arange(longest) < len(x) for x in lists]), dtype=torch.float32)
        )
        self.register_buffer("gain", torch.tensor([1 / math.sqrt(len(x)) for x in lists])[:, None, None])
        codes = len(lists)
        self.first, self.first_bias = _weight(codes, longest, hidden), nn.Parameter(torch.zeros(codes, 1, hidden))
        self.second, self.second_bias = _weight(codes, hidden, hidden), nn.Parameter(torch.zeros(codes, 1, hidden))
        self.third, self.third_bias = _weight(codes, hidden, code_dim), nn.Parameter(torch.zeros(codes, 1, code_dim))
        self.skip = _weight(
            codes, longest, code_dim
        )  # most of a code is linear in the labels; the rest is learnt on top

    def know(self, looks: Mapping[str, Tensor]) -> Router:
        """Takes the people's looks, and returns itself."""
        self.on_face.copy_(torch.cat([looks[name] for name in ON_FACE], 1))
        self.of_donor.copy_(torch.cat([looks[name] for name in OF_DONOR], 1))
        return self

    def forward(self, labels: Tensor) -> Tensor:
        dense = (labels[:, : len(self.mean)] - self.mean) / self.spread
        id_w, donor = labels[:, self.fields["id_w"]], labels[:, self.fields["donor"]]
        everything = torch.cat([dense, labels[:, -1:] / ZOOM, id_w @ self.on_face, donor @ self.of_donor], 1)
        x = (everything[:, self.inputs] * self.used).transpose(0, 1)  # [codes, B, longest]
        h = F.leaky_relu(torch.baddbmm(self.first_bias, x, self.first * self.gain), 0.2) * SQRT2
        h = F.leaky_relu(torch.baddbmm(self.second_bias, h, self.second / math.sqrt(h.shape[2])), 0.2) * SQRT2
        codes = torch.baddbmm(self.third_bias, h, self.third / math.sqrt(h.shape[2])) + torch.bmm(
            x, self.skip * self.gain
        )
        return codes.transpose(0, 1).flatten(1)


def _weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape))


def _places(fields: Mapping[str, slice], width: int) -> dict[str, slice]:
    """Where each field lies in what the router sees."""
    places = {name: at for name, at in fields.items() if at.stop <= width}
    places["zoom"] = slice(width, width + 1)
    start = width + 1
    for name, count in (ON_FACE | OF_DONOR).items():
        places[name] = slice(start, start + count)
        start += count
    return places
