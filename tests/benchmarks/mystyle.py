"""The baselines, as drop-in replacements of one step of the `create` operation: MyStyle as published, and no tuning at all."""

from __future__ import annotations

import copy
import time

import torch

from portraitist_workers.faces.perceptual import load_perceptual
from portraitist_workers.persona.tuning import Tuning

PUBLISHED_UPDATES = 1000  # per photo


class MyStyleTuning(Tuning):
    """MyStyle (Nitzan et al. 2022, section 3.1) with the released settings.

    Anchors are the encoder's and stay frozen; every weight of the synthesis network is tuned, batch 1, Adam at a constant
    3e-4 with default betas, fp32, perceptual distance + mean squared error at full size, 1000 updates per photo. Two things
    differ: the perceptual network is the bundled one, as for every method here (published: LPIPS-alex), and the
    features of the photos are computed once, which only makes it faster.
    """

    updates_per_photo = PUBLISHED_UPDATES
    seconds = float("inf")  # stop early after this long
    done = 0  # updates made
    spent = 0.0  # seconds they took

    def run(self, on_step=None):
        tuned = copy.deepcopy(self.generator).requires_grad_(False)
        tuned.synthesis.requires_grad_(True)
        optimizer = torch.optim.Adam(tuned.synthesis.parameters(), lr=3e-4)
        perceptual = load_perceptual()
        photos = [p[None] for p in self.photos]
        with torch.no_grad():
            features = [perceptual.features(p) for p in photos]
        rng = torch.Generator().manual_seed(self.seed)
        total, begun = self.updates_per_photo * len(photos), time.monotonic()
        while self.done < total and self.spent < self.seconds:
            for n in torch.randperm(len(photos), generator=rng).tolist():
                image = tuned.synthesis(self.start[n : n + 1])
                loss = perceptual.distance(image, photos[n], features[n]).sum() + (image - photos[n]).square().mean()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                self.done += 1
                self.spent = time.monotonic() - begun
            if on_step is not None:
                on_step(self.done, total, float(loss.detach()))
        return tuned.requires_grad_(False), self.start, self.organizer.axes(self.start, self.values).detach()

    def state(self) -> dict:
        return {}


class Untuned(Tuning):
    """The prior as it is, around the refined inversions."""

    def run(self, on_step=None):
        return (
            copy.deepcopy(self.generator).requires_grad_(False),
            self.start,
            self.organizer.axes(self.start, self.values).detach(),
        )
