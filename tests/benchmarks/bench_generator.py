"""Times the generator against a plain formulation of the reference -> docs/benchmarks/generator.md.

    python -m tests.benchmarks.bench_generator [--quick] [--threads N]
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from portraitist_workers.generator import Generator, GeneratorConfig

from . import reference_generator
from .options import like_a_worker
from .report import table, write


@dataclass(frozen=True)
class Shape:
    name: str
    config: GeneratorConfig
    batch: int


SHAPES = (
    Shape("128 px, the default prior's widths",
          GeneratorConfig(128, z_dim=256, w_dim=256, mapping_layers=4, channel_base=4096, channel_max=256), 8),
    Shape("256 px, official widths", GeneratorConfig(256, channel_base=16384), 4),
    Shape("1024 px, official widths", GeneratorConfig(1024, channel_base=32768), 1),
)
BUDGET = 12.0  # seconds of timing per cell at most; at least one run
RUNS = 7


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--quick", action="store_true", help="leave 1024 px out")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    rows = [row for shape in SHAPES[: 2 if args.quick else 3] for row in measure(shape)]
    intro = (
        "Milliseconds per image. *Reference*: one modulated kernel per sample, applied as a convolution with one group per image, inserted "
        "zeros and FIR filter, as in the original code but in plain PyTorch (tests/benchmarks/reference_generator.py). *Ours*: factored "
        "demodulation, shared kernels, channels_last. Same weights and latents; the first line of each pair checks that the pictures are "
        "equal. Medians of up to 7 runs after a warm-up. *Forward*: frozen weights, no gradient, as in serving. *Forward + backward*: "
        "gradients of all synthesis weights and of w, as in tuning. Optimisation runs in bf16 where the processor has the units for it."
    )
    write("generator", "Generator speed", [intro, table(("shape", "batch", "number format", "pass", "reference, ms", "ours, ms", "ratio",
                                                         "largest difference"), rows)])


def measure(shape: Shape) -> list[list[str]]:
    torch.manual_seed(0)
    generator = Generator(shape.config).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    plain = copy.deepcopy(generator).to(memory_format=torch.contiguous_format)
    w = torch.randn(shape.batch, shape.config.w_dim)
    rows = []
    for dtype, label in ((torch.float32, "fp32"), (torch.bfloat16, "bf16")):
        with torch.no_grad():
            reference, forward = reference_generator.synthesis(plain, w, dtype=dtype), generator.synthesis(w, dtype=dtype)
            difference = float((reference - forward).abs().max() / reference.abs().max())
        if dtype is torch.float32 and difference > 1e-3:
            raise AssertionError(f"{shape.name}: the two formulations differ by {difference:.2g} of the largest pixel")
        del reference, forward
        for name, run in (("forward", _forward), ("forward + backward", _backward)):
            theirs = median(partial(run, plain, partial(reference_generator.synthesis, plain, dtype=dtype), w))
            ours = median(partial(run, generator, partial(generator.synthesis, dtype=dtype), w))
            scale = 1000 / shape.batch
            rows.append([shape.name, str(shape.batch), label, name, f"{theirs * scale:.0f}", f"{ours * scale:.0f}", f"{theirs / ours:.2f}×",
                         f"{difference:.0e}" if run is _forward else ""])
            print(" | ".join(rows[-1]), flush=True)
    return rows


@torch.no_grad()
def _forward(generator: Generator, synthesis: Callable[[Tensor], Tensor], w: Tensor) -> None:
    generator.requires_grad_(False)
    synthesis(w)


def _backward(generator: Generator, synthesis: Callable[[Tensor], Tensor], w: Tensor) -> None:
    generator.synthesis.requires_grad_(True)
    w = w.clone().requires_grad_()
    synthesis(w).square().mean().backward()
    generator.zero_grad(set_to_none=True)


def median(run: Callable[[], None]) -> float:
    """Seconds; the warm-up counts towards the budget."""
    begun = time.perf_counter()
    run()
    times: list[float] = []
    while len(times) < RUNS and (not times or time.perf_counter() - begun < BUDGET):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


if __name__ == "__main__":
    main()
