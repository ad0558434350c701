"""The README's pictures, cut from what the demonstration made: small JPEGs in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..report import Content
from ..report.embed import tiles

_WHITE = "white"


def save_sheets(content: Content, folder: Path) -> list[Path]:
    """portraits.jpg, grid.jpg, edit.jpg, restore.jpg, group.jpg, as far as the content has them."""
    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Image.Image] = {}
    if content.preview is not None and content.portraits:
        photos, _ = tiles(content.preview)
        count = min(6, len(photos), len(content.portraits))
        step = len(photos) / count
        real = [photos[int(i * step)] for i in range(count)]
        made["portraits"] = board([real, [p.image for p in content.portraits[:count]]], side=140)
    if content.grid is not None:
        width = len(content.grid.columns[1])
        pictures = [p.image for p in content.grid.pictures]
        made["grid"] = board([pictures[i : i + width] for i in range(0, len(pictures), width)], side=128)
    close = [
        (e.close_before, e.close_after)
        for e in content.edits
        if e.close_before is not None and e.close_after is not None
    ]
    if close:
        made["edit"] = board([[close[0][0], *(after for _, after in close)]], side=210)
    faces = [list(r.close) for r in content.restorations if r.close is not None]
    if faces:
        made["restore"] = board([list(row) for row in zip(*faces[:3], strict=True)], side=180)
    if content.group is not None:
        made["group"] = board([[content.group.before, content.group.after.image]], side=420)
    paths = []
    for name, picture in made.items():
        paths.append(folder / f"{name}.jpg")
        picture.save(paths[-1], "JPEG", quality=88, optimize=True)
    return paths


def board(rows: Sequence[Sequence[Image.Image]], *, side: int, gap: int = 4) -> Image.Image:
    """Rows of pictures, each `side` px wide, on white."""
    height = round(side * rows[0][0].height / rows[0][0].width)
    page = Image.new("RGB", (len(rows[0]) * (side + gap) - gap, len(rows) * (height + gap) - gap), _WHITE)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            shown = picture.convert("RGB").resize((side, height), Image.Resampling.LANCZOS)
            page.paste(shown, (x * (side + gap), y * (height + gap)))
    return page
