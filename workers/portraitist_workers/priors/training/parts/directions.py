"""Directions of attributes in the codes of the parts that they concern, from labels. Elsewhere they are exactly zero."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....generator.parts import PartsConfig
from ...engine.labels import LABEL_FIELDS
from .routes import routes

RIDGE = 1e-3


@dataclass(frozen=True)
class PartAttribute:
    """`label` and `index`: where its value stands in the labels. `parts`: whose codes it moves ("base" for none of them). `routes`:
    labels through which it reaches codes."""

    label: str
    index: int
    parts: tuple[str, ...]
    low: float
    high: float
    routes: tuple[str, ...] = ()


MOUTH = ("lips", "mouth", "skin", "nose")
ATTRIBUTES = {
    "yaw": PartAttribute("yaw", 0, ("base",), -60, 60),
    "pitch": PartAttribute("pitch", 0, ("base",), -40, 40),
    "roll": PartAttribute("roll", 0, ("base",), -30, 30),
    "smile": PartAttribute("smile_geo", 0, (*MOUTH, "eyes"), 0, 1, ("smile", "smile_geo")),
    "mouth_open": PartAttribute("mouth_open", 0, MOUTH, 0, 1, ("mouth_open", "jaw")),
    "eyes_open": PartAttribute("eyes_open", 0, ("eyes",), 0, 1),
    "gaze_right": PartAttribute("gaze", 0, ("eyes",), -1, 1),
    "gaze_up": PartAttribute("gaze", 1, ("eyes",), -1, 1),
    "brows_raised": PartAttribute("brow", 0, ("brows",), -1, 1),
    "pucker": PartAttribute("pucker", 0, MOUTH, 0, 0.7),
    "hair_lightness": PartAttribute("hair", 0, ("hair",), -25, 25),
    "hair_redness": PartAttribute("hair", 1, ("hair",), -10, 10),
    "hair_warmth": PartAttribute("hair", 2, ("hair",), -10, 10),
    "clothes_red": PartAttribute("clothes", 0, ("clothes",), 0, 1),
    "clothes_green": PartAttribute("clothes", 1, ("clothes",), 0, 1),
    "clothes_blue": PartAttribute("clothes", 2, ("clothes",), 0, 1),
}


def values(labels: Tensor, names: list[str]) -> Tensor:
    """[N, A] of the named attributes."""
    columns = [LABEL_FIELDS[ATTRIBUTES[name].label].start + ATTRIBUTES[name].index for name in names]
    return labels[:, columns]


def allowed(config: PartsConfig, name: str) -> list[bool]:
    """For each code, whether the attribute moves it: a code of its parts that one of its labels reaches."""
    attribute, reaching = ATTRIBUTES[name], routes(config.base_layers)
    labels = attribute.routes or (attribute.label,)
    owners = ["base"] * config.base_layers + [part for part in config.parts for _ in range(2)]
    return [
        owner in attribute.parts and not set(labels).isdisjoint(reach)
        for owner, reach in zip(owners, reaching, strict=True)
    ]


def steps(config: PartsConfig, labels: Tensor, w: Tensor) -> Tensor:
    """[A, w_dim]: change of w per unit of each of ATTRIBUTES, those beside it held. Ridge regression, code by code, on the
    attributes that may move the code."""
    names = list(ATTRIBUTES)
    may = torch.tensor([allowed(config, name) for name in names])  # [A, codes]
    codes = w.view(len(w), config.codes, config.code_dim)
    found = torch.zeros(len(names), config.codes, config.code_dim)
    for code in range(config.codes):
        chosen = [i for i in range(len(names)) if may[i, code]]
        if chosen:
            found[chosen, code] = _regressed(values(labels, [names[i] for i in chosen]), codes[:, code])
    return found.flatten(1)


def readings(config: PartsConfig, labels: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[A, w_dim], [A], [A]: value = w @ reading + offset, from the codes that the attribute may move, and R2 on the last tenth."""
    names = list(ATTRIBUTES)
    learnt = len(w) - len(w) // 10
    codes = w.view(len(w), config.codes, config.code_dim)
    found, offsets, fits = (
        torch.zeros(len(names), config.codes, config.code_dim),
        torch.zeros(len(names)),
        torch.zeros(len(names)),
    )
    for i, name in enumerate(names):
        chosen = [code for code, may in enumerate(allowed(config, name)) if may]
        x, y = codes[:, chosen].flatten(1), values(labels, [name])
        found[i, chosen] = _regressed(x[:learnt], y[:learnt])[:, 0].view(len(chosen), -1)
        reading = found[i, chosen].flatten()
        offsets[i] = y[:learnt].mean() - x[:learnt].mean(0) @ reading
        off = y[learnt:, 0] - (x[learnt:] @ reading + offsets[i])
        fits[i] = 1 - off.square().mean() / y[learnt:].var()
    return found.flatten(1), offsets, fits


def _regressed(x: Tensor, y: Tensor) -> Tensor:
    scale = x.std(0).clamp(min=1e-6)
    z = (x - x.mean(0)) / scale
    gram = z.T @ z + RIDGE * len(z) * torch.eye(len(scale))
    return torch.linalg.solve(gram, z.T @ (y - y.mean(0))) / scale[:, None]
