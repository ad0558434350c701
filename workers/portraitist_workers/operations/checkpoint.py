"""A long operation's state, saved every few seconds."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..device import device
from ..generator import Generator
from ..inversion.optimize import OnStep
from ..persona.axes import Axes
from ..persona.tuning import Tuning
from .context import Context

CHECKPOINT_SECONDS = 5.0


@dataclass
class Checkpoint:
    """Tensors that survive a killed worker. Written with torch.save, read with weights_only: nothing in it can execute."""

    context: Context
    saved: float = 0.0

    def __post_init__(self) -> None:
        data = self.context.load_checkpoint()
        self.content = torch.load(io.BytesIO(data), map_location=device(), weights_only=True) if data else {}

    def get(self, key: str) -> Any:
        return self.content.get(key)

    def put(self, **content: Any) -> None:
        self.content.update(content)
        buffer = io.BytesIO()
        torch.save(self.content, buffer)
        self.context.save_checkpoint(buffer.getvalue())
        self.saved = time.monotonic()

    def run(self, tuning: Tuning, on_step: OnStep) -> tuple[Generator, Tensor, Axes]:
        """`tuning` from where an earlier attempt was to its end, saved every few seconds."""
        if (state := self.get("tuning")) is not None:
            tuning.load(state)

        def step(done: int, steps: int, loss: float) -> None:
            if time.monotonic() - self.saved > CHECKPOINT_SECONDS and done < steps:
                self.put(tuning=tuning.state())
            on_step(done, steps, loss)

        return tuning.run(step)
