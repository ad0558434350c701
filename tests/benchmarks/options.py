"""Command-line options that the benchmarks share."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch
from platformdirs import user_cache_dir

from . import people
from .methods import Options, use_prior


def like_a_worker() -> None:
    """Start this program anew with the allocator settings of the embedded worker (embedded.py), where it lacks them."""
    settings = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
    if any(name not in os.environ for name in settings):
        os.environ.update(settings)  # glibc reads them when a process starts
        os.execv(sys.executable, sys.orig_argv)


def common(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    like_a_worker()
    parser.add_argument("--people", default=",".join(people.NAMES))
    parser.add_argument("--photos", type=int, default=16, help="photos to personalise with, 3-16 (ada: 40)")
    parser.add_argument("--preset", default="balanced", choices=("fast", "balanced", "best"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="fewer pictures behind each figure")
    parser.add_argument("--threads", type=int, default=None, help="torch threads; default: torch's own choice")
    parser.add_argument(
        "--prior",
        default=None,
        help="another bundled prior, or a folder of networks to try instead of the installed ones",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(user_cache_dir("portraitist")) / "benchmarks",
        help="folder for working files and full-size sheets",
    )
    return parser


def to_options(args: argparse.Namespace) -> Options:
    """Also applies --threads and --prior to this process."""
    use_prior(args.prior)
    if args.threads:
        torch.set_num_threads(args.threads)
    return Options(
        preset=args.preset,
        photos=args.photos,
        seed=args.seed,
        prior=args.prior,
        threads=args.threads,
        steps=getattr(args, "steps", None),
        mystyle_updates=getattr(args, "mystyle_updates_per_photo", 1000),
        mystyle_seconds=getattr(args, "mystyle_seconds", None) or float("inf"),
    )
