"""Writes the default prior that the package ships, from the training states.

    python -m portraitist_workers.priors.training.export --pool DIR --canvas DIR --state PRIOR.pt --encoder ENCODER.pt --out DIR

The files are generator.safetensors, encoder.safetensors and latents.safetensors. The generator is in fp16, and its mapping network has
yet to learn (training.mapping). The latents are the spread of W, the direction in it of each measured attribute, and those of light,
camera and backdrop. They come from a regression of w on the engine's labels.
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

from ...generator import Generator
from ...generator.formats import native
from ...inversion import encoder as encoder_file
from ..engine.canvas import Canvas
from ..engine.labels import LABEL_FIELDS
from .attribute_training import TARGETS
from .pool import Pool
from .prior import W_DIM, resume

LICENCE = (
    "Apache-2.0. Made from the Face Research Lab London Set (DeBruine & Jones 2017, CC-BY 4.0, consented) and ICT-FaceKit "
    "(USC Institute for Creative Technologies, MIT); see NOTICE."
)


def attribute_steps(labels: Tensor, w: Tensor) -> Tensor:
    """[A, D] change of w per unit of each measured attribute, the others held: ridge regression w ~ labels.

    The label of an attribute is the one that the attribute network learns to see (`smile`: the travel of the mouth).
    """
    values = torch.cat([labels[:, LABEL_FIELDS[TARGETS[name][0]]] for name in ESTIMATED], 1)
    scale = values.std(0)
    z = (values - values.mean(0)) / scale
    gram = z.T @ z + 1e-3 * len(z) * torch.eye(len(scale))
    return torch.linalg.solve(gram, z.T @ (w - w.mean(0))) / scale[:, None]


# What a sitting has that is nothing of the person's: light, camera, backdrop, clothes.
SITTING = ("sh", "tint", "exposure", "gamma", "saturation", "white_balance", "blur", "grain", "background", "clothes")


def sitting_directions(labels: Tensor, w: Tensor, *, share: float = 0.95) -> Tensor:
    """Orthonormal [K, D]: where w moves with the sitting; `share` of the variance that a regression on it explains.

    With few photos, backdrop and smile correlate by chance; organisers must not take the one for the other.
    """
    values = torch.cat([labels[:, LABEL_FIELDS[name]] for name in SITTING], 1)
    z = (values - values.mean(0)) / values.std(0).clamp(min=1e-4)
    gram = z.T @ z + 1e-3 * len(z) * torch.eye(z.shape[1])
    explained = z[:8192] @ torch.linalg.solve(gram, z.T @ (w - w.mean(0)))
    _, size, directions = torch.linalg.svd(explained, full_matrices=False)
    cumulative = size.square().cumsum(0) / size.square().sum()
    return directions[: int((cumulative < share).sum()) + 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("pool", "canvas", "state", "encoder", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    trainer = resume(args.state, Canvas.load(args.canvas))
    labels = torch.from_numpy(Pool(args.pool).all_labels())
    with torch.no_grad():
        w = torch.cat([trainer.labels_ema(part) for part in labels.split(2048)])
    generator = Generator(replace(trainer.generator_ema.config, mapping_layers=8)).eval()
    generator.synthesis.load_state_dict(trainer.generator_ema.synthesis.state_dict())
    generator.mapping.w_avg.copy_(w.mean(0))
    metadata = {"licence": LICENCE, "images_seen": trainer.seen}
    native.save(generator, args.out / "generator.safetensors", metadata=metadata)
    save_file(
        {
            "w_std": w.std(0),
            "steps": attribute_steps(labels, w).contiguous(),
            "sitting": sitting_directions(labels, w).contiguous(),
        },
        str(args.out / "latents.safetensors"),
        metadata={"attributes": json.dumps(ESTIMATED)},
    )
    (args.out / "latents.safetensors").chmod(0o644)  # safetensors makes files that only their owner may read
    encoder = encoder_file.Encoder(W_DIM, generator.config.num_ws)
    encoder.load_state_dict(torch.load(args.encoder, weights_only=True)["encoder"])
    encoder_file.save(encoder, args.out / "encoder.safetensors", metadata={"licence": LICENCE})
    print(json.dumps(metadata))


if __name__ == "__main__":
    main()
