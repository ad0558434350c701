"""The attribute network: regression of the engine's labels with a learned uncertainty.

Loss: Gaussian negative log-likelihood with the variance predicted by the network. Source: Kendall & Gal: What Uncertainties Do We
Need in Bayesian Deep Learning, NeurIPS 2017, eq. 8. A robust term keeps the mean learning where the predicted variance is
still large. For the eyes the squared error is added. Its best answer is the mean over what could be.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr
from torch import Tensor, nn

from ...device import in_channels_last
from ...faces.networks import SIDE, AttributeNetwork, EyeTower, read_network, save_network
from ...precision import autocast
from ..engine.labels import LABEL_FIELDS
from .distortions import conditions, cover, photo_like
from .face_networks import run_steps
from .pool import Pool

# attribute: (label of the engine, typical size in its unit). The engine's `smile` is how far a person's own smile is
# blended in; what can be *seen* of it is smile_geo, the travel of the mouth corners, so that is what is estimated.
TARGETS = {
    "yaw": ("yaw", 15.0),
    "pitch": ("pitch", 7.0),
    "roll": ("roll", 3.0),
    "smile": ("smile_geo", 0.35),
    "mouth_open": ("mouth_open", 0.2),
    "eyes_open": ("eyes_open", 0.25),
}
EYES = list(TARGETS).index("eyes_open")
ARGUMENTS: dict[str, Any] = {"names": list(TARGETS), "scales": [scale for _, scale in TARGETS.values()]}
WITHIN = 0.6827  # share of a Gaussian's errors that are smaller than its deviation
EYES_FIRST, TRUST_LAST = (
    0.25,
    0.02,
)  # shares of the time in which the eyes' tower learns alone, and how far it is to be trusted
BLINKING = 0.2  # share of a batch that is drawn from those with eyes less than half open
_MIRRORED = ("yaw", "roll")  # change sign when the picture is mirrored


def train_attributes(
    pool: Pool,
    calibration: Pool | None,
    factors: dict[str, float],
    held_out: Pool | None,
    out: Path,
    minutes: float,
    save_to: Path,
    *,
    start: Path | None,
) -> None:
    """`calibration`: people that are not in `pool`; `factors`: how far those are from people as a whole (cross_calibration).
    `start`: folder of a finished network to go on with."""
    network, before = read_network("attributes", start) if start else (AttributeNetwork(**ARGUMENTS), {"steps": 0})
    in_channels_last(network)
    if not start:
        train_eyes(network.eyes.train(), pool, out, EYES_FIRST * minutes)
    rest = nn.ModuleList([network.trunk, network.reduce, network.head])
    steps = run_steps(
        "attributes",
        rest,
        lambda rng: attribute_loss(network, pool, rng),
        out=out,
        minutes=(1 - EYES_FIRST - TRUST_LAST) * minutes,
        peak=1e-3 if start else 2e-3,
    )
    train_trust(network, pool, out, TRUST_LAST * minutes)
    if calibration:
        calibrate(network, calibration, factors)
    measured = measure(network, held_out or pool) | {
        "steps": before["steps"] + steps,
        "on": "held-out people" if held_out else "training people",
    }
    print("attributes:", measured, flush=True)
    save_network(save_to / "attributes.safetensors", "attributes", network, ARGUMENTS, measured)


def train_eyes(tower: EyeTower, pool: Pool, out: Path, minutes: float) -> None:
    """It learns by itself, by the squared error alone. The likelihood of the rest excuses what is doubtful. Together with it, blinks in
    small pictures are taken for open eyes again. r at 32 px was 0.959 by itself, and 0.947 after 15 minutes together. The shipped one,
    after an hour by itself, has 0.963."""

    def loss(rng: np.random.Generator) -> Tensor:
        images, truth, weight = training_batch(pool, 96, rng)
        with autocast():
            value = tower(small(images, rng))
        return (weight * (value - truth[:, EYES] / TARGETS["eyes_open"][1]).square()).mean()

    run_steps("eyes", tower, loss, out=out, minutes=minutes, peak=2e-3)


def small(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Photo-like, and most of them with less in them than their size says: where the eyes' two readings differ."""
    return photo_like(images, rng, smaller=6.0, often=0.8)


def train_trust(network: AttributeNetwork, pool: Pool, out: Path, minutes: float) -> None:
    """How the two readings of the eyes are to be weighed; neither changes."""
    network.eval().requires_grad_(False)
    nn.init.zeros_(network.trust.requires_grad_(True).bias)  # as much in the one as in the other, to begin with

    def loss(rng: np.random.Generator) -> Tensor:
        images, truth, weight = training_batch(pool, 48, rng)
        with autocast():
            value, _ = network(small(images, rng))
        return (weight * ((value - truth) / network.scales)[:, EYES].square()).mean()

    run_steps("trust", network.trust, loss, out=out, minutes=minutes, peak=3e-2)


