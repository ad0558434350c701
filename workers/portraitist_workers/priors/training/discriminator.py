"""The discriminator of the adversarial phase.

A render and its regression are a pair, so it compares the two (relativistic pairing: Jolicoeur-Martineau 2018, eq. 8). What differs
is the texture that the regression averaged away. Both sides have zero-centred penalties (Huang et al. 2024, "The GAN is dead; long
live the GAN!", eq. 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...precision import autocast


class Discriminator(nn.Module):
    """forward(pictures [B, 3, R, R]) -> one logit per patch, [B, 16 * 16 + 4 * 4]: about 46 px each, and the whole head."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        width = {2**i: min(256, 4096 // 2**i) for i in range(2, resolution.bit_length())}
        self.stem = nn.Conv2d(3, width[resolution], 3, padding=1)
        halved = [r // 2 for r in sorted(width, reverse=True)[:-1]]
        self.down = nn.ModuleDict({str(r): nn.Conv2d(width[2 * r], width[r], 4, stride=2, padding=1) for r in halved})
        self.heads = nn.ModuleDict(
            {str(r): nn.Sequential(nn.Conv2d(256, 256, 1), nn.LeakyReLU(0.2), nn.Conv2d(256, 1, 1)) for r in (16, 4)}
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        x = F.leaky_relu(self.stem(pictures.contiguous(memory_format=torch.channels_last)), 0.2)
        logits = []
        for name, down in self.down.items():
            x = F.leaky_relu(down(x), 0.2)
            if name in self.heads:
                logits.append(self.heads[name](x).flatten(1).float())
        return torch.cat(logits, 1)


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """Squared gradient of a logit on pictures [B, 3, R, R] (R1 or R2), mean over logits, as if each saw pixels of its own."""
    pictures = pictures.clone().requires_grad_()
    with autocast():
        logits = discriminator(pictures)
    (slope,) = torch.autograd.grad(logits.sum() / logits.shape[1] ** 0.5, pictures, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean()


def compared(
    discriminator: Discriminator,
    optimizer: torch.optim.Optimizer,
    seen: Sequence[Tensor],
    made: Tensor,
    *,
    penalty: float = 0.0,
    few: int,
) -> tuple[dict[str, Tensor], Tensor]:
    """One step of the discriminator; its figures, and the gradient on the pictures `made` that would deceive it.

    seen     what it is shown: of `made`, with a graph to it, and of the renders in the same order
    penalty  weight of R1 and R2 in this step, on the first `few` pictures of each side; 0: none
    """
    with autocast():
        found, truth = discriminator(torch.cat(list(seen))).chunk(2)
    (towards_real,) = torch.autograd.grad(F.softplus(truth.detach() - found).mean(), made, retain_graph=True)
    loss = F.softplus(found - truth).mean()
    figures = {"judge": loss, "told_apart": (truth > found).float().mean()}
    if penalty:
        both = torch.cat([pictures[:few].detach() for pictures in seen])
        figures["penalty"] = 2 * gradient_penalty(discriminator, both)  # of renders, and of regressions
        loss = loss + penalty / 2 * figures["penalty"]
    optimizer.zero_grad(set_to_none=True)
    loss.backward(inputs=list(discriminator.parameters()))
    optimizer.step()
    return figures, towards_real
