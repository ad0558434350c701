"""A generator learns to draw in another style: only its convolutions change, the mapping and the affine layers stay, to the bit.

Of a generator with parts only the render network changes. So parts go on meaning what they mean.

Frozen affines keep the meaning of the latents (section 4.6 of StyleGAN of All Trades, Chong et al., arXiv 2111.01619). There an adversary
teaches. Here every picture of the style has a latent that shows the same face (as in JoJoGAN, Chong and Forsyth, arXiv 2112.11641). So
no discriminator is needed. It takes minutes on a processor, and twenty pictures are enough.

All randomness of a step comes from (seed, step), and `state()` holds every changing tensor, as in `persona.tuning`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..faces.perceptual import load_perceptual
from ..generator import Generator
from ..inversion.muon import Muon
from ..inversion.reconstruction import Reconstruction
from .meaning import Meaning


@dataclass(frozen=True)
class Schedule:
    steps: int = 600  # optimiser updates, at most
    batch: int = 8
    lr: float = 4e-3  # Muon's
    jitter: float = 0.1  # spreads of W by which latents are varied: the style is to hold around them
    average: float = 0.97  # decay of the weight average that is kept
    look: int = 50  # updates between two looks at whether the meaning is kept


@dataclass(frozen=True, eq=False)
class Pairs:
    """w [N, D] or w_plus [N, num_ws, D], and what they shall look like [N, 3, R, R] in [-1, 1]."""

    w: Tensor
    pictures: Tensor

    def __len__(self) -> int:
        return len(self.w)


class Learning:
    """One run: `run()` to the end, `state()` / `load()` for checkpoints."""

    def __init__(
        self,
        generator: Generator,
        pairs: Pairs,
        w_std: Tensor,
        schedule: Schedule,
        *,
        meaning: Meaning | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """meaning: what must stay; the run stops where it is lost. None: nothing is looked at."""
        self.pairs, self.w_std, self.schedule, self.meaning = pairs, w_std, schedule, meaning
        self.seed, self.dtype, self.step, self.ended = seed, dtype, 0, ""
        self.generator = generator.copy().requires_grad_(False)
        self.loss = Reconstruction(load_perceptual("bundled"), seed=seed)
        self.named = self.generator.stylable()
        self.optimizer = Muon(self.generator, lr=schedule.lr)
        self.generator.requires_grad_(False)
        for parameter in self.named.values():
            parameter.requires_grad_()
        self.average = {name: p.detach().clone() for name, p in self.named.items()}

    def run(self, on_step: Callable[[int, int, float], None] | None = None) -> Generator:
        """The generator in the style (averaged weights). It ends early where another step would cost the meaning."""
        kept = {name: p.clone() for name, p in self.average.items()}
        while self.step < self.schedule.steps and not self.ended:
            loss = self._update()
            if self.meaning is not None and self.step % self.schedule.look == 0:
                if self.meaning.kept(self._averaged()):
                    kept = {name: p.clone() for name, p in self.average.items()}
                else:
                    self.ended = "meaning"
                    self.average = kept
            if on_step is not None:
                on_step(self.step, self.schedule.steps, loss)
        return self._averaged()

    def _update(self) -> float:
        schedule, rng = self.schedule, torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        fade = min(1.0, 2.5 * (1 - self.step / schedule.steps), (self.step + 1) / 5)
        for group in self.optimizer.param_groups:
            group["lr"] = schedule.lr * fade
        rows = torch.randperm(len(self.pairs), generator=rng)[: schedule.batch].to(self.pairs.w.device)
        w = self.pairs.w[rows]
        moved = torch.randn(len(w), w.shape[-1], generator=rng).to(w) * (schedule.jitter * self.w_std)
        side = self.loss.side(self.generator.resolution, self.step, schedule.steps)
        image = self.generator.images(w + (moved if w.ndim == 2 else moved[:, None]), dtype=self.dtype, until=side)
        loss = self.loss(image, self.pairs.pictures[rows], self.step).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        decay = min(schedule.average, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.named.values()), 1 - decay)
        return float(loss.detach())

    @torch.no_grad()
    def _averaged(self) -> Generator:
        made = self.generator.copy().requires_grad_(False)
        for name, parameter in made.stylable().items():
            parameter.copy_(self.average[name])
        return made

    def state(self) -> dict:
        """Everything that changes, as tensors and numbers (for `torch.save`, read back with weights_only=True)."""
        return {
            "step": self.step,
            "generator": {name: p.detach() for name, p in self.named.items()},
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }

    @torch.no_grad()
    def load(self, state: dict) -> None:
        self.step = state["step"]
        for name, parameter in self.named.items():
            parameter.copy_(state["generator"][name])
            self.average[name].copy_(state["average"][name])
        self.optimizer.load_state_dict(state["optimizer"])