def batch(
    pool: Pool, size: int, rng: np.random.Generator, *, side: int = SIDE, blinking: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Pictures [B, 3, side, side], half of them mirrored, and attribute values [B, A]."""
    images, _, labels = pool.batch(size, side, rng, blinking=blinking)
    truth = torch.stack([labels[:, LABEL_FIELDS[label].start] for label, _ in TARGETS.values()], 1)
    mirror = torch.from_numpy(rng.random(size) < 0.5)
    sign = torch.tensor([-1.0 if name in _MIRRORED else 1.0 for name in TARGETS])
    return torch.where(mirror[:, None, None, None], images.flip(3), images), torch.where(
        mirror[:, None], truth * sign, truth
    )


def training_batch(
    pool: Pool, size: int, rng: np.random.Generator, *, side: int = SIDE
) -> tuple[Tensor, Tensor, Tensor]:
    """As `batch`, and how much each picture weighs [B]. Closed eyes are drawn more often and weigh less. So the network learns the mean
    over ordinary pictures: in a small picture eyes are doubtful, and most are open."""
    images, truth = batch(pool, size, rng, side=side, blinking=BLINKING)
    closed = truth[:, EYES] < 0.5
    usual = pool.blinking
    weight = torch.where(closed, usual / (BLINKING + (1 - BLINKING) * usual), 1 / (1 - BLINKING))
    mixed = torch.from_numpy(rng.permutation(size))  # neighbours will be damaged alike
    return images[mixed], truth[mixed], weight[mixed]


def attribute_loss(network: AttributeNetwork, pool: Pool, rng: np.random.Generator, *, side: int = SIDE) -> Tensor:
    images, truth, weight = training_batch(pool, 48, rng, side=side)
    images = cover(images, rng)
    with autocast():
        seen = photo_like(images, rng, smaller=6.0 * side / SIDE, often=0.8)  # lids are hard to see in small ones
        value, deviation = network(seen.contiguous(memory_format=torch.channels_last))
    error = (value - truth) / network.scales
    log_var = 2 * (deviation / network.scales).log()
    nll = 0.5 * (error.square() * torch.exp(-log_var) + log_var)
    robust = 2 * F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.1, reduction="none")
    return (weight[:, None] * (nll + robust)).mean() + (weight * error[:, EYES].square()).mean()


@torch.no_grad()
def errors_and_deviations(
    network: AttributeNetwork, images: Tensor, truth: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """|error| in predicted deviations and those deviations, [B, A] each, on the pictures as cameras deliver them."""
    value, deviation = (
        torch.cat(parts) for parts in zip(*(network(x) for x in photo_like(images, rng).split(100)), strict=True)
    )
    return (value - truth).abs() / deviation, deviation


def by_doubt(errors: Tensor, deviations: Tensor) -> tuple[Tensor, Tensor]:
    """What 68 % of the errors are within, and the median of the predicted deviations, [A, KNOTS] each.

    The pictures are sorted by predicted deviation and cut into as many equal parts as there are knots."""
    parts = [order.chunk(AttributeNetwork.KNOTS) for order in deviations.argsort(0).T]
    within = [[errors[part, i].quantile(WITHIN) for part in each] for i, each in enumerate(parts)]
    middle = [[deviations[part, i].median() for part in each] for i, each in enumerate(parts)]
    return torch.tensor(within), torch.tensor(middle)


@torch.no_grad()
def calibrate(network: AttributeNetwork, pool: Pool, factors: dict[str, float], count: int = 2000) -> None:
    """Scales the predicted deviations so that 68 % of each attribute's errors are within them, where the network doubts and where not.

    The errors are those on people that the network did not learn from. A good part of an error is the person's own, the same in all
    their pictures. People that it learnt from do not show that part.
    """
    network.gains.zero_()
    rng = np.random.default_rng(2)
    errors, deviations = errors_and_deviations(network, *batch(pool, count, rng), rng)
    within, middle = by_doubt(errors, deviations)
    network.knots.copy_((middle / network.scales[:, None]).log())
    network.gains.copy_(within.log())
    left = errors * deviations / (network._calibrated((deviations / network.scales).log()).exp() * network.scales)
    network.gains += left.quantile(WITHIN, 0).log()[:, None]
    network.gains += torch.tensor([factors.get(name, 1.0) for name in TARGETS]).log()[:, None]
    print("deviations times", dict(zip(TARGETS, network.gains.exp().tolist(), strict=True)), flush=True)


@torch.no_grad()
def measure(network: AttributeNetwork, pool: Pool, count: int = 2000) -> dict[str, dict]:
    """How well the network does on `count` pictures of `pool`, per attribute and in its unit, within +-30 deg of yaw and +-15 of pitch.

    On clean pictures: median and 90th percentile of |error|, Spearman, bias. Under each of `conditions`: the mean |error|, Pearson's r and
    `within_68`, the share of errors that are smaller than the predicted standard deviation.
    """
    rng = np.random.default_rng(1)
    images, truth = batch(pool, count, rng)
    inside = (truth[:, :2].abs() <= torch.tensor([30.0, 15.0])).all(1)
    images, truth = images[inside], truth[inside]
    figures: dict[str, dict] = {}

    def note(figure: str, values: Sequence[float] | Tensor, digits: int = 4) -> None:
        figures[figure] = {name: round(float(v), digits) for name, v in zip(TARGETS, values, strict=True)}

    for condition, pictures in conditions(images, rng).items():
        value, deviation = (torch.cat(parts) for parts in zip(*(network(x) for x in pictures.split(100)), strict=True))
        error = value - truth
        if condition == "clean":
            note("median_error", error.abs().median(0).values)
            note("p90_error", error.abs().quantile(0.9, 0))
            note("bias", error.mean(0))
            note("spearman", [spearmanr(value[:, i], truth[:, i])[0] for i in range(len(TARGETS))])
        note(f"mean_error_{condition}", error.abs().mean(0))
        note(f"r_{condition}", [np.corrcoef(value[:, i], truth[:, i])[0, 1] for i in range(len(TARGETS))])
        note(f"within_68_{condition}", (error.abs() < deviation).float().mean(0), 3)
    return figures
