"""The adversarial losses of SemanticStyleGAN (Shi et al. 2022, equations 5 and 6): both sides of the game, and what regularises them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ....device import in_channels_last
from ....generator.parts import Made, Parts
from ....precision import autocast
from .discriminator import DualDiscriminator


@dataclass(frozen=True)
class Weights:
    """The published ones. Penalties are taken lazily, every so many steps and as many times as strong (Karras et al. 2020)."""

    r1_image: float = 10.0  # gamma: half of it times the squared gradient
    r1_masks: float = 1000.0  # masks have the larger gradients
    r1_every: int = 16
    masks: float = 100.0  # of the coarse masks against the final ones
    path: float = 0.5
    path_every: int = 4
    mixing: float = 0.3  # share of batches in which two latents are mixed


def mask_consistency(made: Made) -> Tensor:
    """Mean squared difference of the coarse masks and the final ones made as small, both in [-1, 1] (equation 5)."""
    final = F.avg_pool2d(made.segmentation, made.segmentation.shape[-1] // made.masses.shape[-1])
    return (2 * made.masses - 1 - final).square().mean()


def mixed(codes: Tensor, others: Tensor, base_codes: int, rng: torch.Generator) -> Tensor:
    """Codes [B, C, D] whose parts are by turns the first's, the first's shape in the second's texture, and the second's. The base
    stays the first's."""
    parts = (codes.shape[1] - base_codes) // 2
    kind = torch.randint(0, 3, (len(codes), parts), generator=rng)
    theirs = torch.stack([kind == 2, kind >= 1], 2).flatten(1)  # shape, texture of each part
    theirs = torch.cat([torch.zeros(len(codes), base_codes, dtype=torch.bool), theirs], 1)
    return torch.where(theirs[..., None].to(codes.device), others, codes)


class PathLength:
    """Path length regularisation on the expanded codes; `mean` is its running mean."""

    def __init__(self) -> None:
        self.mean = torch.zeros([])

    def __call__(self, generator: Parts, codes: Tensor, rng: torch.Generator) -> Tensor:
        expanded = generator.local.expanded(codes).detach().requires_grad_()
        image = generator.make(generator.styles_of(expanded), noise="none", double_backward=True).image
        noise = torch.randn(image.shape, generator=rng) / image[0, 0].numel() ** 0.5
        (slope,) = torch.autograd.grad((image * noise.to(image.device)).sum(), expanded, create_graph=True)
        lengths = slope.square().sum(3).mean((1, 2)).sqrt()
        self.mean = torch.lerp(self.mean, lengths.detach().mean().cpu(), 0.01)
        return (lengths - self.mean.to(lengths.device)).square().mean()


class Adversary:
    """The discriminator and its optimiser. Logits and losses are summed in fp32."""

    def __init__(self, discriminator: DualDiscriminator, weights: Weights, lr: float) -> None:
        self.discriminator, self.weights = in_channels_last(discriminator), weights
        share = weights.r1_every / (
            weights.r1_every + 1
        )  # a lazy penalty is a step more: as rates and betas of StyleGAN2
        self.optimizer = torch.optim.Adam(discriminator.parameters(), lr=lr * share, betas=(0.0, 0.99**share), eps=1e-8)

    def deceived(self, image: Tensor, masks: Tensor | None) -> Tensor:
        """The generator's loss; gradients reach its picture and masks, and the discriminator's, which are thrown away."""
        with autocast():
            return F.softplus(-self.discriminator(image, masks)).mean()

    def learn(
        self, real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor], step: int, *, few: int | None = None
    ) -> dict[str, Tensor]:
        """One step on (picture, masks) of both sides; `few`: pictures that the penalty takes."""
        self.optimizer.zero_grad(set_to_none=True)
        with autocast():
            truth = self.discriminator(*real)
            found = self.discriminator(*(x.detach() for x in fake))
        figures = {"judge": F.softplus(-truth).mean() + F.softplus(found).mean()}
        figures["told_apart"] = ((truth > 0).float().mean() + (found < 0).float().mean()).detach() / 2
        loss = figures["judge"]
        if step % self.weights.r1_every == 0:
            of_image, of_masks = self.penalties(real[0][:few], real[1][:few])
            figures |= {"r1_image": of_image.detach(), "r1_masks": of_masks.detach()}
            half = self.weights.r1_every / 2
            loss = loss + half * (self.weights.r1_image * of_image + self.weights.r1_masks * of_masks)
        loss.backward()
        self.optimizer.step()
        return figures

    def penalties(self, image: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """R1 (Mescheder et al. 2018) of each branch: mean over pictures of the squared gradient of the logit."""
        image, masks = (x.detach().clone().requires_grad_() for x in (image, masks))
        with autocast():
            logits = self.discriminator(image, masks)
        slopes = torch.autograd.grad(logits.sum(), (image, masks), create_graph=True)
        of_image, of_masks = (slope.float().square().sum((1, 2, 3)).mean() for slope in slopes)
        return of_image, of_masks

    def state(self) -> dict:
        return {"discriminator": self.discriminator.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load(self, state: dict) -> None:
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
