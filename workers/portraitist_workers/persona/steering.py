"""Named attributes to given values: along the person's axes first, then corrected in a closed loop (`control`)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .control import ROUNDS, Measure, solve
from .model import PersonaModel


def steer(
    model: PersonaModel,
    w: Tensor,
    targets: Sequence[dict[str, float]],
    starts: Tensor,
    held: Tensor,
    measure: Measure,
    *,
    rounds: int = ROUNDS,
) -> Tensor:
    """Latents near w [B, D] or [B, num_ws, D] whose pictures show `targets`, one dictionary per row.

    starts [B, M]  the values that w has on the person's axes, in the order of `model.axes.names`
    held [B, A]    the measured values that attributes which are not named should keep
    rounds         corrections at least; what is still far off has some more
    """
    names, axes = model.response.names, model.axes
    change = starts.new_zeros(starts.shape)
    wanted = held.new_full(held.shape, float("nan"))
    for b, values in enumerate(targets):
        for name, value in values.items():
            column = axes.names.index(name)
            change[b, column] = value - starts[b, column]
            if name in names:
                wanted[b, names.index(name)] = value
    return solve(axes.move(w, change), wanted, held, model.response, measure, rounds=rounds).w
