"""Options of the demonstration."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from portraitist.errors import PortraitistError


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="portraitist demo",
        description="Personalise an example person, make, edit and restore pictures of them, and write a report.",
    )
    parser.add_argument(
        "--examples",
        type=Path,
        help="folder with photos/, new.jpg, group.jpg and damaged/ (default: the project's examples/)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo"),
        help="folder for the report and the demo's own state; replaced (default: demo/)",
    )
    parser.add_argument("--preset", choices=("fast", "balanced", "best"), default="balanced")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=Path, help="also write the README's pictures into this folder")
    options = parser.parse_args(argv)
    from .setting import find_examples
    from .story import Demo  # after --help: it imports torch

    try:
        examples = find_examples(options.examples)
        return Demo(examples, options.out, preset=options.preset, seed=options.seed, images=options.images).run()
    except PortraitistError as error:
        print(f"portraitist demo: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
