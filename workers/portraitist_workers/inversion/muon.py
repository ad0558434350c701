"""Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"), for tuning a generator to a few photos.

Adam's step is long where a gradient has been steady and short elsewhere, number by number. Muon goes equally far along every
singular direction of a layer's averaged gradient. Many weak directions hold the detail of hair and skin. They move as fast
as the few strong ones that hold tone and outline.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..generator import Generator

MOMENTUM = 0.8
BETAS = (0.9, 0.95)  # of Adam, for what is no matrix
ITERATION = (3.4445, -4.7750, 2.0315)  # Jordan et al.: singular values come near 1 in five steps
LEAST_ROWS = 16  # of a matrix: colours (3 rows) are Adam's
FROM = 32  # px: coarser layers are Adam's. They are the largest and the fastest to run, and Muon gained nothing in them


class Muon(torch.optim.Optimizer):
    """Optimises the `tunable` weights of a generator, in fp32; Adam does what is no matrix and the coarse layers. A group
    of other parameters that is added with `matrices` False is Adam's, too.

    Steps of matrices have a root mean square of about `lr`, as Adam's have. A convolution's kernel [out, in, k, k] is a
    matrix [out, in * k * k].
    """

    def __init__(self, generator: Generator, lr: float) -> None:
        fine = [p for layer in generator.layers() if layer.resolution >= FROM for p in layer.module.parameters()]
        matrices = {id(p) for p in fine if p.ndim in (2, 4) and p.shape[0] >= LEAST_ROWS}
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for parameter in generator.tunable().values():
            parameter.requires_grad_()
            groups[id(parameter) in matrices].append(parameter)
        super().__init__(
            [{"params": parameters, "matrices": kind} for kind, parameters in groups.items() if parameters], {"lr": lr}
        )

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            direction = self._muon if group["matrices"] else self._adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.add_(direction(parameter, parameter.grad), alpha=-group["lr"])

    def _muon(self, parameter: nn.Parameter, gradient: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["average"] = torch.zeros_like(parameter)
        average = state["average"].mul_(MOMENTUM).add_(gradient)
        matrix = (gradient + MOMENTUM * average).flatten(1)  # Nesterov's
        return (orthogonal(matrix) * max(matrix.shape) ** 0.5).view_as(parameter)

    def _adam(self, parameter: nn.Parameter, gradient: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["step"], state["average"], state["square"] = (
                0,
                torch.zeros_like(parameter),
                torch.zeros_like(parameter),
            )
        state["step"] += 1
        average = state["average"].lerp_(gradient, 1 - BETAS[0]) / (1 - BETAS[0] ** state["step"])
        square = state["square"].lerp_(gradient.square(), 1 - BETAS[1]) / (1 - BETAS[1] ** state["step"])
        return average / (square.sqrt() + 1e-8)


def orthogonal(matrix: Tensor) -> Tensor:
    """[m, n] with the same singular vectors and singular values about 1 (0.7 to 1.2), by five steps of Newton and Schulz.

    They run on the square of the shorter side alone and meet the matrix itself once, at the end.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    matrix = matrix / (matrix.norm() + 1e-12)
    square = matrix @ matrix.T
    a, b, c = ITERATION
    product: Tensor | None = None
    for _ in range(5):
        factor = b * square + c * square @ square
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        square = factor @ square @ factor
    assert product is not None
    return product @ matrix
