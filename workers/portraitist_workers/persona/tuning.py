"""Tuning: anchors and generator optimised together, L = L_rec + weight * L_anchor (MyStyle++ eq. 7; MyStyle: L_rec only) + L_views.

L_views (elsewhere.py) holds the person where no photo is.

All randomness of a step comes from (seed, step), and a checkpoint holds every changing tensor. So a run that is killed
and resumed ends with the same weights as one that is not (same device and thread count).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..generator import Generator
from ..inversion.muon import Muon
from ..inversion.reconstruction import Reconstruction
from .axes import Axes
from .elsewhere import Views
from .organizers import Organizer


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int  # optimiser updates
    batch: int = 8  # photos per update
    lr: float = 4e-3  # generator, Muon
    anchor_lr: float = 0.02  # anchors, in units of w_std
    axes_every: int = 5  # updates between recomputations of the axes
    average: float = 0.97  # decay of the weight average that is kept; 0: keep the last weights


class Tuning:
    """One run: `state()` / `load()` for checkpoints, `run()` to the end."""

    def __init__(
        self,
        generator: Generator,
        photos: Tensor,
        anchors: Tensor,
        values: Tensor,
        organizer: Organizer,
        loss: Reconstruction,
        schedule: Schedule,
        *,
        w_std: Tensor,
        known: Tensor | None = None,
        counts: Tensor | None = None,
        views: Views | None = None,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """photos [N, 3, R, R] in [-1, 1]. anchors [N, D]. values [N, M]: attribute values in their units.

        known [N, 1, R, R]: 1 where a photo's pixels count (None: all). counts [N]: how much a photo counts (None: 1).
        """
        self.known, self.counts, self.views = known, counts, views
        self.photos, self.values, self.organizer, self.loss, self.schedule = photos, values, organizer, loss, schedule
        self.w_std, self.seed, self.dtype, self.step = w_std, seed, dtype, 0
        self.generator = generator.copy().requires_grad_(False)
        self.start = anchors.detach().clone()
        self.offset = torch.zeros_like(self.start, requires_grad=organizer.moves_anchors)
        self.named = self.generator.tunable()
        self.optimizer = Muon(self.generator, lr=schedule.lr)
        if organizer.moves_anchors:
            self.optimizer.add_param_group({"params": [self.offset], "matrices": False, "lr": schedule.anchor_lr})
        for group in self.optimizer.param_groups:
            group["base"] = group["lr"]
        self.average = {n: p.detach().clone() for n, p in self.named.items()}
        self._axes: Axes | None = None

    @property
    def anchors(self) -> Tensor:
        return self.start + self.offset * self.w_std

    def run(self, on_step: Callable[[int, int, float], None] | None = None) -> tuple[Generator, Tensor, Axes]:
        """To the end: the tuned generator (averaged weights), its anchors [N, D] and their axes."""
        while self.step < self.schedule.steps:
            loss = self._update()
            if on_step is not None:
                on_step(self.step, self.schedule.steps, loss)
        tuned = self.generator.copy().requires_grad_(False)
        if self.schedule.average:
            for name, parameter in tuned.tunable().items():
                parameter.copy_(self.average[name])
        anchors = self.anchors.detach()
        return tuned, anchors, self.organizer.axes(anchors, self.values).detach()

    def _update(self) -> float:
        schedule, step = self.schedule, self.step
        fade = min(1.0, 2.5 * (1 - step / schedule.steps), (step + 1) / 5)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * fade
        rows = self._rows(step)
        anchors = self.anchors
        side = self.loss.side(self.generator.resolution, step, schedule.steps)
        image = self.generator.images(anchors[rows], dtype=self.dtype, until=side)
        distance = self.loss(image, self.photos[rows], step, None if self.known is None else self.known[rows])
        total = (distance if self.counts is None else distance * self.counts[rows]).mean()
        if self.organizer.weight and self.organizer.moves_anchors:
            # The axes are constants of the update (the released MyStyle++ lets gradients run through its SVD).
            if self._axes is None or step % schedule.axes_every == 0:
                self._axes = self.organizer.axes(anchors.detach(), self.values)
            total = total + self.organizer.weight * self.organizer.loss(anchors, self.values, self._axes)
        if self.views is not None:
            total = total + self.views.loss(self.generator, anchors.detach(), self.loss, step, self.dtype, side)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        self.optimizer.step()
        self.step += 1
        decay = min(schedule.average, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.named.values()), 1 - decay)
        return float(total.detach())

    def _rows(self, step: int) -> Tensor:
        """Photos of this update: consecutive slices of a permutation that is new for every epoch."""
        N, B = len(self.photos), min(self.schedule.batch, len(self.photos))
        first = step * B
        epoch_order = []
        for epoch in range(first // N, (first + B - 1) // N + 1):
            rng = torch.Generator().manual_seed(self.seed * 7919 + epoch)
            epoch_order.append(torch.randperm(N, generator=rng))
        order = torch.cat(epoch_order)
        return order[first - (first // N) * N :][:B].to(self.photos.device)

    def state(self) -> dict:
        """Everything that changes, as tensors and numbers (for `torch.save`, read back with weights_only=True)."""
        return {
            "step": self.step,
            "generator": {n: p.detach() for n, p in self.named.items()},
            "offset": self.offset.detach(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "axes": None if self._axes is None else [self._axes.origin, self._axes.zero, self._axes.steps],
        }

    def load(self, state: dict) -> None:
        self.step = state["step"]
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(state["generator"][name])
                self.average[name].copy_(state["average"][name])
            self.offset.copy_(state["offset"])
        self.optimizer.load_state_dict(state["optimizer"])
        if state["axes"] is not None:
            self._axes = Axes(self.organizer.names, *state["axes"])
