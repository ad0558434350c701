"""Teaches a prior's latent transformer (Endo 2022, arXiv 2208.12408) to answer what `motion_answers` asks.

First it measures how points of some faces answer to the latent. That is kept face by face, so that a cut-off run goes on. Then it trains
on questions about them. What a step asks depends on (seed, step) only, so a resumed training ends as an unbroken one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from portraitist.atomic import write_atomically

from ...device import device
from ...drag.moving import Mover
from ...drag.transformer import LatentTransformer, Sizes
from ...generator.stylegan2 import StyleGAN2
from ...precision import autocast
from .motion_answers import UNITS, Cost, Known, Questions, asked, faces

HELD_OUT = 11  # every so-manieth face is held out
BATCH, PLACES = 64, 12  # places at most
RATE = 1e-3
WARM = 200  # steps in which the rate rises
DIM, DEPTH, HEADS = 192, 3, 8
CHANGE = 1.0  # weight of the change itself, beside that of the motion that it makes


def measure(generator: StyleGAN2, count: int, folder: Path, *, seed: int, on_step: Callable[[int, int], None]) -> Known:
    """How `count` faces answer. Face k depends on (seed, k) only, and is read back from `folder` when it is there whole."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(count):
        path = folder / f"{number:05d}.safetensors"
        known = _read(path)
        if known is None:
            rng = torch.Generator().manual_seed(seed * 1_000_003 + number)
            with torch.no_grad():
                drawn = faces(generator, 1, rng).contiguous()
            known = Known.of(generator, drawn, rng)
            write_atomically(path, save({name: part.contiguous() for name, part in vars(known).items()}), durable=False)
            on_step(number + 1, count)
        found.append(known)
    return Known.joined(found)


class Lessons:
    """`steps` updates of a network that changes nothing at first; `step` makes the next."""

    def __init__(self, known: Known, cost: Cost, *, steps: int, seed: int) -> None:
        self.known, self.cost, self.steps, self.seed = known, cost, steps, seed
        self.network = begun(known, seed)
        self.done = 0
        self._optimizer = torch.optim.AdamW(self.network.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.05)
        self._rows = torch.arange(len(known.w))[~_held(known)]

    def step(self) -> float:
        """The loss."""
        rng = torch.Generator().manual_seed(self.seed * 9_999_991 + self.done)
        places = round(math.exp(float(torch.rand((), generator=rng)) * math.log(PLACES)))
        chosen = self._rows[torch.randint(len(self._rows), (BATCH,), generator=rng)]
        questions = asked(self.known, chosen, places, self.cost.space, rng)
        falling = (1 + math.cos(math.pi * self.done / self.steps)) / 2
        for group in self._optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (self.done + 1) / WARM) * max(0.02, falling)
        motion, change = questions.missed(answered(self.network, questions), self.cost)
        # of logarithms: where nearly anything moves a point, no gradient is huge
        loss = motion.log1p().mean() + CHANGE * change.log1p().mean()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self.done += 1
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimizer": self._optimizer.state_dict(), "done": self.done}

    def load(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.done = int(state["done"])

    @torch.no_grad()
    def explained(self, places: int) -> tuple[float, float]:
        """Shares of the best answers' motion, and of the answers themselves, that the network gives: medians, of faces held out."""
        rng = torch.Generator().manual_seed(places)
        rows = torch.arange(len(self.known.w))[_held(self.known)].repeat(4)
        questions = asked(self.known, rows, places, self.cost.space, rng)
        motion, change = questions.missed(answered(self.network, questions), self.cost)
        return 1 - float(motion.median()), 1 - float(change.median())

    def mover(self) -> Mover:
        """The network as a prior keeps it."""
        return Mover(self.network.eval().requires_grad_(False), torch.tensor(UNITS))


def begun(known: Known, seed: int) -> LatentTransformer:
    """A network that changes nothing yet."""
    _, rows, w_dim = known.w.shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LatentTransformer(Sizes(w_dim, known.features.shape[-1], DIM, DEPTH, HEADS, DIM // HEADS, DIM, rows))
    with torch.no_grad():
        network.features.weight.div_(known.features.float().std().cpu())
        network.position.mul_(0.3)
        network.change.weight.zero_()
        network.change.bias.zero_()
    return network.to(device())


def answered(network: LatentTransformer, asked: Questions) -> Tensor:
    """[B, rows, D]."""
    with autocast():
        said = network.said(asked.w, asked.motion, asked.features)
    return said.float()


def _held(known: Known) -> Tensor:
    return torch.arange(len(known.w)) % HELD_OUT == 0


def _read(path: Path) -> Known | None:
    try:
        return Known(**{name: tensor.to(device()) for name, tensor in load(path.read_bytes()).items()})
    except (OSError, SafetensorError, TypeError):
        return None
