"""From the tensors of a foreign file to a generator, with every size checked before anything is allocated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from ..protocol import Config, Generator

G = TypeVar("G", bound=Generator)


def assemble(kind: type[G], config: Config, weight: Callable[[str], Tensor]) -> G:
    """The generator of `kind` and `config` whose weights are `weight(our name)`, reshaped.

    Raises ValueError, KeyError, RuntimeError.
    """
    config.check()
    generator = kind(config)
    state = {}
    for name, shape in ((name, value.shape) for name, value in generator.state_dict().items()):
        found = weight(name)
        if found.numel() != shape.numel():
            raise ValueError(f"its {name} has shape {tuple(found.shape)}, expected {tuple(shape)}")
        if not bool(found.isfinite().all()):
            raise ValueError(f"its {name} holds numbers that are not finite")
        state[name] = found.float().reshape(shape)
    generator.load_state_dict(state)
    return generator.eval().requires_grad_(False)
