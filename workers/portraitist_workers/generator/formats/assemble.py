"""From the tensors of a foreign file to a generator, with every size checked before anything is allocated."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .. import Generator, GeneratorConfig

MOST = {"resolution": 1024, "z_dim": 2048, "w_dim": 2048, "mapping_layers": 16}
WIDEST = 2048  # channels
HEAVIEST = 200  # million weights; the largest published one has 30


def check(config: GeneratorConfig) -> None:
    """Raises ValueError for sizes that no StyleGAN2 has."""
    for name, most in MOST.items():
        if not 0 <= getattr(config, name) <= most:
            raise ValueError(f"its {name} is {getattr(config, name)}; at most {most} can be used")
    if config.resolution < 16:
        raise ValueError(f"its pictures have {config.resolution} px")
    for resolution in config.resolutions:
        if not 1 <= config.width(resolution) <= WIDEST:
            raise ValueError(
                f"it has {config.width(resolution)} channels at {resolution} px; at most {WIDEST} can be used"
            )
    widths = [config.width(r) for r in config.resolutions]
    millions = sum(9 * b * (a + b) for a, b in zip([0, *widths], widths, strict=False)) / 1e6
    if millions > HEAVIEST:
        raise ValueError(
            f"its convolutions would have {millions:.0f} million weights; at most {HEAVIEST} million can be used"
        )


def assemble(config: GeneratorConfig, weight: Callable[[str], Tensor]) -> Generator:
    """The generator of `config` whose weights are `weight(our name)`, reshaped. Raises ValueError, KeyError, RuntimeError."""
    check(config)
    generator = Generator(config)
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
