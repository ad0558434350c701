"""Times the generator against a plain formulation of the reference -> docs/benchmarks/generator.md.

python -m tests.benchmarks.bench_generator [--quick] [--threads N] [--against CHECKOUT] [--out NAME]
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from portraitist_workers.generator import GeneratorConfig, StyleGAN2

from . import generator_checkouts, reference_generator
from .options import like_a_worker
from .report import table, write


@dataclass(frozen=True)
class Shape:
    name: str
    config: GeneratorConfig
    batch: int


SHAPES = (
    Shape(
        "128 px, the default prior's widths",
        GeneratorConfig(128, z_dim=256, w_dim=256, mapping_layers=4, channel_base=4096, channel_max=256),
        8,
    ),
    Shape("256 px, official widths", GeneratorConfig(256, channel_base=16384), 4),
    Shape("1024 px, official widths", GeneratorConfig(1024, channel_base=32768), 1),
)
BUDGET = 24.0  # seconds of timing per pair of cells at most; at least one run each
RUNS = 7


def main() -> None:
    like_a_worker()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--quick", action="store_true", help="leave 1024 px out")
    parser.add_argument(
        "--against", type=Path, help="folder of an older checkout, which makes the same pictures in turn"
    )
    parser.add_argument("--out", default="generator", help="page name")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    times = [(shape, measure(shape)) for shape in SHAPES[: 2 if args.quick else 3]]
    rows = [row for shape, timed in times for row in as_rows(shape, timed)]
    intro = (
        "Milliseconds per image. *Reference*: one modulated kernel per sample, applied as a convolution with one group per image, inserted "
        "zeros and FIR filter, as in the original code but in plain PyTorch (tests/benchmarks/reference_generator.py). *Ours*: factored "
        "demodulation, shared kernels, channels_last. Same weights and latents; the first line of each pair checks that the pictures are "
        "equal. Medians of up to 7 runs after a warm-up, reference and ours in turn. *Forward*: frozen weights, no gradient, as in "
        "serving. *Inversion step*: gradient of w, frozen weights. *Forward + backward*: gradients of all synthesis weights and of w, "
        "as in tuning. Optimisation runs in bf16 where that is measured to be faster (precision.py). With one thread the times are the "
        "processor's, which other programs disturb less than the clock's."
    )
    write(
        args.out,
        "Generator speed",
        [
            intro,
            table(
                ("shape", "batch", "number format", "pass", "reference, ms", "ours, ms", "ratio", "largest difference"),
                rows,
            ),
            summary(times),
            *(against(args.against) if args.against else ()),
        ],
    )


def against(checkout: Path) -> list[str]:
    return [
        f"One thread, the shipped generators, medians of {generator_checkouts.ROUNDS} runs of each checkout in turn:",
        table(generator_checkouts.HEADER, list(generator_checkouts.rows(checkout))),
    ]


PASSES = {"forward": "forward", "inversion": "inversion step", "tuning": "forward + backward"}
LABELS = {torch.float32: "fp32", torch.bfloat16: "bf16"}


@dataclass(frozen=True)
class Timed:
    reference: float  # seconds per image
    ours: float
    difference: float


Times = dict[tuple[torch.dtype, str], Timed]


def as_rows(shape: Shape, times: Times) -> list[list[str]]:
    return [
        [
            shape.name,
            str(shape.batch),
            LABELS[dtype],
            PASSES[name],
            f"{1000 * t.reference:.0f}",
            f"{1000 * t.ours:.0f}",
            f"{t.reference / t.ours:.2f}×",
            f"{t.difference:.0e}" if name == "forward" else "",
        ]
        for (dtype, name), t in times.items()
    ]


def summary(times: list[tuple[Shape, Times]]) -> str:
    """Our bf16 against the fp32 reference."""
    lines = [
        (shape.name, *(f"{t[torch.float32, name].reference / t[torch.bfloat16, name].ours:.2f}×" for name in PASSES))
        for shape, t in times
    ]
    return "Ours in bf16 against the reference in fp32:\n\n" + table(("shape", *PASSES.values()), lines)


def measure(shape: Shape) -> Times:
    torch.manual_seed(0)
    generator = StyleGAN2(shape.config).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    plain = copy.deepcopy(generator).to(memory_format=torch.contiguous_format)
    w = torch.randn(shape.batch, shape.config.w_dim)
    times: Times = {}
    for dtype in LABELS:
        with torch.no_grad():
            reference, forward = (
                reference_generator.synthesis(plain, w, dtype=dtype),
                generator.synthesis(w, dtype=dtype),
            )
            difference = float((reference - forward).abs().max() / reference.abs().max())
        if dtype is torch.float32 and difference > 1e-3:
            raise AssertionError(f"{shape.name}: the two formulations differ by {difference:.2g} of the largest pixel")
        del reference, forward
        for name in PASSES:
            run = _forward if name == "forward" else partial(_backward, train=name == "tuning")
            theirs, ours = medians(
                partial(run, plain, partial(reference_generator.synthesis, plain, dtype=dtype), w),
                partial(run, generator, partial(generator.synthesis, dtype=dtype), w),
            )
            times[dtype, name] = Timed(theirs / shape.batch, ours / shape.batch, difference)
            print(" | ".join(as_rows(shape, {(dtype, name): times[dtype, name]})[0]), flush=True)
    return times


@torch.no_grad()
def _forward(generator: StyleGAN2, synthesis: Callable[[Tensor], Tensor], w: Tensor) -> None:
    generator.requires_grad_(False)
    synthesis(w)


def _backward(generator: StyleGAN2, synthesis: Callable[[Tensor], Tensor], w: Tensor, *, train: bool) -> None:
    generator.synthesis.requires_grad_(train)
    w = w.clone().requires_grad_()
    synthesis(w).square().mean().backward()
    generator.zero_grad(set_to_none=True)


def medians(*runs: Callable[[], None]) -> list[float]:
    """Seconds of each; the warm-up counts towards the budget."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    begun = time.perf_counter()
    for run in runs:
        run()
    times: list[list[float]] = [[] for _ in runs]
    while len(times[0]) < RUNS and (not times[0] or time.perf_counter() - begun < BUDGET):
        for run, taken in zip(runs, times, strict=True):
            started = clock()
            run()
            taken.append(clock() - started)
    return [statistics.median(taken) for taken in times]


if __name__ == "__main__":
    main()
