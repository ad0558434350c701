"""A finished training of parts, as what comes after it wants it: the averaged generator, and labels -> w."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ....generator.parts import Parts
from .paired import Trainer
from .router import Router


class Taught:
    """The averages in a state that `paired` or `sharpen` wrote. Stands where the encoder's training asks for a teacher."""

    def __init__(self, state: Path) -> None:
        found = torch.load(state, weights_only=True)
        people = found["average"]["router.on_face"].shape[0] // 2
        trainer = Trainer(people)
        trainer.average.load_state_dict(found["average"])
        self.seen: int = found["seen"] + found.get("sharpened", 0)
        self.generator_ema: Parts = trainer.average["generator"].eval()  # type: ignore[assignment]
        self.router: Router = trainer.average["router"].eval()  # type: ignore[assignment]

    @property
    def labels_ema(self) -> nn.Module:
        return self.router

    @torch.no_grad()
    def w(self, image: Tensor, labels: Tensor) -> Tensor:
        return self.router(labels)
