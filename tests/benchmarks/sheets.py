"""Contact sheets: a full PNG beside the working files, a small JPEG in docs/benchmarks for the tables."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from portraitist_workers.faces.image_io import to_uint8

from .report import PAGES

LABEL = 96  # px at the left of each row
MAX_BYTES = 150_000


def sheet(rows: Sequence[tuple[str, Tensor]], *, headings: Sequence[str] = (), scale: int = 1) -> Image.Image:
    """Rows of pictures [B, 3, R, R], each with a label at its left; `headings` stand above the columns."""
    side = rows[0][1].shape[-1] * scale
    columns = max(len(images) for _, images in rows)
    top = 16 if headings else 0
    canvas = Image.new("RGB", (LABEL + columns * side, top + len(rows) * side), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(11)
    for c, text in enumerate(headings):
        pen.text((LABEL + c * side + 4, 1), text, "black", font)
    for r, (label, images) in enumerate(rows):
        for line, part in enumerate(label.split("\n")):
            pen.text((4, top + r * side + 4 + 14 * line), part, "black", font)
        for c, pixels in enumerate(to_uint8(images)):
            picture = Image.fromarray(np.ascontiguousarray(pixels))
            canvas.paste(picture.resize((side, side), Image.Resampling.BICUBIC), (LABEL + c * side, top + r * side))
    return canvas


def save(picture: Image.Image, name: str, work: Path) -> str:
    """WORK/NAME.png and docs/benchmarks/NAME.jpg (under 150 KB); returns the Markdown that shows the latter."""
    work.mkdir(parents=True, exist_ok=True)
    picture.save(work / f"{name}.png")
    for size in (1600, 1300, 1000, 800, 600):
        small = picture.copy()
        small.thumbnail((size, size * 2), Image.Resampling.LANCZOS)
        for quality in (88, 80, 70):
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=quality)
            if buffer.tell() < MAX_BYTES:
                PAGES.mkdir(parents=True, exist_ok=True)
                (PAGES / f"{name}.jpg").write_bytes(buffer.getvalue())
                return f"![{name}]({name}.jpg)"
    raise ValueError(f"sheet {name} does not fit into {MAX_BYTES} bytes")
