"""Command-line options that the benchmarks share."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from platformdirs import user_cache_dir

from . import people
from .methods import Options, use_prior


def common(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--people", default=",".join(people.NAMES))
    parser.add_argument("--photos", type=int, default=16, help="photos to personalise with, 3-16")
    parser.add_argument("--preset", default="balanced", choices=("fast", "balanced", "best"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="fewer pictures behind each figure")
    parser.add_argument("--threads", type=int, default=None, help="torch threads; default: torch's own choice")
    parser.add_argument("--prior", default=None, help="folder of networks to test instead of the installed ones")
    parser.add_argument("--work", type=Path, default=Path(user_cache_dir("portraitist")) / "benchmarks",
                        help="folder for working files and full-size sheets")
    return parser


def to_options(args: argparse.Namespace) -> Options:
    """Also applies --threads and --prior to this process."""
    use_prior(args.prior)
    if args.threads:
        torch.set_num_threads(args.threads)
    return Options(preset=args.preset, photos=args.photos, seed=args.seed, prior=args.prior, threads=args.threads,
                   steps=getattr(args, "steps", None), mystyle_updates=getattr(args, "mystyle_updates_per_photo", 1000),
                   mystyle_seconds=getattr(args, "mystyle_seconds", None) or float("inf"))
