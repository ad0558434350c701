"""A finished prior whose synthesis learns on. The training that made it had labels -> w; here `labelling` has learnt it anew, or the
encoder says what a render's w is."""

from __future__ import annotations

import argparse
import copy
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...generator.formats import native
from ...inversion import encoder as encoder_file
from ...inversion.encoder import Encoder
from .. import library
from ..engine.canvas import Canvas
from . import labelling
from .export import LICENCE
from .labels import LabelNetwork
from .prior import Trainer, resume

W_PLUS = 0.25  # share of a batch that is made from the encoder's w_plus, where users' photos start


def add_start(parser: argparse.ArgumentParser) -> None:
    """The options that `started` reads."""
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--state", type=Path, help="prior.pt of the generator's training; needs --canvas")
    start.add_argument("--prior", type=Path, help="folder of a finished prior")
    parser.add_argument("--labels", type=Path, help="labels.pt made by training.labelling for --prior")
    parser.add_argument("--canvas", type=Path, help="canvas cache made by engine.build")


def started(parser: argparse.ArgumentParser, args: argparse.Namespace) -> Trainer:
    """What learns on: a generator in training, or a finished prior."""
    if args.prior:
        return Finished(args.prior, labelling.load(args.labels) if args.labels else None)
    if args.labels:
        parser.error("--labels goes with --prior: a --state has its own labels -> w")
    if not args.canvas:
        parser.error("--state needs --canvas")
    return resume(args.state, Canvas.load(args.canvas))


class Finished(Trainer):
    """Stands where `Trainer` does in the adversarial phase. Mapping, encoder and directions stay."""

    def __init__(self, folder: Path, labels: LabelNetwork | None = None, seed: int = 0) -> None:
        prior = library.load(folder=folder)
        _, self.metadata = native.load(folder / "generator.safetensors")
        self.folder, self.encoder, self.labelling = folder, prior.encoder, labels
        self.generator, self.generator_ema = copy.deepcopy(prior.generator), copy.deepcopy(prior.generator)
        self.generator.synthesis.requires_grad_(True)
        self.seen = int(self.metadata.get("images_seen", 0))
        self.rng, self.shift_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)

    def w(self, image: Tensor, labels: Tensor) -> Tensor:
        return self.encoder(image) if self.labelling is None else self.labelling(labels)

    def codes(self, image: Tensor, labels: Tensor) -> Tensor:
        """[B, D], or [B, num_ws, D] where the encoder says it."""
        if self.labelling is not None:
            return self.w(image, labels)
        few = round(W_PLUS * len(image))
        w = self.encoder(image[few:])[:, None].expand(-1, self.generator.config.num_ws, -1)
        return torch.cat([self.encoder.w_plus(image[:few]), w])

    @torch.no_grad()
    def average(self, decay: float) -> None:
        torch._foreach_lerp_(list(self.generator_ema.parameters()), list(self.generator.parameters()), 1 - decay)

    def take_averages(self) -> None:
        self.generator.load_state_dict(self.generator_ema.state_dict())

    def state(self) -> dict:
        return {"generator": self.generator.state_dict(), "generator_ema": self.generator_ema.state_dict(), "seen": self.seen,
                "rng": json.dumps(self.rng.bit_generator.state), "shift_rng": self.shift_rng.get_state()}

    def load(self, state: dict) -> None:
        for name in ("generator", "generator_ema"):
            getattr(self, name).load_state_dict(state[name])
        self.seen = state["seen"]
        self.rng.bit_generator.state = json.loads(state["rng"])
        self.shift_rng.set_state(state["shift_rng"])

    def write(self, out: Path, encoder: Encoder | None = None) -> None:
        """The prior as it is now, with the `encoder` instead of its own."""
        native.save(self.generator_ema, out / "generator.safetensors", metadata=self.metadata | {"images_seen": self.seen})
        encoder_file.save(encoder or self.encoder, out / "encoder.safetensors", metadata={"licence": LICENCE})
        shutil.copyfile(self.folder / "latents.safetensors", out / "latents.safetensors")
