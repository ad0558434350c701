"""Writes a prior in another layout, and reads it back to see that not a bit was lost.

python -m portraitist_workers.priors.export --generator FILE --layout nvidia|rosinality|safetensors --out FILE [--licence TEXT]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from ..generator import Generator, StyleGAN2, formats
from ..generator.formats import native, nvidia_writer, rosinality


def export(generator: Generator, path: Path, layout: str, *, licence: str) -> dict:
    """Writes `path`; returns {"notes": what the layout cannot say}. Raises ValueError when it does not read back equal,
    and for kinds that the layout has no place for."""
    if layout == "safetensors":
        native.save(generator, path, dtype=torch.float32, metadata={"licence": licence})
    elif not isinstance(generator, StyleGAN2):
        raise ValueError(
            f"the layout {layout!r} holds StyleGAN2 only; this generator is of the kind {generator.kind!r}"
        )
    elif layout == "nvidia":
        nvidia_writer.write(generator, path, licence=licence)
    else:
        rosinality.write(generator, path, licence=licence)
    with open(path, "rb") as file:
        again = formats.read(file).generator.state_dict()
    for name, value in generator.state_dict().items():
        if not torch.equal(value.float(), again[name]):
            raise ValueError(f"{name} does not read back as it was written")
    return {"notes": notes(generator, layout) if isinstance(generator, StyleGAN2) else []}


def notes(generator: StyleGAN2, layout: str) -> list[str]:
    config, found = generator.config, []
    theirs = {r: 512 if r <= 32 else 16384 * 2 // r for r in config.resolutions}  # rosinality's channel_multiplier 2
    widths = {r: config.width(r) for r in config.resolutions}
    if layout == "rosinality" and widths != theirs:
        found.append(
            "rosinality's own Generator builds fixed widths; it cannot load these without a change of its table"
        )
    if layout == "rosinality" and config.conv_clamp is not None:
        found.append(
            "rosinality's code does not clamp activations; the limit is kept as 'conv_clamp', which only we read"
        )
    most = max(widths.values())
    rule = [w * r for r, w in widths.items() if w < most]
    if layout == "nvidia" and rule and len(set(rule)) > 1:
        found.append(
            "the widths follow no channel_base, so NVIDIA's constructor would build others; unpickling is not affected"
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--layout", choices=("nvidia", "rosinality", "safetensors"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--licence", default="")
    options = parser.parse_args()
    generator, _ = native.load(options.generator)
    print(json.dumps(export(generator, options.out, options.layout, licence=options.licence)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
