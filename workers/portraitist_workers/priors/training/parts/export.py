"""Writes `default-parts` from the training states.

    python -m portraitist_workers.priors.training.parts.export --pool DIR --canvas DIR --state parts.pt --encoder encoder.pt --out DIR

The files are generator.safetensors, encoder.safetensors, latents.safetensors as of any prior, and parts.safetensors: the directions of
what can be changed in a part. z -> w is the Gaussian of the renders' codes, in its principal axes.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from portraitist.attributes import ESTIMATED

from ....generator.formats import native
from ....generator.parts import Parts, PartsConfig
from ....inversion import encoder as encoder_file
from ...engine.canvas import Canvas
from ..export import LICENCE, sitting_directions
from . import directions
from .frames import Zooms
from .pictures import LabelledPool
from .taught import Taught

Z_DIM = 256
NARROWER = 0.9  # of the Gaussian: all codes at once are rarely as far from the mean as each alone


def with_gaussian(generator: Parts, w: Tensor) -> Parts:
    """The generator with a z -> w that draws from the Gaussian of w [N, D], along its first principal axes."""
    config: PartsConfig = replace(generator.config, z_dim=Z_DIM, mapping_layers=0, joint=True)
    made = Parts(config).eval().requires_grad_(False)
    for name in ("local", "fusion", "render"):
        getattr(made, name).load_state_dict(getattr(generator, name).state_dict())
    centre = w.mean(0)
    _, sizes, axes = torch.linalg.svd(w[:20_000] - centre, full_matrices=False)
    deviations = sizes[:Z_DIM] / min(len(w), 20_000) ** 0.5
    mapping = made.mapping
    assert mapping.joint is not None
    mapping.w_avg.copy_(centre)
    mapping.joint.copy_(NARROWER * Z_DIM**0.5 * (axes[:Z_DIM] * deviations[:, None]).T)
    return made


def write(taught: Taught, labels: Tensor, encoder: Path | None, out: Path) -> dict:
    """All files; returns what the generator's file says of its making."""
    out.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        w = torch.cat([taught.router(part) for part in labels.split(2048)])
    generator = with_gaussian(taught.generator_ema, w)
    metadata = {"licence": LICENCE, "images_seen": taught.seen}
    native.save(generator, out / "generator.safetensors", metadata=metadata)
    names, steps = list(directions.ATTRIBUTES), directions.steps(generator.config, labels, w)
    readings, offsets, fits = directions.readings(generator.config, labels, w)
    print({name: round(float(fit), 3) for name, fit in zip(names, fits, strict=True)}, flush=True)
    known = [names.index(name) for name in ESTIMATED]
    latents = {
        "w_std": w.std(0).clamp(min=1e-4),
        "steps": steps[known].contiguous(),
        "sitting": sitting_directions(labels, w).contiguous(),
    }
    about = {name: {"parts": a.parts, "low": a.low, "high": a.high} for name, a in directions.ATTRIBUTES.items()}
    for name, tensors, said in (
        ("latents", latents, {"attributes": json.dumps(ESTIMATED)}),
        ("parts", {"steps": steps, "readings": readings, "offsets": offsets}, {"attributes": json.dumps(about)}),
    ):
        save_file(tensors, str(out / f"{name}.safetensors"), metadata=said)
        (out / f"{name}.safetensors").chmod(0o644)  # safetensors makes files that only their owner may read
    if encoder is not None:
        network = encoder_file.Encoder(generator.w_dim, generator.num_ws)
        network.load_state_dict(torch.load(encoder, weights_only=True)["encoder"])
        encoder_file.save(network, out / "encoder.safetensors", metadata={"licence": LICENCE})
    return metadata


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pool", "canvas", "state", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, help="encoder.pt of `parts.encoder`; without it no encoder is written")
    args = parser.parse_args(arguments)
    labels = torch.from_numpy(LabelledPool(args.pool, Zooms(Canvas.load(args.canvas))).all_labels())
    print(json.dumps(write(Taught(args.state), labels, args.encoder, args.out)))


if __name__ == "__main__":
    main()
