"""Pictures as data: URIs, so that the page needs no other file."""

from __future__ import annotations

import base64
import html
import io

from PIL import Image

from portraitist.decoding.door import open_picture
from portraitist.errors import InvalidImage

_QUALITY = 88  # JPEG; 128 px portraits are small enough for 92


def img(image: Image.Image, alt: str, *, side: int | None = None, css: str = "") -> str:
    """An <img> with the picture inside, shrunk so that its longer side is at most `side` px."""
    picture = image.convert("RGB")
    if side is not None and max(picture.size) > side:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small = max(picture.size) <= 160
    picture.save(file, "JPEG", quality=92 if small else _QUALITY, subsampling=0 if small else 2, optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    name = f' class="{css}"' if css else ""
    return (
        f'<img{name} width="{picture.width}" height="{picture.height}" alt="{html.escape(alt, quote=True)}" '
        f'src="data:image/jpeg;base64,{data}">'
    )


def figure(picture: str, caption: str, css: str = "") -> str:
    """A picture (an <img>) with small print below; both are HTML."""
    name = f' class="{css}"' if css else ""
    return f'<figure{name}>{picture}<figcaption class="figures">{caption}</figcaption></figure>'


def opened(data: bytes) -> Image.Image | None:
    """The picture, upright; None where there is no decodable one (photos that were refused may be anything)."""
    try:
        return open_picture(data, "photo", 1024).image
    except InvalidImage:
        return None


def tiles(sheet: Image.Image) -> tuple[list[Image.Image], list[Image.Image]]:
    """The two rows of a sheet of square pictures, photos above reproductions."""
    side = sheet.height // 2
    photos, reproductions = (
        [sheet.crop((x, y, x + side, y + side)) for x in range(0, sheet.width - side + 1, side)] for y in (0, side)
    )
    return photos, reproductions
