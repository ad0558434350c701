"""labels -> w: the engine knows everything that a render shows, so W can be learnt by regression."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...generator.layers import SQRT2, EqualizedLinear
from ..engine.canvas import Canvas
from ..engine.labels import label_fields, normalisation

IDENTITY_GAIN = 4.0  # identity weights are sparse and <= 0.7: brings their inputs to about unit size


class LabelNetwork(nn.Module):
    """forward(labels [B, L], see `engine.labels`) -> w [B, w_dim].

    Beside the raw identity weights the network sees `codes` [2P, C]: a description of every person's looks, mixed by
    the same weights. Without it, each person's face has to be found by regression from a one-hot input.
    """

    mean: Tensor
    spread: Tensor
    codes: Tensor

    def __init__(self, people: int, code_dim: int, w_dim: int, *, hidden: int = 512) -> None:
        super().__init__()
        self.fields = label_fields(people)
        mean, spread = normalisation()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("spread", torch.from_numpy(spread))
        self.register_buffer("codes", torch.zeros(2 * people, code_dim))
        inputs = len(mean) + 4 * people + 2 * code_dim
        self.first = EqualizedLinear(inputs, hidden)
        self.second = EqualizedLinear(hidden, hidden)
        self.third = EqualizedLinear(hidden, w_dim)
        self.skip = EqualizedLinear(inputs, w_dim)  # most of W is linear in the labels; the rest is learnt on top

    def forward(self, labels: Tensor) -> Tensor:
        dense = (labels[:, : len(self.mean)] - self.mean) / self.spread
        id_w, donor = labels[:, self.fields["id_w"]], labels[:, self.fields["donor"]]
        x = torch.cat([dense, id_w * IDENTITY_GAIN, donor * IDENTITY_GAIN, id_w @ self.codes, donor @ self.codes], 1)
        h = F.leaky_relu(self.first(x), 0.2) * SQRT2
        h = F.leaky_relu(self.second(h), 0.2) * SQRT2
        return self.third(h) + self.skip(x)


def label_network(canvas: Canvas, w_dim: int) -> LabelNetwork:
    """That knows the looks of the canvas's people; the rest as initialised."""
    codes = identity_codes(canvas)
    labels = LabelNetwork(len(canvas.ids), codes.shape[1], w_dim)
    labels.codes.copy_(codes)
    return labels


def identity_codes(canvas: Canvas, dimensions: int = 48) -> Tensor:
    """[2P, dimensions]: principal components of coarse texture, matte and shape of each person, then of each mirrored one.

    Fitted on training people only; unit variance.
    """
    step = 16
    rows = []
    for flip in (False, True):
        for p in range(len(canvas.ids)):
            colour = np.asarray(canvas.tex[p, 0, ::step, ::step], np.float32) / 255
            alpha = np.asarray(canvas.alpha[p, 0, ::step, ::step], np.float32)[..., None] / 255
            shape = np.asarray(canvas.pos[p, 0, :: step // 2, :: step // 2], np.float32) / 5
            if flip:
                colour, alpha = colour[:, ::-1], alpha[:, ::-1]
                shape = shape[:, ::-1] * np.array([-1, 1, 1], np.float32)
            rows.append(np.concatenate([colour * alpha, alpha, shape], -1).ravel())
    data = np.stack(rows)
    training = np.concatenate([canvas.training, canvas.training + len(canvas.ids)])
    mean = data[training].mean(0)
    _, _, axes = np.linalg.svd(data[training] - mean, full_matrices=False)
    codes = (data - mean) @ axes[:dimensions].T
    return torch.from_numpy((codes / codes[training].std(0)).astype(np.float32))
