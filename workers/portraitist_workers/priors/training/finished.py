"""A finished prior whose synthesis learns on. The training that made it had labels -> w; here `labelling` has learnt it anew, or the
encoder says what a render's w is."""

from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from portraitist.priors.assets import carry_over

from ...generator import StyleGAN2
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
        self.folder, self.encoder, self.w_std = folder, prior.encoder, prior.w_std
        assert isinstance(prior.generator, StyleGAN2)
        self.generator, self.generator_ema = copy.deepcopy(prior.generator), copy.deepcopy(prior.generator)
        self.generator.synthesis.requires_grad_(True)
        self.learning = ("generator",) if labels is None else ("generator", "labels")
        if labels is not None:
            self.labels, self.labels_ema = labels, copy.deepcopy(labels)
        self.seen = int(self.metadata.get("images_seen", 0))
        self.rng, self.shift_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)

    def w(self, image: Tensor, labels: Tensor) -> Tensor:
        return self.labels_ema(labels) if "labels" in self.learning else self.encoder(image)

    def codes(self, image: Tensor, labels: Tensor) -> Tensor:
        """[B, D], or [B, num_ws, D] where the encoder says it."""
        if "labels" in self.learning:
            return self.labels(labels)
        few = round(W_PLUS * len(image))
        w = self.encoder(image[few:])[:, None].expand(-1, self.generator.config.num_ws, -1)
        return torch.cat([self.encoder.w_plus(image[:few]), w])

    def held_near(self, w: Tensor, image: Tensor) -> Tensor:
        """What keeps w of a learning labels -> w where mapping and directions expect it: its distance from the encoder's, weighted."""
        with torch.no_grad():
            found = self.encoder(image)
        return labelling.NEAR * ((w - found) / self.w_std).square().mean()

    def state(self) -> dict:
        return self.networks_and_position()

    def load(self, state: dict) -> None:
        for name in self.learning:
            getattr(self, name).load_state_dict(state[name])
            getattr(self, f"{name}_ema").load_state_dict(state[f"{name}_ema"])
        self.seen = state["seen"]
        self.rng.bit_generator.state = json.loads(state["rng"])
        self.shift_rng.set_state(state["shift_rng"])

    def write(self, out: Path, encoder: Encoder | None = None) -> None:
        """The prior as it is now, with the `encoder` instead of its own, and its labels -> w as `labelling.load` reads it."""
        native.save(
            self.generator_ema, out / "generator.safetensors", metadata=self.metadata | {"images_seen": self.seen}
        )
        encoder_file.save(encoder or self.encoder, out / "encoder.safetensors", metadata={"licence": LICENCE})
        carry_over(self.folder, out, made=("generator", "encoder"))
        if "labels" in self.learning:
            torch.save({"average": self.labels_ema.state_dict()}, out / "labels.pt")
